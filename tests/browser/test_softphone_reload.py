"""The page is loaded anew, opened by a telephone link, or installed."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, expect

from sandbox.chromium import TIMEOUT
from sandbox.process import until
from tests.browser.agent import Agent
from tests.browser.office import ECHO, Office


@pytest.fixture
def agent(page: Page, desk: Office) -> Agent:
    return Agent(page, desk).sign_in()


def no_channels(desk: Office) -> bool:
    return "0 active channels" in desk.pbx.cli("core show channels")


def test_loaded_anew_during_a_call(agent: Agent, desk: Office) -> None:
    """The call is hung up, it is said, and it is one key away."""
    agent.call(ECHO, contact_ref="client-4711")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    agent.page.on("dialog", leave)
    agent.page.reload()
    assert asked == ["beforeunload"]
    record = desk.crm.pop()
    assert (record["number"], record["end_reason"], record["end_code"]) == (ECHO, "hungup", 16)
    until(lambda: no_channels(desk), TIMEOUT, "the end of the call")
    notice = agent.page.get_by_role("alert")
    expect(notice).to_have_text(
        "The call with 082 000 0191 was hung up when this page was loaded anew. "
        "Sign in to call again."
    )
    agent.picture("left")
    agent.fill_sign_in()
    expect(agent.page.get_by_label("Number to call")).to_have_value("082 000 0191")
    agent.page.keyboard.press("Enter")
    agent.is_in_call()
    agent.button("Hang up").click()
    assert desk.crm.pop()["contact_ref"] == "client-4711"
    agent.sees_end("You hung up.")
    agent.page.reload()
    expect(notice).to_be_hidden()


def test_a_page_that_stopped(agent: Agent) -> None:
    """It could not hang up, and says what it knows."""
    agent.call(ECHO)
    left = agent.page.evaluate("sessionStorage.getItem('click2dial.call')")
    agent.button("Hang up").click()
    agent.sees_end("You hung up.")
    # A page that crashes leaves what it had stored.
    agent.page.evaluate("(left) => sessionStorage.setItem('click2dial.call', left)", left)
    agent.page.reload()
    expect(agent.page.get_by_role("alert")).to_contain_text(
        "This page stopped during the call with 082 000 0191."
    )


def opened_for(desk: Office, link: str) -> str:
    return f"{desk.page}?call={quote(link, safe='')}"


@pytest.mark.parametrize(
    "link",
    [
        *("tel:+27-82-000-0191", "tel:082000-0191;ext=12", "callto:+27820000191"),
        *("+27 82 000 0191", "tel:%2B27%2082%20000%200191", "tel:+27820000191%3Bext=12"),
    ],
)
def test_a_telephone_link(page: Page, desk: Office, link: str) -> None:
    """It waits until somebody has signed in; nothing is called that nobody asked for."""
    agent = Agent(page, desk)
    agent.open(opened_for(desk, link))
    agent.fill_sign_in()
    callee = page.get_by_label("Number to call")
    expect(callee).to_have_value("082 000 0191" if link.startswith("tel:0") else "27 82 000 0191")
    expect(callee).to_be_focused()
    expect(agent.button("Call")).to_be_enabled()
    assert page.url == desk.page
    page.reload()
    agent.fill_sign_in()
    expect(callee).to_have_value("")


def test_a_telephone_link_of_one_who_signs_in_at_once(page: Page, desk: Office) -> None:
    """Before it is certain that no other window takes the number."""
    page.add_init_script(
        "const set = setTimeout; setTimeout = (work, ms) => set(work, ms === 500 ? 3000 : ms)"
    )
    agent = Agent(page, desk)
    agent.open(opened_for(desk, "tel:+27820000191"))
    agent.fill_sign_in()
    expect(agent.line_state).to_have_text("Ready")
    expect(page.get_by_label("Number to call")).to_have_value("27 82 000 0191")


def test_a_telephone_link_beside_a_softphone(agent: Agent, desk: Office) -> None:
    """The window that is signed in has the number, during a call, too, and calls nobody."""
    context: BrowserContext = agent.page.context
    agent.call(ECHO)
    other = context.new_page()
    other.goto(opened_for(desk, "tel:+27820000192"))
    expect(other.get_by_role("alert")).to_have_text(
        "The number is in the window that is signed in. This one can be closed."
    )
    agent.button("Hang up").click()
    expect(agent.page.get_by_label("Number to call")).to_have_value("27 82 000 0192")
    assert desk.crm.pop()["number"] == ECHO


def test_it_asks_for_telephone_links(agent: Agent, desk: Office) -> None:
    asked = agent.page.evaluate_handle(
        "() => { const asked = []; "
        "navigator.registerProtocolHandler = (...what) => asked.push(what); return asked; }"
    )
    agent.button("Open telephone links with this softphone").click()
    assert asked.json_value() == [["tel", f"{desk.page}?call=%s"]]


def test_it_can_be_installed(page: Page, desk: Office) -> None:
    Agent(page, desk).open()
    devtools = page.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert (manifest["errors"], manifest["manifest"]["startUrl"]) == ([], desk.page)
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Playwright's windows are like private ones, in which nothing can be installed.
    assert [error["errorId"] for error in errors] == ["in-incognito"]
