"""The softphone page around its calls: sign-in, trouble, reconnection, records, accessibility."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, expect

from click2dial_agi.domain.numbering import country_plan
from sandbox.chromium import chromium, new_page
from sandbox.process import require, until
from sandbox.redis import RedisServer
from sandbox.trunk import Trunk
from sandbox.waiting import patience
from tests.browser.agent import Agent
from tests.browser.examples import MODULES
from tests.browser.office import ECHO, Office, office

AXE = MODULES / "axe-core" / "axe.min.js"


def test_a_wrong_password(page: Page, desk: Office) -> None:
    agent = Agent(page, desk)
    agent.open()
    agent.picture("sign-in")
    agent.fill_sign_in(password="wrong")
    expect(page.get_by_role("alert")).to_have_text("Wrong extension or password.")
    agent.picture("sign-in-refused")
    agent.fill_sign_in(key="")
    expect(agent.line_state).to_have_text("Ready")


@pytest.mark.case("L54")
@pytest.mark.parametrize("extension", ["%", "1200@elsewhere", "a b"])
def test_an_extension_that_cannot_be_one(page: Page, desk: Office, extension: str) -> None:
    agent = Agent(page, desk, extension)
    agent.open()
    agent.fill_sign_in(password="any", key="")
    expect(page.get_by_role("alert")).to_have_text("Wrong extension or password.")
    expect(agent.button("Sign in")).to_be_enabled()


@pytest.mark.case("L54")
@pytest.mark.parametrize("callee", ["-", "( )", "%", "tel:"])
def test_what_has_no_number_in_it_is_refused_with_a_reason(
    page: Page, desk: Office, callee: str
) -> None:
    agent = Agent(page, desk).sign_in(key="")
    agent.dial(callee)
    agent.sees_end("one value is not valid")
    expect(page.locator("#callee-error")).to_contain_text("3-4 digits")
    agent.call(ECHO)
    agent.button("Transfer").click()
    page.get_by_label("Transfer to").fill(callee)
    agent.button("Transfer now").click()
    # Some the PBX refuses at once, others the server: then the call comes back.
    kept, back = (page.get_by_text(text) for text in ("still yours", "did not take this call"))
    expect(kept.or_(back)).to_be_visible()


@pytest.mark.case("L54")
def test_blanks_are_no_number(page: Page, desk: Office) -> None:
    agent = Agent(page, desk).sign_in(key="")
    agent.dial("  ")
    expect(page.locator("#callee:invalid")).to_be_focused()
    expect(page.locator("#call-panel")).to_be_hidden()


@pytest.mark.case("L54")
@pytest.mark.parametrize("ws", [5, "http://127.0.0.1/ws"])
def test_a_configuration_that_is_none(page: Page, desk: Office, ws: object) -> None:
    """As of a proxy that makes something of it: the sign-in says so, and can be tried again."""
    agent = Agent(page, desk)
    agent.open()
    page.route(
        "**/softphone/config", lambda route: route.fulfill(json=route.fetch().json() | {"ws": ws})
    )
    agent.fill_sign_in(key="")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(agent.button("Sign in")).to_be_enabled()


def test_signing_out(page: Page, desk: Office) -> None:
    """The extension is remembered, the password is not."""
    agent = Agent(page, desk).sign_in()
    agent.button("Sign out").click()
    expect(page.get_by_label("Extension")).to_have_value("1200")
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Password")).to_be_focused()
    stored = page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert "secret" not in stored


def test_records_need_a_key(page: Page, desk: Office) -> None:
    agent = Agent(page, desk).sign_in(key="not-a-key")
    expect(page.get_by_text("sign in with an API key")).to_be_visible()
    agent.call(ECHO)  # calls do not


def test_the_edge_goes_away(page: Page, desk: Office) -> None:
    """A call that is up goes on; the line comes back by itself."""
    agent = Agent(page, desk).sign_in()
    agent.call(ECHO, contact_ref="through-it")
    desk.server.stop()
    expect(agent.line_state).to_have_text("Reconnecting")
    expect(agent.trouble).to_have_text("The server cannot be reached. Trying again …")
    agent.is_in_call()
    agent.picture("reconnecting")
    desk.server.start()
    expect(agent.line_state).to_have_text("Ready")
    expect(agent.trouble).to_be_hidden()
    expect(page.locator("#feed-state")).to_have_text("Live", timeout=patience(10) * 1000)
    agent.button("Hang up").click()
    expect(agent.records.filter(has_text="through-it")).to_have_count(1)
    agent.call(ECHO)


def test_asterisk_restarts(page: Page, desk: Office) -> None:
    agent = Agent(page, desk).sign_in()
    desk.pbx.stop()
    expect(agent.line_state).to_have_text("Reconnecting")
    expect(agent.button("Call")).to_be_disabled()
    desk.pbx.start()
    page.evaluate("dispatchEvent(new Event('online'))")  # spares the test the longest wait
    expect(agent.line_state).to_have_text("Ready", timeout=patience(10) * 1000)
    agent.call(ECHO)


def test_the_form_shows_numbers_as_the_integrators_plan_has_them(page: Page, desk: Office) -> None:
    """Not South Africa's, wherever it is."""

    def of_britain(route: Route) -> None:
        config = route.fetch().json()
        assert config["examples"] == {"callee": "0820000100", "outbound_id": "27110001234"}
        plan = country_plan("GB")
        examples = {"callee": plan.example, "outbound_id": plan.caller_id_example}
        route.fulfill(json={**config, "numbers": plan.rules(), "examples": examples})

    agent = Agent(page, desk).sign_in()
    callee, outbound_id = page.locator("#callee"), page.locator("#outbound-id")
    expect(callee).to_have_attribute("placeholder", "082 000 0100")
    expect(outbound_id).to_have_attribute("placeholder", "27 11 000 1234")
    agent.button("Sign out").click()
    page.route("**/softphone/config", of_britain)
    agent.fill_sign_in(key="")
    expect(callee).to_have_attribute("placeholder", "0121 234 5678")


def test_no_server_at_sign_in(page: Page, desk: Office) -> None:
    agent = Agent(page, desk)
    agent.open()
    page.route("**/softphone/config", lambda route: route.abort())
    agent.fill_sign_in()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")


def test_the_microphone_is_refused(playwright: Playwright, desk: Office) -> None:
    with chromium(playwright, microphone="deny") as browser, new_page(browser) as page:
        agent = Agent(page, desk).sign_in()
        expect(agent.trouble).to_contain_text("The microphone is blocked.")
        agent.picture("microphone")
        agent.dial(ECHO)
        agent.sees_end("The microphone is blocked.")


def test_not_a_secure_context(page: Page, desk: Office) -> None:
    agent = Agent(page, desk)
    agent.open(desk.page.replace("127.0.0.1", "pbx.example.com"))
    agent.fill_sign_in()
    expect(agent.trouble).to_contain_text("only to pages on https:// or on localhost")


def test_without_the_edge(tree: Path, trunk: Trunk, store: RedisServer, page: Page) -> None:
    """Calls work; that a value was not valid is all that is said."""
    with office(tree, trunk, store, edge=False) as direct:
        agent = Agent(page, direct).sign_in()
        agent.call(ECHO)
        agent.button("Hang up").click()
        agent.sees_end("You hung up.")
        agent.dial("12345")
        agent.sees_end("The call was refused: a value is not valid.")
        expect(agent.outcome.locator("li")).to_have_count(0)
        expect(agent.records.first).to_contain_text("Not valid")


def test_over_tls(
    tree: Path, trunk: Trunk, store: RedisServer, browser: Browser, tmp_path: Path
) -> None:
    """https and wss with one certificate, on a name that is not localhost."""
    tls = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    subprocess.run(
        [
            *(require("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", "/CN=pbx.example.com", "-keyout", tls["key"], "-out", tls["cert"]),
        ],
        check=True,
        capture_output=True,
    )
    with (
        office(tree, trunk, store, tls=tls) as desk,
        new_page(browser, ignore_https_errors=True) as page,
    ):
        agent = Agent(page, desk)
        agent.open(desk.page.replace("127.0.0.1", "pbx.example.com"))
        agent.fill_sign_in()
        expect(agent.line_state).to_have_text("Ready")
        agent.call(ECHO)
        desk.server.reload()
        until(lambda: "configuration reloaded" in desk.server.log(), 10, "the reload")
        assert httpx.get(desk.page, verify=False).status_code == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser: Browser, desk: Office, scheme: str) -> None:
    """No state has a violation that axe-core knows, contrast included."""
    with new_page(browser, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as page:
        agent = Agent(page, desk)
        agent.open()
        check_accessibility(page)
        agent.sign_in()
        agent.dial("12345", contact_ref="client/4711")
        agent.sees_end("2 values are not valid")
        expect(agent.records.filter(has_text="Not valid").first).to_be_visible()
        check_accessibility(page)
        agent.call(ECHO)
        agent.button("Keypad").click()
        check_accessibility(page)
        agent.button("Transfer").click()
        page.get_by_label("Transfer to").fill("reception")
        agent.button("Transfer now").click()
        expect(page.locator("#transfer-trouble")).to_be_visible()
        check_accessibility(page)
        page.get_by_label("Transfer to").fill(ECHO)
        agent.button("Ask first").click()
        agent.is_in_call()
        check_accessibility(page)


def check_accessibility(page: Page) -> None:
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run()")
    assert [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found["violations"]
    ] == []


@pytest.mark.parametrize("width", [320, 600, 1400])
def test_nothing_is_cut_off(browser: Browser, desk: Office, width: int) -> None:
    with new_page(browser, viewport={"width": width, "height": 700}) as page:
        agent = Agent(page, desk).sign_in()
        agent.dial("12345", outbound_id="31612345678", contact_ref="client/4711")
        agent.sees_end("3 values are not valid")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
