"""What pages keep in their browser, which may keep nothing, or hand back what is not theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.chromium import new_page
from tests.browser.agent import Agent
from tests.browser.console import Console
from tests.browser.office import ECHO, Office

# As a browser does whose user or policy lets no page keep anything.
BLOCKED = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(globalThis, name, {
    get() { throw new DOMException("denied", "SecurityError"); },
  });
}"""
FULL = """Storage.prototype.setItem = () => {
  throw new DOMException("no room", "QuotaExceededError");
};"""


@pytest.mark.case("L53")
@pytest.mark.parametrize("browsers", [BLOCKED, FULL], ids=["blocked", "full"])
def test_a_browser_that_keeps_nothing(browser: Browser, desk: Office, browsers: str) -> None:
    with new_page(browser) as page:
        page.add_init_script(browsers)
        agent = Agent(page, desk).sign_in()
        agent.call(ECHO, contact_ref="kept-nowhere")
        agent.button("Hang up").click()
        agent.sees_end("You hung up.")
        console = Console(page, desk).sign_in()
        console.page.get_by_label("Your extension").fill("1201")
        console.page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.case("L53")
@pytest.mark.parametrize("left", [5, "x", [], {"peer": None}, {"peer": ECHO, "hungUp": True}])
def test_a_call_that_is_none(page: Page, desk: Office, left: Any) -> None:
    """The page begins as any other: its records and its microphone, too."""
    agent = Agent(page, desk)
    agent.open()
    page.evaluate("left => sessionStorage.setItem('click2dial.call', left)", json.dumps(left))
    agent.open()
    expect(page.locator("#sign-in-trouble")).to_be_hidden()
    agent.fill_sign_in()
    expect(page.locator("#feed-state")).to_have_text("Live")
    expect(page.get_by_label("Number to call")).to_have_value("")


@pytest.mark.case("L53")
@pytest.mark.parametrize("chosen", [5, "x", [], {"microphone": 5, "speaker": {"id": {}}}])
def test_devices_that_are_none(page: Page, desk: Office, chosen: Any) -> None:
    agent = Agent(page, desk)
    agent.open()
    store = "chosen => localStorage.setItem('click2dial.devices', chosen)"
    page.evaluate(store, json.dumps(chosen))
    agent.sign_in()
    page.get_by_text("Microphone, speaker, ringer").click()
    page.get_by_label("Microphone", exact=True).select_option(label="Fake Audio Input 2")
    expect(page.locator("#devices-trouble")).to_be_hidden()
    page.reload()
    agent.fill_sign_in()
    page.get_by_text("Microphone, speaker, ringer").click()
    chosen_now = page.locator("#microphone option:checked")
    expect(chosen_now).to_have_text("Fake Audio Input 2")
