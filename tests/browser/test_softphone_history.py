"""The softphone's records of before: there at the sign-in, once, and to be called again."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.proxy import Proxy
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.browser.agent import Agent
from tests.browser.office import ECHO, HOST, Office
from tests.browser.pushed import keep
from tests.http.live_rig import record

MINE = "client-of-this-test"


def mine(agent: Agent) -> Locator:
    """The records of this test; another's call may have ended a moment ago."""
    return agent.records.filter(has_text=MINE)


def test_they_are_there_again_after_signing_out(page: Page, desk: Office) -> None:
    agent = Agent(page, desk).sign_in()
    agent.call(ECHO, contact_ref=MINE)
    agent.button("Hang up").click()
    expect(mine(agent)).to_have_count(1)
    agent.button("Sign out").click()
    page.reload()
    agent.fill_sign_in()
    expect(agent.line_state).to_have_text("Ready")
    expect(mine(agent)).to_have_count(1)
    mine(agent).get_by_role("button").click()
    agent.is_in_call()
    agent.button("Hang up").click()
    expect(mine(agent)).to_have_count(2)


def test_what_was_missed_comes_in_its_place(page: Page, desk: Office, store: RedisServer) -> None:
    """By the time of their ends, an hour of which was told before; of others' calls nothing."""
    now = int(time.time())
    serial = now % 1_000_000 * 1000 + 700
    at = {"extension": "1200", "dialed_at": now, "contact_ref": MINE}
    keep(store, record(serial, **at, number="0820000301"))
    keep(store, record(serial + 1, **at, number="0820000302"))
    agent = Agent(page, desk).sign_in()
    expect(mine(agent)).to_have_count(2)
    desk.server.stop()
    expect(page.locator("#feed-state")).to_have_text("Reconnecting")
    keep(
        store,
        record(serial + 2, **{**at, "dialed_at": now - 3600}, number="0820000303"),
        record(serial + 3, **{**at, "dialed_at": now + 9}, number="0820000304"),
        record(serial + 4, **{**at, "extension": "1201"}, number="0820000305"),
    )
    desk.server.start()
    expect(mine(agent)).to_have_count(4, timeout=patience(15) * 1000)
    expect(mine(agent).first).to_contain_text("082 000 0304")
    expect(mine(agent).last).to_contain_text("082 000 0303")


@pytest.mark.case("L11")
def test_a_stream_that_died_unheard(page: Page, desk: Office, store: RedisServer) -> None:
    proxy = Proxy(desk.http_port)
    try:
        page.clock.install()
        agent = Agent(page, desk)
        agent.open(f"http://{HOST}:{proxy.port}/softphone")
        agent.fill_sign_in()
        expect(page.locator("#feed-state")).to_have_text("Live")
        proxy.halt()
        page.clock.fast_forward(51_000)
        expect(page.locator("#feed-state")).to_have_text("Reconnecting")
        serial = int(time.time()) % 1_000_000 * 1000 + 900
        keep(store, record(serial, extension="1200", contact_ref=MINE))
        # Chromium may ask over another connection that died, which takes until its deadline.
        for _ in range(10):
            page.clock.fast_forward(26_000)
            page.wait_for_timeout(500)
            if page.locator("#feed-state").text_content() == "Live":
                break
        expect(page.locator("#feed-state")).to_have_text("Live")
        expect(mine(agent)).to_have_count(1)
    finally:
        proxy.close()


def test_a_server_without_history(page: Page, desk: Office, store: RedisServer) -> None:
    page.route("**/click2dial/history*", lambda route: route.fulfill(status=501, body="{}"))
    serial = int(time.time()) % 1_000_000 * 1000 + 800
    keep(store, record(serial, extension="1200", contact_ref=MINE))
    agent = Agent(page, desk).sign_in()
    expect(page.locator("#feed-state")).to_have_text("Live")
    agent.call(ECHO, contact_ref="now")
    agent.button("Hang up").click()
    expect(agent.records.filter(has_text="now")).to_have_count(1)
    expect(mine(agent)).to_have_count(0)
