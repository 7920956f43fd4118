"""The console on a real PBX: who talks with whom, what can be done to it, and what was."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from sandbox.chromium import await_audio, new_page
from sandbox.process import until
from sandbox.proxy import Network, Proxy
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.browser.agent import Agent
from tests.browser.console import Console
from tests.browser.office import API_KEY, ECHO, HOST, SUPERVISOR_KEY, Office
from tests.browser.pushed import keep
from tests.browser.test_softphone_page import check_accessibility
from tests.http.live_rig import record

ECHO_SHOWN = "082 000 0191"


@pytest.fixture
def agent(other_page: Page, desk: Office) -> Agent:
    """The agent's phone: a softphone in another window."""
    return Agent(other_page, desk).sign_in(key="")


@pytest.fixture
def console(page: Page, desk: Office) -> Console:
    return Console(page, desk).sign_in()


@pytest.fixture
def third_page(browser: Browser) -> Iterator[Page]:
    """The supervisor's own phone."""
    with new_page(browser) as opened:
        yield opened


@pytest.mark.case("C7")
def test_a_call_is_seen_from_its_beginning_to_its_end(
    console: Console, agent: Agent, desk: Office
) -> None:
    expect(console.agent("1200")).to_contain_text("Idle")
    expect(console.page.get_by_text("Nobody is in a call.")).to_be_visible()
    before = console.total()
    agent.call(ECHO, contact_ref="client-4711")
    row = console.call(ECHO_SHOWN)
    expect(row).to_contain_text("In a call")
    expect(row).to_contain_text("Outbound · client-4711")
    expect(row.locator(".time")).to_have_text("0:02")
    expect(console.agent("1200")).to_contain_text("Talking")
    expect(console.agent("1200")).to_contain_text(ECHO_SHOWN)
    agent.button("Hold").click()
    expect(row).to_contain_text("On hold")
    expect(console.agent("1200")).to_contain_text("On hold")
    console.picture("console-call")
    agent.button("Resume").click()
    expect(row).to_contain_text("In a call")
    agent.button("Hang up").click()
    expect(console.page.get_by_text("Nobody is in a call.")).to_be_visible()
    expect(console.agent("1200")).to_contain_text("Idle")
    expect(console.page.locator("#outcome-all")).to_have_text(str(before + 1))
    expect(console.page.locator("#chart canvas")).to_be_visible()


@pytest.mark.case("L11")
def test_a_stream_that_died_unheard(page: Page, agent: Agent, desk: Office) -> None:
    """The connection stays, and nothing comes: after a while nobody knows how it is."""
    proxy = Proxy(desk.http_port)
    try:
        page.clock.install()
        console = Console(page, desk).sign_in(address=f"http://{HOST}:{proxy.port}/console")
        agent.call(ECHO)
        row = console.call(ECHO_SHOWN)
        expect(row).to_contain_text("In a call")
        proxy.network = Network.DROPS
        page.clock.fast_forward(51_000)
        expect(console.stream).to_have_text("Reconnecting")
        page.clock.fast_forward(6_000)
        expect(console.agent("1200")).to_contain_text("Not known")
        expect(row).to_contain_text("Not known")
        expect(row.get_by_role("button", name="Listen")).to_be_disabled()
        agent.button("Hang up").click()
        proxy.network = Network.WORKS
        for _ in range(2):  # what is being tried is given up, and tried anew
            page.clock.fast_forward(31_000)
        expect(console.stream).to_have_text("Live")
        expect(console.agent("1200")).to_contain_text("Idle")
        expect(console.page.get_by_text("Nobody is in a call.")).to_be_visible()
    finally:
        proxy.close()


@pytest.mark.case("L55")
def test_a_page_in_place_of_the_stream(page: Page, agent: Agent, desk: Office) -> None:
    """As a proxy answers while what is behind it is away: it is no stream, and nothing is known."""
    proxy = Proxy(desk.http_port)
    try:
        page.clock.install()
        console = Console(page, desk).sign_in(address=f"http://{HOST}:{proxy.port}/console")
        expect(console.agent("1200")).to_contain_text("Idle")
        away = "<!doctype html><h1>We are back soon</h1>"
        page.route(
            "**/click2dial/events", lambda route: route.fulfill(body=away, content_type="text/html")
        )
        proxy.reset()
        expect(console.stream).to_have_text("Reconnecting")
        for _ in range(7):  # ever more rarely, and none of them puts it off
            page.clock.fast_forward(1_000)
        expect(console.agent("1200")).to_contain_text("Not known")
        expect(console.stream).to_have_text("Reconnecting")
        page.unroute("**/click2dial/events")
        page.clock.fast_forward(31_000)
        expect(console.stream).to_have_text("Live")
        expect(console.agent("1200")).to_contain_text("Idle")
    finally:
        proxy.close()


@pytest.mark.case("L11")
def test_a_server_that_does_not_answer_is_said(page: Page, desk: Office) -> None:
    proxy = Proxy(desk.http_port)
    try:
        page.clock.install()
        console = Console(page, desk).sign_in(address=f"http://{HOST}:{proxy.port}/console")
        proxy.network = Network.DROPS
        console.search(agent="1200")
        page.clock.fast_forward(26_000)
        expect(page.locator("#search-state")).to_have_text("The server cannot be reached.")
    finally:
        proxy.close()


def test_hanging_up_is_asked_about(console: Console, agent: Agent, desk: Office) -> None:
    agent.call(ECHO)
    console.press(ECHO_SHOWN, "Hang up")
    dialog = console.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Hang up the call of 1200 with {ECHO_SHOWN}?")
    console.page.keyboard.press("Enter")  # the answer that does nothing has the focus
    expect(dialog).to_be_hidden()
    agent.is_in_call()
    console.press(ECHO_SHOWN, "Hang up")
    dialog.get_by_role("button", name="Hang up").click()
    agent.sees_end("The other side hung up.")
    expect(console.result).to_have_text(f"The call of 1200 with {ECHO_SHOWN} was hung up.")
    assert desk.crm.pop()["end_reason"] == "hungup"


def test_a_client_is_put_on_hold(console: Console, agent: Agent, desk: Office) -> None:
    """The agent's phone knows nothing of it, and hears nothing; its own hold key is its own."""
    agent.call(ECHO)
    row = console.call(ECHO_SHOWN)
    console.press(ECHO_SHOWN, "Hold")
    expect(console.result).to_have_text(f"{ECHO_SHOWN} hears music.")
    expect(row).to_contain_text("On hold")
    expect(agent.call_state).to_have_text("In a call")
    hold = row.get_by_role("button", name="Resume")
    expect(hold).to_have_attribute("aria-label", f"Resume: 1200 with {ECHO_SHOWN}")
    hold.click()
    off = f"{ECHO_SHOWN} is off hold, unless the agent's own phone holds the call."
    expect(console.result).to_have_text(off)
    expect(row).to_contain_text("In a call")
    expect(row.get_by_role("button", name="Hold")).to_be_enabled()
    agent.is_in_call()
    agent.button("Hold").click()
    expect(row).to_contain_text("On hold")
    hold.click()
    expect(console.result).to_have_text(off)
    expect(row).to_contain_text("On hold")
    agent.button("Hang up").click()
    expect(console.page.get_by_text("Nobody is in a call.")).to_be_visible()


def test_a_supervisor_listens(console: Console, agent: Agent, third_page: Page) -> None:
    """With a phone of his own, which rings; whispering and barging in are the same to the page."""
    supervisor = Agent(third_page, console.desk, "1201").sign_in(key="")
    agent.call(ECHO)
    console.press(ECHO_SHOWN, "Listen")
    expect(console.result).to_have_text("Your extension, whose phone is to ring, comes first.")
    expect(console.page.get_by_label("Your extension")).to_be_focused()
    console.page.keyboard.type("1299")
    console.press(ECHO_SHOWN, "Whisper")
    expect(console.result).to_contain_text("Not done: extension: a supervisor whose phone")
    console.page.get_by_label("Your extension").fill("1201")
    console.press(ECHO_SHOWN, "Barge in")
    expect(console.result).to_have_text("The phone of 1201 rings.")
    supervisor.button("Answer").click()
    expect(supervisor.call_state).to_have_text("In a call")
    await_audio(third_page)
    agent.is_in_call()
    expect(console.page.locator("#calls tr")).to_have_count(1)


def test_an_operators_key_steers_and_does_not_listen(
    page: Page, agent: Agent, desk: Office
) -> None:
    console = Console(page, desk).sign_in(API_KEY)
    agent.call(ECHO)
    buttons = console.call(ECHO_SHOWN).get_by_role("button")
    expect(buttons).to_have_text(["Hold", "Hang up"])
    expect(page.get_by_label("Your extension")).to_be_hidden()


def test_a_key_is_checked_and_kept_for_the_tab_alone(page: Page, desk: Office) -> None:
    page.goto(desk.console)
    console = Console(page, desk)
    console.fill_sign_in("wrong")
    expect(page.get_by_role("alert")).to_have_text("This key is not known.")
    expect(page.get_by_label("Key")).to_be_focused()
    console.fill_sign_in(API_KEY)
    expect(console.stream).to_have_text("Live")
    assert API_KEY not in page.evaluate("JSON.stringify(localStorage) + document.cookie")
    page.reload()
    expect(console.stream).to_have_text("Live")
    page.get_by_role("button", name="Sign out").click()
    assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_server_goes_away_and_comes_back(console: Console, agent: Agent) -> None:
    desk = console.desk
    agent.call(ECHO)
    desk.server.stop()
    expect(console.stream).to_have_text("Reconnecting")
    desk.server.start()
    expect(console.stream).to_have_text("Live", timeout=patience(15) * 1000)
    expect(console.call(ECHO_SHOWN)).to_contain_text("In a call", timeout=patience(10) * 1000)
    expect(console.health).to_have_text("All is well", timeout=patience(15) * 1000)


def test_the_history_is_searched(console: Console, store: RedisServer) -> None:
    now = int(time.time())
    serial = now % 1_000_000 * 1000
    keep(
        store,
        record(serial, contact_ref="find-me", dialed_at=now - 60, end_reason="busy"),
        record(serial + 1, contact_ref="find-me", extension="1001", number="0820000777"),
        *(record(serial + 2 + n, contact_ref="find-many") for n in range(60)),
    )
    console.search(ref="find-me")
    expect(console.page.locator("#search-state")).to_have_text("2 records")
    expect(console.found.filter(has_text="Busy")).to_have_count(1)
    console.search(number="082 000 0777")
    expect(console.page.locator("#search-state")).to_have_text("1 record")
    expect(console.found).to_contain_text("082 000 0777")
    console.search(number="", ref="find-many")
    expect(console.found).to_have_count(50)
    console.page.get_by_role("button", name="More").click()
    expect(console.found).to_have_count(60)
    expect(console.page.get_by_role("button", name="More")).to_be_hidden()
    console.search(agent="9999", ref="")
    expect(console.page.locator("#search-state")).to_contain_text("Not searched: agent: ")
    console.search(agent="", ref="nobody-has-this")
    expect(console.page.locator("#search-state")).to_have_text("No record is like this.")


def test_nothing_of_a_record_is_html(console: Console, store: RedisServer) -> None:
    evil = "<img src=x onerror='document.title=1'>"
    now = int(time.time())
    serial = now % 1_000_000 * 1000 + 500
    hostile = dict.fromkeys(("extension", "number", "end_reason", "dial_number"), evil)
    keep(store, record(serial, dialed_at=now, contact_ref="evil", **hostile))
    console.search(ref="evil")
    expect(console.found).to_have_count(1)
    expect(console.found.locator(".pill")).to_have_text(evil)
    assert console.page.locator("img[src=x]").count() == 0


def test_redis_is_away(console: Console, store: RedisServer) -> None:
    """The parts are named, each with what is wrong; the page asks again by itself."""
    with Redis.from_url(store.url) as redis:
        before = redis.config_get("maxmemory-policy")["maxmemory-policy"]
        redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            expect(console.health).to_have_text(
                "Something does not work", timeout=patience(20) * 1000
            )
            expect(console.page.locator("#parts li").first).to_have_text("RedisDoes not work")
            console.picture("console-trouble")
        finally:
            redis.config_set("maxmemory-policy", before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser: Browser, agent: Agent, desk: Office, scheme: str) -> None:
    """No state has a violation that axe-core knows, contrast included; nothing is cut off."""
    with new_page(browser, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as page:
        page.goto(desk.console)
        check_accessibility(page)
        console = Console(page, desk).sign_in()
        agent.call(ECHO)
        expect(console.call(ECHO_SHOWN)).to_contain_text("In a call")
        console.search(agent="1200")
        expect(page.locator("#search-state")).not_to_have_text("Searching …")
        console.press(ECHO_SHOWN, "Listen")
        check_accessibility(page)
        console.press(ECHO_SHOWN, "Hang up")
        check_accessibility(page)
        page.keyboard.press("Escape")
        for width in (320, 700, 1500):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_with_the_keyboard_alone(console: Console, agent: Agent) -> None:
    """From a call's end the focus goes to its list, not to the top of the page."""
    agent.call(ECHO)
    page = console.page
    console.call(ECHO_SHOWN).get_by_role("button", name="Listen").focus()
    for name in ("Whisper", "Barge in", "Hold", "Hang up"):
        page.keyboard.press("Tab")
        expect(console.call(ECHO_SHOWN).get_by_role("button", name=name)).to_be_focused()
    agent.button("Hang up").click()
    expect(page.get_by_role("heading", name="Calls")).to_be_focused()


def test_the_page_lets_nothing_in(desk: Office) -> None:
    with httpx.Client(base_url=f"http://{HOST}:{desk.http_port}") as http:
        page = http.get("/console")
        assert page.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert http.get("/console", headers={"Host": "evil.example"}).status_code == 421
        for name in ("console.js", "console.css", "icon.svg"):
            assert http.get(f"/console/{name}").status_code == 200
        for key, supervisor in ((API_KEY, False), (SUPERVISOR_KEY, True)):
            told = http.get("/console/health", headers={"Authorization": f"Bearer {key}"}).json()
            assert told["supervisor"] is supervisor
        assert http.get("/console/health").status_code == 401


def test_a_reload_switches_it_off(desk: Office) -> None:
    config = desk.server.config
    (integrator,) = config["integrators"]
    desk.server.write(config | {"integrators": [integrator | {"console": False}]})
    desk.server.reload()
    try:
        until(lambda: httpx.get(desk.console).status_code == 404, 10, "the reload")
        for path in ("/health", "/console.js"):
            headers = {"Authorization": f"Bearer {API_KEY}"}
            assert httpx.get(desk.console + path, headers=headers).status_code == 404
    finally:
        desk.server.write(config)
        desk.server.reload()
        until(lambda: httpx.get(desk.console).status_code == 200, 10, "the reload")
