"""Transfers with the softphone: who talks to whom, what the agent is told, and the records."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.calls import AwaitBye, place_call
from sandbox.chromium import TIMEOUT, audio
from sandbox.waiting import patience
from tests.browser.agent import Agent
from tests.browser.office import CLIENT, DID, ECHO, HANGS_UP, Office
from tests.e2e.records import Payload

CLIENT_REF = "client-4711"


@pytest.fixture
def agent(page: Page, desk: Office) -> Agent:
    return Agent(page, desk).sign_in()


@pytest.fixture
def colleague(other_page: Page, desk: Office) -> Agent:
    return Agent(other_page, desk, "1201").sign_in()


def begin_transfer(agent: Agent, target: str, how: str = "Transfer now") -> None:
    agent.button("Transfer").click()
    agent.page.get_by_label("Transfer to").fill(target)
    agent.button(how).click()


def consult(agent: Agent, colleague: Agent) -> None:
    """Call a client, then ask the colleague, who answers."""
    agent.call(ECHO, contact_ref=CLIENT_REF)
    begin_transfer(agent, colleague.extension, "Ask first")
    colleague.button("Answer").click()
    agent.is_in_call()
    colleague.is_in_call()
    expect(title(agent)).to_have_text(colleague.extension)
    expect(agent.page.locator("#waiting")).to_have_text("On hold: 082 000 0191")


def title(agent: Agent) -> Locator:
    return agent.page.locator("#call-title")


def trouble(agent: Agent) -> Locator:
    return agent.page.locator("#transfer-trouble")


def records(desk: Office, count: int) -> dict[str, Payload]:
    """The records by the number of the other side; there are no more than so many."""
    found = {record["number"]: record for record in desk.crm.pop_many(count)}
    assert (len(found), desk.crm.waiting()) == (count, 0)
    return found


def test_a_client_is_sent_to_a_colleague(agent: Agent, colleague: Agent, desk: Office) -> None:
    agent.call(ECHO, contact_ref=CLIENT_REF)
    agent.button("Transfer").click()
    agent.picture("transfer")
    agent.page.get_by_label("Transfer to").fill("1201")
    agent.page.keyboard.press("Enter")
    agent.sees_end("The call was sent to 1201.")
    expect(title(colleague)).to_have_text("082 000 0191")
    expect(colleague.page.locator("#call-contact")).to_have_text(CLIENT_REF)
    colleague.button("Answer").click()
    colleague.is_in_call()
    colleague.button("Hang up").click()
    record = records(desk, 1)[ECHO]
    assert (record["extension"], record["contact_ref"]) == ("1201", CLIENT_REF)
    assert (record["call_dir"], record["end_reason"]) == ("outbound", "hungup")


def test_a_client_is_sent_to_a_number(agent: Agent, desk: Office) -> None:
    """The leg to the number is a call of its own, of the same client."""
    agent.call(ECHO, contact_ref=CLIENT_REF)
    begin_transfer(agent, "082 000 0192")
    agent.sees_end("The call was sent to")
    found = records(desk, 2)
    for called in (ECHO, HANGS_UP):
        assert (found[called]["extension"], found[called]["call_dir"]) == ("1200", "outbound")
        assert found[called]["contact_ref"] == CLIENT_REF
        assert found[called]["end_reason"] == "hungup"
    assert found[ECHO]["call_ref"] != found[HANGS_UP]["call_ref"]


def test_a_target_that_cannot_be(agent: Agent, desk: Office) -> None:
    """It says why, and the client is still there."""
    agent.call(ECHO)
    begin_transfer(agent, "reception")
    expect(trouble(agent)).to_have_text(
        "Calls cannot be sent to this number. The call is still yours."
    )
    agent.picture("transfer-refused")
    agent.is_in_call()
    agent.button("Hang up").click()
    agent.sees_end("You hung up.")
    assert records(desk, 1)[ECHO]["extension"] == "1200"


def test_nobody_takes_the_client(agent: Agent, colleague: Agent, desk: Office) -> None:
    agent.call(ECHO)
    begin_transfer(agent, "1201")
    colleague.button("Reject").click()
    expect(agent.page.locator("#call-note")).to_have_text(
        "1201 did not take this call. It comes back to you."
    )
    agent.picture("transfer-back")
    agent.button("Answer").click()
    agent.is_in_call()
    agent.button("Hang up").click()
    agent.sees_end("You hung up.")
    assert records(desk, 1)[ECHO]["extension"] == "1200"


def test_a_target_that_the_server_refuses(agent: Agent, desk: Office) -> None:
    """It comes back at once, before the PBX has told how the transfer went."""
    with place_call(desk.pbx, agent=CLIENT, callee=DID, then=AwaitBye()) as caller:
        agent.button("Answer").click()
        expect(agent.call_state).to_have_text("In a call")
        begin_transfer(agent, "12345")
        expect(agent.page.locator("#call-note")).to_contain_text("12345 did not take this call.")
        agent.button("Answer").click()
        expect(agent.call_state).to_have_text("In a call")
        agent.button("Hang up").click()
        assert caller.result(TIMEOUT).ended_by == "peer"
    record = records(desk, 1)[CLIENT]
    assert (record["extension"], record["call_dir"]) == ("1200", "inbound")


def test_asking_first(agent: Agent, colleague: Agent, desk: Office) -> None:
    """Ask, talk to each in turn, connect them: the client's record is the colleague's."""
    consult(agent, colleague)
    agent.picture("consultation")
    agent.button("Swap calls").click()
    expect(title(agent)).to_have_text("082 000 0191")
    expect(agent.page.locator("#waiting")).to_have_text("On hold: 1201")
    expect(agent.call_state).to_have_text("In a call")
    agent.button("Swap calls").click()
    expect(title(agent)).to_have_text("1201")
    agent.is_in_call()
    agent.button("Complete transfer").click()
    agent.sees_end("The call was connected with 1201.")
    colleague.is_in_call()  # now with the client, who says back what he hears
    colleague.button("Hang up").click()
    found = records(desk, 2)
    assert (found[ECHO]["extension"], found[ECHO]["call_dir"]) == ("1201", "outbound")
    assert found[ECHO]["contact_ref"] == CLIENT_REF
    assert (found["1201"]["extension"], found["1201"]["call_dir"]) == ("1200", "internal")
    assert found[ECHO]["call_time"] >= found["1201"]["call_time"]


def test_a_consultation_is_cancelled(agent: Agent, colleague: Agent, desk: Office) -> None:
    """The client is talked to again, with no further key."""
    consult(agent, colleague)
    agent.button("Cancel transfer").click()
    colleague.sees_end("The other side hung up.")
    expect(title(agent)).to_have_text("082 000 0191")
    expect(agent.call_state).to_have_text("In a call")
    expect(trouble(agent)).to_be_hidden()
    hears_the_client(agent)
    agent.button("Hang up").click()
    found = records(desk, 2)
    assert (found[ECHO]["extension"], found["1201"]["extension"]) == ("1200", "1200")


def hears_the_client(agent: Agent) -> None:
    """The first connection of the page is the client's call."""
    agent.page.evaluate("connections.splice(1)")
    assert audio(agent.page)["direction"] == "sendrecv"
    agent.is_in_call()


def test_nobody_to_ask(agent: Agent, colleague: Agent) -> None:
    """The client waits on hold, until the agent takes him back."""
    agent.call(ECHO)
    begin_transfer(agent, "1201", "Ask first")
    expect(agent.call_state).to_have_text("Ringing …")
    expect(agent.button("Complete transfer")).to_be_disabled()
    colleague.button("Reject").click()
    expect(trouble(agent)).to_contain_text("1201: The call was rejected.")
    expect(title(agent)).to_have_text("082 000 0191")
    expect(agent.call_state).to_have_text("On hold")
    agent.button("Resume").click()
    expect(agent.call_state).to_have_text("In a call")
    hears_the_client(agent)


def test_the_client_leaves_during_a_consultation(
    agent: Agent, colleague: Agent, desk: Office
) -> None:
    with place_call(desk.pbx, agent=CLIENT, callee=DID, then=AwaitBye()) as caller:
        agent.button("Answer").click()
        expect(agent.call_state).to_have_text("In a call")
        begin_transfer(agent, "1201", "Ask first")
        colleague.button("Answer").click()
        agent.is_in_call()
        caller.hang_up()
        caller.result(TIMEOUT)
    expect(trouble(agent)).to_have_text("27 82 000 7777: The other side hung up.")
    expect(agent.button("Transfer")).to_be_visible()
    agent.is_in_call()
    agent.button("Hang up").click()
    colleague.sees_end("The other side hung up.")
    found = records(desk, 2)
    assert found[CLIENT]["extension"] == "1200"
    assert (found["1201"]["extension"], found["1201"]["call_dir"]) == ("1200", "internal")


def test_tones_are_not_sent_by_a_number_to_transfer_to(agent: Agent) -> None:
    agent.call(ECHO)
    agent.button("Transfer").click()
    agent.page.get_by_label("Transfer to").press_sequentially("1201")
    expect(agent.page.locator("#tones")).to_have_text("", timeout=patience(1) * 1000)
    agent.page.keyboard.press("Escape")
    expect(agent.button("Transfer")).to_be_focused()
    expect(agent.page.get_by_label("Transfer to")).to_be_hidden()
