"""Pages that Back brings as they were left: the browser has kept them, and stopped meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Playwright, expect

from sandbox.chromium import TIMEOUT, chromium, new_page
from sandbox.process import until
from tests.browser.agent import Agent
from tests.browser.console import Console
from tests.browser.crm_page import CRMServer, crm_server
from tests.browser.office import ECHO, Office
from tests.browser.test_button import button, says
from tests.browser.test_softphone_reload import no_channels


@pytest.fixture
def kept(playwright: Playwright, built: None) -> Iterator[Page]:
    """A page of a browser that keeps it."""
    with chromium(playwright, keeps=True) as browser, new_page(browser) as page:
        page.add_init_script(
            "addEventListener('pageshow', ({ persisted }) => { globalThis.isBack = persisted; })"
        )
        yield page


@pytest.fixture
def crm(desk: Office) -> Iterator[CRMServer]:
    with crm_server(desk) as server:
        server.clients = [(ECHO, "client-4711", "082 000 0191")]
        yield server


def leave(page: Page, desk: Office) -> None:
    page.goto(f"http://127.0.0.1:{desk.http_port}/click2dial.json")


def is_brought_back(page: Page) -> None:
    page.go_back(wait_until="commit")
    until(lambda: page.evaluate("globalThis.isBack"), TIMEOUT, "the page as it was left")


@pytest.mark.case("L13")
def test_a_softphone_asks_to_sign_in(kept: Page, desk: Office) -> None:
    """It has hung up and unregistered when it was left: it is not ready for calls."""
    agent = Agent(kept, desk).sign_in()
    leave(kept, desk)
    kept.go_back(wait_until="commit")
    expect(agent.button("Sign in")).to_be_visible()
    agent.fill_sign_in()
    expect(agent.line_state).to_have_text("Ready")
    agent.call(ECHO)
    kept.on("dialog", lambda dialog: dialog.accept())
    leave(kept, desk)
    until(lambda: no_channels(desk), TIMEOUT, "the end of the call")
    kept.go_back(wait_until="commit")
    expect(kept.get_by_role("alert")).to_contain_text("The call with 082 000 0191 was hung up")


def test_a_console_is_live(kept: Page, other_page: Page, desk: Office) -> None:
    agent = Agent(other_page, desk).sign_in(key="")
    console = Console(kept, desk).sign_in()
    expect(console.agent("1200")).to_contain_text("Idle")
    leave(kept, desk)
    agent.call(ECHO)
    is_brought_back(kept)
    expect(console.agent("1200")).to_contain_text("Talking")
    expect(console.stream).to_have_text("Live")


def test_a_button_knows_what_happened_meanwhile(
    kept: Page, other_page: Page, desk: Office, crm: CRMServer
) -> None:
    agent = Agent(other_page, desk).sign_in(key="")
    kept.goto(crm.url)
    expect(button(kept, "0191")).to_have_attribute("data-state", "free")
    leave(kept, desk)
    agent.call(ECHO)
    is_brought_back(kept)
    expect(button(kept, "0191")).to_have_attribute("title", "You are in a call")
    agent.button("Hang up").click()
    button(kept, "0191").click()
    agent.button("Answer").click()
    says(kept, "0191", "In a call")
    leave(kept, desk)
    agent.button("Hang up").click()
    is_brought_back(kept)
    says(kept, "0191", "Call ended")
