"""The contact's page in the CRM: it opens with the call, or there is a link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Playwright, Route, expect

from sandbox.calls import AwaitBye, Call, place_call
from sandbox.chromium import TIMEOUT, chromium, new_page
from sandbox.process import until
from tests.browser.agent import Agent
from tests.browser.office import CLIENT, DID, ECHO, HOST, Office

CONTACT = "client-4711"  # whom the office says the client from outside is


def contacts_page(desk: Office, reference: str = CONTACT) -> str:
    return f"http://{HOST}:{desk.crm_port}/contacts/{reference}?from=phone"


@pytest.fixture(autouse=True)
def pages_of_contacts(desk: Office) -> Iterator[None]:
    """The integrator has some, for as long as these tests run."""
    (integrator,) = desk.server.config["integrators"]
    pop_url = contacts_page(desk, "{contact_ref}")
    reload(desk, desk.server.config | {"integrators": [integrator | {"pop_url": pop_url}]})
    yield
    reload(desk, desk.server.config)


def reload(desk: Office, config: dict[str, Any]) -> None:
    wanted = config["integrators"][0].get("pop_url")
    desk.server.write(config)
    desk.server.reload()

    def told() -> bool:
        answer = httpx.get(f"{desk.page}/config").json()
        return bool(answer["pop_url"] == wanted)

    until(told, TIMEOUT, "the new configuration")


def serve_crm(page: Page, desk: Office) -> None:
    """Answer for the CRM, in all windows, with what it can see of the window that opened it."""

    def answer(route: Route) -> None:
        route.fulfill(
            content_type="text/html",
            body="<script>document.title = `opener ${opener} from ${document.referrer}`</script>",
        )

    page.context.route(f"http://{HOST}:{desk.crm_port}/**", answer)


def link(agent: Agent) -> Locator:
    return agent.page.locator("#contact-link")


@pytest.fixture
def agent(page: Page, desk: Office, pages_of_contacts: None) -> Agent:
    serve_crm(page, desk)
    return Agent(page, desk).sign_in()


@contextmanager
def a_client_calls(desk: Office) -> Iterator[Call]:
    with place_call(desk.pbx, agent=CLIENT, callee=DID, then=AwaitBye()) as caller:
        yield caller
        caller.hang_up()


def test_it_opens_when_a_client_calls(agent: Agent, desk: Office) -> None:
    """A window of its own, which knows nothing of the telephone's."""
    before = len(agent.page.context.pages)
    with agent.page.expect_popup() as opened, a_client_calls(desk):
        expect(link(agent)).to_have_text(CONTACT)
        expect(link(agent)).to_have_attribute("href", contacts_page(desk))
        agent.picture("contact")
        opened.value.wait_for_url(contacts_page(desk))
        expect(opened.value).to_have_title("opener null from ")
        agent.button("Answer").click()
        expect(agent.call_state).to_have_text("In a call")
    assert len(agent.page.context.pages) == before + 1


def test_it_opens_when_a_client_is_called(agent: Agent, desk: Office) -> None:
    with agent.page.expect_popup() as opened:
        agent.call(ECHO, contact_ref="matter.7~x")
    opened.value.wait_for_url(contacts_page(desk, "matter.7~x"))


def test_a_browser_that_blocks_it(playwright: Playwright, desk: Office) -> None:
    """Nothing opens by itself; there is a link, and "Answer" is a click."""
    with chromium(playwright, popups=False) as browser, new_page(browser) as page:
        serve_crm(page, desk)
        agent = Agent(page, desk).sign_in()
        # A click counts for 5 s, and so does all that Playwright asks the page.
        page.wait_for_timeout(6000)
        with a_client_calls(desk) as caller:
            caller.wait_status(180)
            expect(link(agent)).to_have_text(CONTACT)
            assert len(page.context.pages) == 1
            with page.expect_popup() as opened:
                agent.button("Answer").click()
            opened.value.wait_for_url(contacts_page(desk))


@pytest.mark.parametrize("reference", ["", "..", "."])
def test_a_reference_that_has_no_page(agent: Agent, desk: Office, reference: str) -> None:
    before = len(agent.page.context.pages)
    agent.call(ECHO, contact_ref=reference)
    expect(link(agent)).to_be_hidden()
    expect(agent.page.locator("#contact-text")).to_have_text(reference)
    assert len(agent.page.context.pages) == before


def test_a_reference_that_is_not_valid(agent: Agent, desk: Office) -> None:
    """It goes nowhere but behind the address that was configured."""
    with agent.page.expect_popup() as opened:
        agent.dial(ECHO, contact_ref="../x?y#z/@evil.example")
    opened.value.wait_for_url(contacts_page(desk, "..%2Fx%3Fy%23z%2F%40evil.example"))
