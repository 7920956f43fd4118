"""No sound comes: it is noticed within 10 s, and said, and so is that it is back."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from sandbox.chromium import TIMEOUT, audio
from sandbox.process import until
from tests.browser.agent import Agent
from tests.browser.office import ECHO, PAUSES, Office

NOTICED = 10.0  # seconds
NOTHING = "No sound comes from the other side."
BACK = "The sound is back."


@pytest.fixture
def agent(page: Page, desk: Office) -> Agent:
    return Agent(page, desk).sign_in()


def last_packet(agent: Agent) -> float:
    """Wait until packets have come and come no more; return when the last one came, or later."""
    at, received = time.monotonic(), 0

    def stopped() -> bool:
        nonlocal at, received
        now, before = audio(agent.page)["received"], received
        received = now
        if now != before:
            at = time.monotonic()
        return bool(now > 20 and time.monotonic() - at > 0.5)

    until(stopped, TIMEOUT, "packets, and then none")
    return at


def test_it_is_said_that_none_comes_and_that_it_is_back(agent: Agent) -> None:
    notice = agent.page.locator("#silence")
    agent.dial(PAUSES)
    expect(agent.call_state).to_have_text("In a call")
    at = last_packet(agent)
    expect(notice).to_contain_text(NOTHING)
    assert time.monotonic() - at < NOTICED
    agent.picture("silence")
    expect(notice).to_have_text(BACK)
    agent.button("Hang up").click()
    agent.call(ECHO)
    expect(notice).to_be_hidden()


def test_who_sends_nothing_from_the_first(agent: Agent, desk: Office) -> None:
    agent.dial(desk.trunk.number("answer"))
    expect(agent.call_state).to_have_text("In a call")
    expect(agent.page.locator("#silence")).to_contain_text(NOTHING, timeout=NOTICED * 1000)


def test_hold_is_no_fault(agent: Agent) -> None:
    """To whom we hold nothing is sent."""
    agent.call(ECHO)
    agent.button("Hold").click()
    expect(agent.call_state).to_have_text("On hold")
    last_packet(agent)
    agent.page.wait_for_timeout(NOTICED * 1000)
    expect(agent.page.locator("#silence")).to_be_hidden()
    agent.button("Resume").click()
    agent.is_in_call()
    expect(agent.page.locator("#silence")).to_be_hidden()
