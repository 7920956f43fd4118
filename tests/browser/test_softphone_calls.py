"""The softphone page's calls, on a real Asterisk, through the edge."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from sandbox.calls import AwaitBye, Cancel, place_call
from sandbox.chromium import TIMEOUT, audio, await_audio
from sandbox.process import until
from sandbox.rawsip import raw_invite
from tests.browser.agent import Agent
from tests.browser.office import CLIENT, DID, ECHO, HANGS_UP, PROVIDER, TONES, Office

#: How often the level meters of a call are drawn in a second.
COUNT_DRAWINGS = """() => new Promise((resolve) => {
  let drawn = 0;
  const seen = new MutationObserver((changes) => drawn += changes.length);
  const attributeFilter = ["data-level"];
  seen.observe(document.getElementById("levels"), { subtree: true, attributeFilter });
  setTimeout(() => resolve(drawn), 1000);
})"""


@pytest.fixture
def agent(page: Page, desk: Office) -> Agent:
    return Agent(page, desk).sign_in()


def test_a_good_call(agent: Agent, desk: Office) -> None:
    agent.picture("ready")
    agent.call("082 000 0191", outbound_id="+27 82 000 1234", contact_ref="client-4711")
    expect(agent.page.locator("#timer")).to_have_text("0:02")
    # One after the other: Chromium's microphone beeps, and the echo comes later than the beep.
    until(lambda: agent.level("local") > 0.3, TIMEOUT, "a level of the microphone")
    until(lambda: agent.level("remote") > 0.3, TIMEOUT, "a level of the other side")
    assert agent.page.evaluate(COUNT_DRAWINGS) <= 2 * 15
    agent.picture("call")
    agent.button("Hang up").click()
    agent.sees_end("You hung up.")
    record = desk.crm.pop()
    assert record["contact_ref"] == "client-4711"
    assert record["dial_number"] == "27820001234"
    assert (record["number"], record["end_reason"], record["end_code"]) == (ECHO, "hungup", 16)
    shown = agent.records.first
    expect(shown).to_contain_text("To 082 000 0191")
    expect(shown).to_contain_text("as 27 82 000 1234 · client-4711")
    expect(shown).to_contain_text("Ended")
    assert shown.get_attribute("data-call-ref") == record["call_ref"]
    agent.picture("ended")


def test_the_callee_hangs_up(agent: Agent, desk: Office) -> None:
    agent.dial(HANGS_UP)
    agent.sees_end("The other side hung up.")
    assert desk.crm.pop(TIMEOUT)["end_reason"] == "hungup"
    agent.call(ECHO)  # and the line is free again
    agent.button("Hang up").click()
    agent.sees_end("You hung up.")


@pytest.mark.parametrize(
    ("outcome", "text", "reason"),
    [
        ("busy", "Busy.", "busy"),
        ("decline", "The call was rejected.", "reject"),
        ("unavailable", "no way through", "error"),
    ],
)
def test_nobody_to_talk_to(
    agent: Agent, desk: Office, outcome: str, text: str, reason: str
) -> None:
    agent.dial(desk.trunk.number(outcome))
    agent.sees_end(text)
    assert desk.crm.pop()["end_reason"] == reason


def test_calling_again(agent: Agent, desk: Office) -> None:
    """By a record's button, with the keyboard; a number that was none has no button."""
    agent.dial("12345")
    agent.sees_end("one value is not valid")
    refused = agent.records.filter(has_text="Not valid")
    expect(refused).to_have_count(1)
    expect(refused.get_by_role("button")).to_have_count(0)
    agent.call(ECHO, contact_ref="client-4711")
    agent.button("Hang up").click()
    again = agent.button("Call again: 082 000 0191")
    agent.page.get_by_label("Reference").fill("another")
    again.focus()
    agent.page.keyboard.press("Enter")
    agent.is_in_call()
    expect(again).to_be_disabled()
    agent.button("Hang up").click()
    expect(again.first).to_be_enabled()
    agent.picture("records")
    _, *calls = desk.crm.pop_many(3)
    for record in calls:
        assert (record["number"], record["contact_ref"]) == (ECHO, "client-4711")


def test_calling_back(agent: Agent, other_page: Page, desk: Office) -> None:
    """Who called is called, not the one who was."""
    colleague = Agent(other_page, desk, "1201").sign_in()
    colleague.dial("1200")
    agent.button("Reject").click()
    agent.button("Call again: 1201").click()
    expect(colleague.page.locator("#call-title")).to_have_text("1200")
    colleague.button("Answer").click()
    agent.is_in_call()
    agent.button("Hang up").click()
    first, second = desk.crm.pop_many(2)
    assert (first["extension"], first["number"]) == ("1201", "1200")
    assert (second["extension"], second["number"]) == ("1200", "1201")


def test_given_up_while_it_rings(agent: Agent, desk: Office) -> None:
    number = desk.trunk.number("ring")
    agent.dial(number)
    expect(agent.call_state).to_have_text("Ringing …")
    agent.picture("ringing")
    agent.button("Hang up").click()
    agent.sees_end("You hung up before the call was answered.")
    desk.trunk.wait_ended(desk.trunk.wait_invite(number).call_id)
    assert (desk.crm.pop()["end_reason"]) == "hungup"


def test_a_bad_call_lists_its_errors(agent: Agent, desk: Office) -> None:
    agent.dial("12345", outbound_id="31612345678", contact_ref="client/4711")
    agent.sees_end("3 values are not valid")
    assert agent.outcome.locator("li").all_inner_texts() == [
        "Number\n3-4 digits, 10 digits starting 0, 11 digits starting 27 or 13-16 digits "
        "starting 00",
        "Caller ID\nrandom, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27",
        "Reference\nletters, digits and . - _ ~ only",
    ]
    for label in ("Number to call", "Caller ID to show", "Reference"):
        field = agent.page.get_by_label(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("digits"))
    expect(agent.page.get_by_label("Number to call")).to_be_focused()
    expect(agent.records.first).to_contain_text("Not valid")
    agent.picture("errors")
    record = desk.crm.pop()
    assert (record["end_reason"], record["end_code"]) == ("error", 28)
    # A value that is changed is no longer marked.
    agent.page.get_by_label("Reference").fill("client-4711")
    expect(agent.page.get_by_label("Reference")).not_to_have_attribute("aria-invalid", "true")


def test_hold_and_mute(agent: Agent) -> None:
    agent.call(ECHO)
    agent.button("Mute").click()
    expect(agent.button("Mute")).to_have_attribute("aria-pressed", "true")
    until(lambda: agent.level("remote") < 0.05, TIMEOUT, "silence")
    agent.button("Mute").click()
    until(lambda: agent.level("remote") > 0.3, TIMEOUT, "a voice")
    agent.button("Hold").click()
    expect(agent.call_state).to_have_text("On hold")
    assert audio(agent.page)["direction"] == "sendonly"
    agent.picture("hold")
    agent.button("Resume").click()
    expect(agent.call_state).to_have_text("In a call")
    assert audio(agent.page)["direction"] == "sendrecv"
    await_audio(agent.page)


def test_tones_from_keypad_and_keyboard(agent: Agent, desk: Office) -> None:
    agent.dial(TONES)
    expect(agent.call_state).to_have_text("In a call")
    await_audio_sent(agent)
    agent.button("Keypad").click()
    agent.page.get_by_role("group", name="Keypad").get_by_role("button", name="7").click()
    agent.page.get_by_role("group", name="Keypad").get_by_role("button", name="star").click()
    agent.page.locator("#call-panel").focus()
    agent.page.keyboard.press("0")
    agent.page.keyboard.press("4")
    expect(agent.page.get_by_label("Tones sent")).to_have_text("7*04")
    agent.picture("keypad")
    until(lambda: desk.tones() == "7*04", TIMEOUT, "the tones at Asterisk")


def await_audio_sent(agent: Agent) -> None:
    before = agent.sends()
    until(lambda: agent.sends() > before + 10, TIMEOUT, "packets")


def test_a_colleague_calls(agent: Agent, other_page: Page, desk: Office) -> None:
    """From browser to browser; taken and ended with the keyboard."""
    colleague = Agent(other_page, desk, "1201").sign_in()
    colleague.dial("1200")
    expect(agent.call_state).to_have_text("Incoming call")
    expect(agent.page.locator("#call-title")).to_have_text("1201")
    expect(agent.page).to_have_title("Incoming call: 1201")
    expect(colleague.call_state).to_have_text("Ringing …")
    agent.picture("incoming")
    agent.button("Answer").focus()
    agent.page.keyboard.press("Enter")
    agent.is_in_call()
    colleague.is_in_call()
    colleague.button("Hang up").focus()
    colleague.page.keyboard.press("Enter")
    agent.sees_end("The other side hung up.")
    record = desk.crm.pop()
    assert record["call_dir"] == "internal"
    expect(agent.records.first).to_contain_text("From 1201")
    expect(colleague.records.first).to_contain_text("To 1200")


def test_an_incoming_call_is_rejected(agent: Agent, desk: Office) -> None:
    with place_call(desk.pbx, agent="1000", callee="1200", headers=[], then=AwaitBye()) as caller:
        agent.button("Reject").click()
        agent.sees_end("You rejected the call.")
        assert caller.result(TIMEOUT).status == 403  # what Asterisk makes of 603
    assert desk.crm.pop()["end_reason"] == "reject"


def test_a_client_calls(agent: Agent, desk: Office) -> None:
    with place_call(desk.pbx, agent=CLIENT, callee=DID, then=AwaitBye()) as caller:
        expect(agent.page.locator("#call-title")).to_have_text("27 82 000 7777")
        expect(agent.page.locator("#call-contact")).to_have_text("client-4711")
        agent.button("Answer").click()
        expect(agent.call_state).to_have_text("In a call")
        agent.button("Hang up").click()
        assert caller.result(TIMEOUT).ended_by == "peer"
    record = desk.crm.pop()
    assert (record["call_dir"], record["extension"]) == ("inbound", "1200")
    assert (record["number"], record["contact_ref"]) == (CLIENT, "client-4711")


def test_a_caller_gives_up(agent: Agent, desk: Office) -> None:
    with place_call(desk.pbx, agent="1000", callee="1200", headers=[], then=Cancel(0.5)) as caller:
        expect(agent.call_state).to_have_text("Incoming call")
        agent.sees_end("Missed: the caller gave up.")
        caller.result(TIMEOUT)


def test_a_second_caller_hears_busy(agent: Agent, desk: Office) -> None:
    agent.call(ECHO)
    with place_call(desk.pbx, agent="1000", callee="1200", headers=[], then=AwaitBye()) as caller:
        assert caller.result(TIMEOUT).status == 486
    expect(agent.call_state).to_have_text("In a call")


@pytest.mark.case("A70")
@pytest.mark.parametrize("caller", [b"100%25", b"%FF%FE", b"%2541"])
def test_a_caller_whose_number_sip_js_cannot_read(
    agent: Agent, desk: Office, caller: bytes
) -> None:
    """It throws at such a From, so that nobody would hear of the call."""
    with ThreadPoolExecutor() as beside:
        line = PROVIDER + b"\r\n"
        call = beside.submit(
            raw_invite, desk.pbx, agent=caller, callee=DID.encode(), lines=line, timeout=TIMEOUT
        )
        expect(agent.page.locator("#call-title")).to_have_text("Unknown number")
        agent.button("Answer").click()
        assert call.result().status == 200
    record = desk.crm.pop()
    assert (record["extension"], record["number"]) == ("1200", "")
    assert record["end_reason"] == "hungup"


@pytest.mark.case("C70")
def test_the_end_of_another_number_is_not_dialled(agent: Agent, desk: Office) -> None:
    """Or another number yet would ring: 082 000 019/1 is no 082 000 0191."""
    agent.page.get_by_label("Number to call").press_sequentially("082 000 019/1")
    expect(agent.page.get_by_label("Number to call")).to_have_value("082 000 019/1")
    agent.page.get_by_label("Caller ID to show").fill("27820001234")
    agent.button("Call").click()
    agent.sees_end("one value is not valid")
    assert desk.crm.pop()["end_code"] == 28
