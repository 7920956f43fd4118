"""Microphone, speaker and ringer: chosen, remembered, and gone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.calls import AwaitBye, place_call
from sandbox.chromium import TIMEOUT, new_page
from sandbox.process import until
from tests.browser.agent import Agent
from tests.browser.office import ECHO, Office

# Chromium's fake devices cannot be unplugged: those of a name are left out of what it lists, as it
# leaves out what was.
_UNPLUG = """(unplugged) => {
  const { mediaDevices } = navigator;
  const listed = MediaDevices.prototype.enumerateDevices;
  mediaDevices.enumerateDevices = async () =>
    (await listed.call(mediaDevices)).filter(({ label }) => label !== unplugged);
  mediaDevices.dispatchEvent(new Event("devicechange"));
}"""

# Keeps what makes sound where a test can ask it where to.
_KEEP_SOUND = """
globalThis.contexts = [];
const NativeContext = globalThis.AudioContext;
globalThis.AudioContext = class extends NativeContext {
  constructor() { super(); globalThis.contexts.push(this); }
};
"""
_NO_CHOICE = "delete HTMLMediaElement.prototype.setSinkId; delete AudioContext.prototype.setSinkId;"


@pytest.fixture
def agent(page: Page, desk: Office) -> Agent:
    page.add_init_script(_KEEP_SOUND)
    agent = Agent(page, desk).sign_in()
    open_choice(agent)
    return agent


def open_choice(agent: Agent) -> None:
    agent.page.get_by_text("Microphone, speaker, ringer").click()


def choose(agent: Agent, kind: str, label: str) -> str:
    (chosen,) = agent.page.get_by_label(kind, exact=True).select_option(label=label)
    return chosen


def microphone(agent: Agent) -> str:
    """What the newest call sends."""
    label: str = agent.page.evaluate("connections.at(-1).getSenders()[0].track.label")
    return label


def sinks(agent: Agent) -> set[str]:
    """Where tones and rings are heard."""
    return set(agent.page.evaluate("contexts.map(({ sinkId }) => sinkId)"))


def test_they_are_used_and_remembered(agent: Agent, desk: Office) -> None:
    choose(agent, "Microphone", "Fake Audio Input 2")
    speaker = choose(agent, "Speaker", "Fake Audio Output 1")
    ringer = choose(agent, "Ringer", "Fake Audio Output 2")
    agent.picture("devices")
    agent.page.reload()
    agent.fill_sign_in()
    open_choice(agent)
    for kind, label in (
        ("Microphone", "Fake Audio Input 2"),
        ("Speaker", "Fake Audio Output 1"),
        ("Ringer", "Fake Audio Output 2"),
    ):
        expect(agent.page.get_by_label(kind).locator("option:checked")).to_have_text(label)
    until(lambda: sinks(agent) == {speaker, ringer}, TIMEOUT, "the outputs")
    agent.call(ECHO)
    assert microphone(agent) == "Fake Audio Input 2"
    sink = agent.page.evaluate("document.getElementById('remote-audio').sinkId")
    assert sink == speaker != ringer
    agent.button("Hang up").click()
    with place_call(desk.pbx, agent="1000", callee="1200", headers=[], then=AwaitBye()) as caller:
        agent.button("Answer").click()
        expect(agent.call_state).to_have_text("In a call")
        assert microphone(agent) == "Fake Audio Input 2"
        agent.button("Hang up").click()
        caller.result(TIMEOUT)


def sounds(agent: Agent) -> set[str]:
    """The states of what tones and rings come from."""
    return set(agent.page.evaluate("contexts.map(({ state }) => state)"))


def test_nothing_sounds_while_nobody_calls(agent: Agent, desk: Office) -> None:
    """It would take the computer's power all day, and keep its speaker open."""
    until(lambda: sounds(agent) == {"suspended"}, TIMEOUT, "rest")
    with place_call(desk.pbx, agent="1000", callee="1200", headers=[], then=AwaitBye()) as caller:
        expect(agent.button("Answer")).to_be_visible()
        until(lambda: sounds(agent) == {"running"}, TIMEOUT, "what rings")
        agent.button("Answer").click()
        until(lambda: agent.level("local") > 0.3, TIMEOUT, "a level of the microphone")
        agent.button("Hang up").click()
        caller.result(TIMEOUT)
    until(lambda: sounds(agent) == {"suspended"}, TIMEOUT, "rest")


def test_another_microphone_during_a_call(agent: Agent) -> None:
    """Also after hold, and muted as before."""
    agent.call(ECHO)
    agent.button("Mute").click()
    choose(agent, "Microphone", "Fake Audio Input 1")
    until(lambda: microphone(agent) == "Fake Audio Input 1", TIMEOUT, "the other microphone")
    until(lambda: agent.level("remote") < 0.05, TIMEOUT, "silence")
    agent.button("Mute").click()
    until(lambda: agent.level("local") > 0.3, TIMEOUT, "a level of the microphone")
    agent.button("Hold").click()
    expect(agent.call_state).to_have_text("On hold")
    agent.button("Resume").click()
    agent.is_in_call()
    assert microphone(agent) == "Fake Audio Input 1"


def test_a_device_that_is_gone(agent: Agent) -> None:
    """The call goes on with another one, it is said, and it is used again when it is back."""
    trouble = agent.page.locator("#devices-trouble")
    choose(agent, "Microphone", "Fake Audio Input 2")
    choose(agent, "Ringer", "Fake Audio Output 2")
    agent.call(ECHO)
    agent.page.evaluate(_UNPLUG, "Fake Audio Input 2")
    expect(trouble).to_have_text(
        "The microphone “Fake Audio Input 2” is gone. "
        "Until it is back, the browser chooses another."
    )
    agent.picture("device-gone")
    until(lambda: microphone(agent) != "Fake Audio Input 2", TIMEOUT, "another microphone")
    agent.is_in_call()
    expect(agent.page.get_by_label("Microphone", exact=True)).to_have_value("")
    agent.page.evaluate(_UNPLUG, "Fake Audio Output 2")
    expect(trouble).to_contain_text("The ringer “Fake Audio Output 2” is gone.")
    expect(trouble).not_to_contain_text("microphone")
    until(lambda: microphone(agent) == "Fake Audio Input 2", TIMEOUT, "the microphone again")
    until(lambda: sinks(agent) == {""}, TIMEOUT, "the outputs")
    agent.is_in_call()
    agent.page.evaluate(_UNPLUG, "nothing")
    expect(trouble).to_be_hidden()


def test_a_device_that_is_gone_at_the_start(agent: Agent) -> None:
    choose(agent, "Microphone", "Fake Audio Input 2")
    remembered = "{ microphone: { id: 'no-such-device', label: 'My headset' } }"
    agent.page.evaluate(f"localStorage.setItem('click2dial.devices', JSON.stringify({remembered}))")
    agent.page.reload()
    agent.fill_sign_in()
    expect(agent.page.locator("#devices-trouble")).to_contain_text("“My headset” is gone.")
    agent.call(ECHO)


def test_a_browser_without_a_choice_of_outputs(browser: Browser, desk: Office) -> None:
    with new_page(browser) as page:
        page.add_init_script(_NO_CHOICE)
        agent = Agent(page, desk).sign_in()
        open_choice(agent)
        expect(page.get_by_label("Microphone", exact=True)).to_be_visible()
        expect(page.get_by_label("Speaker", exact=True)).to_be_hidden()
        expect(page.get_by_label("Ringer", exact=True)).to_be_hidden()
        agent.call(ECHO)
