"""Two phones of one extension, where the PBX lets one be there: who loses the place is told."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from sandbox.chromium import TIMEOUT
from sandbox.process import until
from tests.browser.agent import Agent
from tests.browser.office import ECHO, Office

#: Milliseconds until a softphone registers again (src/line.js), and some.
RENEWED = 61_000


def contacts(desk: Office) -> set[str]:
    """Return where 1200 is rung."""
    shown = desk.pbx.cli("pjsip show aor 1200")
    return set(re.findall(r"sip:\S+?@[0-9.:]+", shown))


@pytest.mark.case("L19")
def test_a_softphone_whose_place_another_has_says_so(
    page: Page, other_page: Page, desk: Office
) -> None:
    page.clock.install()
    first = Agent(page, desk).sign_in()
    Agent(other_page, desk).sign_in()
    second = contacts(desk)
    page.clock.fast_forward(RENEWED)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Another phone has signed in with this extension")
    page.clock.fast_forward(RENEWED)
    assert contacts(desk) == second  # it is not taken back
    first.fill_sign_in(key="")
    expect(first.line_state).to_have_text("Ready")
    expect(alert).to_be_hidden()
    assert contacts(desk).isdisjoint(second)


@pytest.mark.case("L19")
def test_a_call_does_not_end_since_another_has_signed_in(
    page: Page, other_page: Page, desk: Office
) -> None:
    page.clock.install()
    first = Agent(page, desk).sign_in()
    first.call(ECHO)
    Agent(other_page, desk).sign_in()
    page.clock.fast_forward(RENEWED)
    first.is_in_call()
    first.button("Hang up").click()


@pytest.mark.case("L19")
def test_a_registrar_that_has_forgotten_is_registered_at_again(page: Page, desk: Office) -> None:
    page.clock.install()
    agent = Agent(page, desk).sign_in()
    assert contacts(desk)
    desk.pbx.cli("database deltree registrar")
    assert not contacts(desk)
    page.clock.fast_forward(RENEWED)
    until(lambda: contacts(desk), TIMEOUT, "the registration")
    expect(agent.line_state).to_have_text("Ready")


@pytest.mark.case("L20")
def test_a_place_that_is_not_given_up_is_no_wrong_password(
    page: Page, other_page: Page, desk: Office
) -> None:
    conf = desk.pbx.etc / "pjsip.conf"
    text = conf.read_text()
    conf.write_text(text.replace("remove_existing = yes", "remove_existing = no"))
    try:
        desk.pbx.cli("module reload res_pjsip.so")
        Agent(page, desk).sign_in()
        other = Agent(other_page, desk)
        other.open()
        other.fill_sign_in()
        expect(other_page.get_by_role("alert")).to_contain_text("does not take this phone")
    finally:
        conf.write_text(text)
        desk.pbx.cli("module reload res_pjsip.so")
