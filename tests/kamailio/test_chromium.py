"""The softphone's page in Chromium, with audio, through Kamailio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sandbox.chromium import await_audio, chromium, new_page
from sandbox.phone_call import PhoneCall
from sandbox.waiting import patience
from tests.browser.conftest import built
from tests.kamailio.rig import BROWSERS, Rig, password

__all__ = ["built"]

EXTENSION = str(BROWSERS[0])


@pytest.fixture
def page(rig: Rig, built: None) -> Iterator[Page]:
    """An agent who has signed in."""
    with sync_playwright() as playwright, chromium(playwright) as browser:
        expect.set_options(timeout=patience(5) * 1000)
        with new_page(browser) as page:
            page.goto(rig.page)
            page.get_by_label("Extension").fill(EXTENSION)
            page.get_by_label("Password").fill(password(EXTENSION))
            page.get_by_role("button", name="Sign in", exact=True).click()
            expect(page.locator("#line-state")).to_have_text("Ready")
            yield page


def _dial(page: Page, callee: str) -> None:
    page.get_by_label("Number to call").fill(callee)
    page.get_by_label("Caller ID to show").fill("27820001234")
    page.get_by_role("button", name="Call", exact=True).click()


@pytest.mark.slow
def test_a_softphone_calls_and_is_refused(rig: Rig, page: Page) -> None:
    number = rig.number()
    _dial(page, number)
    expect(page.locator("#call-state")).to_have_text("In a call")
    await_audio(page)

    async def hangs_up() -> None:
        _, callee = await rig.at_trunk(number)
        await callee.hang_up()

    rig.run(hangs_up())
    expect(page.locator("#outcome")).to_contain_text("The other side hung up.")
    _dial(page, "12")
    # Said of a refusal with error headers only.
    expect(page.locator("#outcome")).to_contain_text("one value is not valid")


@pytest.mark.slow
def test_a_softphone_is_called(rig: Rig, page: Page) -> None:
    async def calls() -> PhoneCall:
        return await rig.trunks[1].call(f"2721555{EXTENSION}", mark="client")

    call = rig.run(calls())
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.locator("#call-state")).to_have_text("In a call")
    await_audio(page)
    page.get_by_role("button", name="Hang up", exact=True).click()
    rig.run(call.over())
