"""What the events of a PBX's manager make of agents and calls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.live.board import Before, Board, Change
from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.domain.live.views import AgentView, CallView
from tests.domain.live.pbx import (
    PBX,
    Chan,
    Fields,
    Steps,
    at_once,
    created,
    early,
    facts,
    inbound,
    internal,
    outbound,
)

CONFIG: Config = parse_config(
    {
        "asterisk": {"ari_password": "p"},
        "integrators": [
            {"name": "acme", "extensions": ["1000-1099"], "dids": ["2721*"]},
            {
                "name": "globex",
                "extensions": ["2000-2099"],
                "key_prefix": "globex",
                "endpoints": {"2000": "alice"},
            },
        ],
    }
)
REF = str(UUID(int=4711))
OTHER = str(UUID(int=4712))

#: What a call may become of what it is.
FORWARD = {
    CallState.RINGING_AGENT: {CallState.RINGING_CALLEE, CallState.UP, CallState.HELD},
    CallState.QUEUED: {CallState.UP, CallState.HELD},
    CallState.RINGING_CALLEE: {CallState.UP, CallState.HELD},
    CallState.UP: {CallState.HELD},
    CallState.HELD: {CallState.UP},
}


class Watched:
    """A board that follows a PBX, and what it has told of it."""

    def __init__(self) -> None:
        self.now = 1_700_000_000
        self.board = Board(CONFIG, "one")
        self.board.seat({}, self.now)
        self.told: list[Change] = []
        self.pbx = PBX(self.hear)

    def hear(self, event: Fields) -> None:
        self.now += 1
        self.board.apply(event["Event"], event, self.now)
        answer(self.board, self.pbx, self.now)
        self.told += self.board.changes()

    def states(self, key: str) -> list[str]:
        """Return the states of an agent or a call, each once in a row."""
        found = [one.view.state.value for one in self.told if one.key == key]
        return [state for place, state in enumerate(found) if found[place - 1 : place] != [state]]

    def agent(self, extension: str) -> AgentView:
        owner = CONFIG.owner_of(extension)
        assert owner is not None
        return self.board.agents_of(owner.name)[extension]

    def call(self, ref: str = REF, integrator: str = "acme") -> CallView:
        return self.board.calls_of(integrator)[ref]


def answer(board: Board, pbx: PBX, now: int) -> None:
    for question in board.questions():
        channel = pbx.channels.get(question.uniqueid)
        if channel is not None:
            assert channel.name == question.channel
            assert question.variable == f"C2D_{channel.uniqueid}"
            board.learn(question.uniqueid, channel.carries, now)


def snapshot(pbx: PBX, before: Before, now: int) -> Board:
    """Return a board as a login makes it."""
    board = Board(CONFIG, "one", before)
    for status in pbx.status():
        board.place(status)
    for channel in pbx.channels.values():
        if channel.held:
            board.hold(channel.uniqueid)
    answer(board, pbx, now)
    for extension, queue in pbx.paused:
        member = {"Location": f"PJSIP/{extension}", "Queue": queue, "Paused": "1"}
        board.apply("QueueMember", {"Event": "QueueMember", **member}, now)
    assert board.changes() == []
    states = {"UNAVAILABLE": "offline"}
    board.seat({name: states.get(word, "online") for name, word in pbx.words.items()}, now)
    return board


def run(steps: Steps) -> None:
    for _ in steps:
        pass


@pytest.fixture
def watched() -> Watched:
    found = Watched()
    for endpoint in ("1000", "1001", "alice", "trunk", "carrier"):
        found.pbx.register(endpoint)
    return found


def test_a_phones_call(watched: Watched) -> None:
    run(outbound(watched.pbx, REF, "1000", "acme", True))
    assert watched.states(REF) == ["ringing-callee", "up", "held", "up", "ended"]
    assert watched.states("1000") == ["idle", "talking", "hold", "talking", "idle"]
    assert watched.states("1001") == ["idle"]
    ended = next(one for one in watched.told if one.view.state is CallState.ENDED)
    assert isinstance(ended.view, CallView)
    assert ended.view.answered_at > ended.view.dialed_at
    assert {one.key for one in watched.told} == {"1000", "1001", "2000", REF}


def test_what_a_call_is_shown_as(watched: Watched) -> None:
    steps = outbound(watched.pbx, REF, "1000", "acme", True)
    for _ in range(3):
        next(steps)
    shown = watched.call().shown()
    since, answered_at = shown.pop("since"), shown.pop("answered_at")
    assert 1_700_000_000 < answered_at == since <= watched.now
    assert shown == {
        "call_ref": REF,
        "state": "up",
        "agent": "1000",
        "callee": "0820000100",
        "contact_ref": "x",
        "dial_number": "27820001234",
        "direction": "outbound",
        "dialed_at": 1_700_000_000,
        "recorded": True,
    }
    assert watched.agent("1000").call_ref == REF
    assert watched.agent("1000").shown()["devices"] == (
        {"device": "PJSIP/1000", "pbx": "one", "state": "INUSE"},
    )


def test_a_created_call(watched: Watched) -> None:
    run(created(watched.pbx, REF, "1000", "acme", True))
    held = ["up", "held", "up", "held"]
    assert watched.states(REF) == ["ringing-agent", "ringing-callee", *held, "ended"]
    held = ["talking", "hold"]
    assert watched.states("1000") == ["idle", "ringing", *held, *held, "talking", "idle"]


def test_a_created_call_that_the_agent_does_not_take(watched: Watched) -> None:
    run(created(watched.pbx, REF, "1000", "acme", False))
    assert watched.states(REF) == ["ringing-agent", "ended"]
    assert watched.states("1000") == ["idle", "ringing", "idle"]


@pytest.mark.parametrize(("queued", "first"), [(True, "queued"), (False, "ringing-agent")])
def test_a_call_from_outside(watched: Watched, queued: bool, first: str) -> None:
    steps = inbound(watched.pbx, REF, "1000", queued, True)
    next(steps)
    if queued:
        next(steps)
    assert (watched.call().state, watched.call().agent) == (first, "1000")
    assert (watched.agent("1000").state, watched.agent("1000").call_ref) == ("ringing", REF)
    run(steps)
    assert watched.states(REF) == [first, "up", "held", "ended"]


@pytest.mark.case("L86")
@pytest.mark.parametrize("queued", [True, False])
def test_a_client_who_is_moved_away_before_it_is_looked(watched: Watched, queued: bool) -> None:
    """Changes are gathered: he was answered, however short that was."""
    pbx = watched.pbx
    pbx.register("1000")
    steps = inbound(pbx, REF, "1000", queued, True)
    for _ in range(2 if queued else 1):
        next(steps)
    client, phone = pbx.channels.values()

    def gather(event: Fields) -> None:
        watched.board.apply(event["Event"], event, watched.now)

    pbx.tell = gather
    pbx.answer(client, phone)
    pbx.join(phone, client)
    pbx.part(client, phone)
    pbx.hang_up(phone)
    answer(watched.board, pbx, watched.now)
    assert watched.call().state is CallState.UP
    assert watched.call().answered_at == watched.now


@pytest.mark.case("L86")
def test_who_was_joined_before_he_is_our_client_rings(watched: Watched) -> None:
    """As one whom FreePBX has connected, and whom somebody then sends to a queue of ours."""
    pbx = watched.pbx
    pbx.register("1000")
    client, other = pbx.channel("carrier", state="Up"), pbx.channel("trunk")
    pbx.dial(client, other)
    pbx.answer(client, other)
    pbx.join(client, other)
    pbx.part(client, other)
    pbx.hang_up(other)
    client.carries = f"i{facts(REF, 'inbound', '', '', '&queued_at=1700000000')}"
    pbx.queue(client)
    assert watched.call().state is CallState.QUEUED


def test_a_client_who_is_sent_on(watched: Watched) -> None:
    """It stays one call, and becomes the colleague's."""
    steps = outbound(watched.pbx, REF, "1000", "acme", True, to="1001")
    for _ in range(6):
        next(steps)
    assert (watched.call().state, watched.call().agent) == ("up", "1000")
    assert watched.agent("1000").state is AgentState.IDLE
    next(steps)
    assert (watched.agent("1001").state, watched.agent("1001").call_ref) == ("ringing", REF)
    next(steps)
    assert (watched.call().state, watched.call().agent) == ("up", "1001")
    run(steps)
    assert watched.states(REF).count("ended") == 1


def _talking(pbx: PBX, inside: bool) -> tuple[Chan, Chan]:
    """Return the channels of agent 1000 and his client, who has called in (``inside``) or not."""
    if inside:
        steps, up = inbound(pbx, REF, "1000", False, True), 2
    else:
        steps, up = outbound(pbx, REF, "1000", "acme", True), 3
    for _ in range(up):
        next(steps)
    (phone,) = [one for one in pbx.channels.values() if "1000" in one.name]
    (client,) = [one for one in pbx.channels.values() if one is not phone]
    return phone, client


@pytest.mark.case("C20")
@pytest.mark.parametrize("by_api", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_a_client_whose_colleague_rings_when_the_agent_has_gone(
    watched: Watched, inside: bool, by_api: bool
) -> None:
    """Nobody holds him any more: he is up with the last agent, until the next one has answered."""
    pbx = watched.pbx
    phone, client = _talking(pbx, inside)
    pbx.hold_by_api(phone, True) if by_api else pbx.hold(phone, True)
    steps = early(pbx, OTHER, "1000", "1001", client, phone)
    next(steps)
    assert (watched.call().state, watched.call().agent) == ("held", "1000")
    next(steps)
    assert (watched.call().state, watched.call().agent) == ("up", "1000")
    assert (watched.agent("1001").state, watched.agent("1001").call_ref) == ("ringing", REF)
    assert watched.agent("1000").state is AgentState.IDLE
    if by_api:
        pbx.hang_up(pbx.channels[f"hold-{phone.uniqueid}-"])
    next(steps)
    assert (watched.call().state, watched.call().agent) == ("up", "1001")
    run(steps)
    assert watched.states(REF)[-4:] == ["up", "held", "up", "ended"]


@pytest.mark.case("L43")
@pytest.mark.parametrize("inside", [False, True])
def test_a_client_who_is_sent_to_a_colleague_as_he_answers(watched: Watched, inside: bool) -> None:
    pbx = watched.pbx
    phone, client = _talking(pbx, inside)
    pbx.hold(phone, True)
    steps = at_once(pbx, OTHER, "1000", "1001", client, phone)
    next(steps)
    next(steps)
    assert (watched.call().state, watched.call().agent) == ("up", "1001")
    assert (watched.agent("1001").state, watched.agent("1001").call_ref) == ("talking", REF)
    assert watched.agent("1000").state is AgentState.IDLE
    run(steps)
    assert watched.states(REF)[-1] == "ended"


@pytest.mark.case("C20")
def test_a_client_on_hold_who_is_sent_on_is_up_while_the_colleague_rings(watched: Watched) -> None:
    steps = outbound(watched.pbx, REF, "1000", "acme", True, to="1001")
    for _ in range(5):
        next(steps)
    (phone,) = [one for one in watched.pbx.channels.values() if "1000" in one.name]
    watched.pbx.hold(phone, True)
    next(steps)
    assert watched.call().state is CallState.HELD
    next(steps)
    assert (watched.call().state, watched.call().agent) == ("up", "1000")
    run(steps)


def test_who_talks_on_a_second_call_is_not_on_hold(watched: Watched) -> None:
    first = outbound(watched.pbx, REF, "1000", "acme", True)
    for _ in range(4):
        next(first)
    assert watched.agent("1000").state is AgentState.HOLD
    second = internal(watched.pbx, OTHER, "1000", "1001", "acme")
    for _ in range(2):
        next(second)
    assert (watched.agent("1000").state, watched.agent("1000").call_ref) == ("talking", OTHER)
    assert watched.call().state is CallState.HELD
    run(second)
    assert (watched.agent("1000").state, watched.agent("1000").call_ref) == ("hold", REF)


@pytest.mark.parametrize("kind", ["hold", "consult"])
def test_a_client_on_hold_by_the_api_and_by_the_phone(watched: Watched, kind: str) -> None:
    """Both must end; who looks meanwhile sees the same."""
    steps = outbound(watched.pbx, REF, "1000", "acme", True)
    for _ in range(3):
        next(steps)
    (phone,) = [one for one in watched.pbx.channels.values() if "1000" in one.name]
    watched.pbx.hold_by_api(phone, True, kind)
    same_as_seen(watched)
    next(steps)
    watched.pbx.hold_by_api(phone, False, kind)
    assert watched.call().state is CallState.HELD
    watched.pbx.hold_by_api(phone, True, kind)
    next(steps)
    assert (watched.call().state, watched.agent("1000").state) == ("held", "hold")
    watched.pbx.hold_by_api(phone, False, kind)
    assert (watched.call().state, watched.agent("1000").state) == ("up", "talking")
    run(steps)


def test_a_pause_shows_while_the_agent_is_idle(watched: Watched) -> None:
    watched.pbx.pause("1000", "one", True)
    watched.pbx.pause("1000", "two", True)
    run(outbound(watched.pbx, REF, "1000", "acme", False))
    watched.pbx.pause("1000", "one", False)
    assert watched.states("1000") == ["idle", "paused", "talking", "paused"]
    watched.pbx.pause("1000", "two", False)
    assert watched.agent("1000").state is AgentState.IDLE


@pytest.mark.case("L6")
def test_who_left_a_queue_is_not_paused_in_it(watched: Watched) -> None:
    watched.pbx.join_queue("1000", "one", paused=True)
    assert watched.agent("1000").state is AgentState.PAUSED
    watched.pbx.leave_queue("1000", "one")
    assert watched.agent("1000").state is AgentState.IDLE
    watched.pbx.join_queue("1000", "one", paused=False)
    assert watched.agent("1000").state is AgentState.IDLE


@pytest.mark.case("L40")
@pytest.mark.parametrize("interface", ["Interface", "Location"])
def test_a_member_of_a_queue_of_freepbx_is_paused(interface: str) -> None:
    """Its state is that of a hint, which names no phone; QueueStatus says Location."""
    found = Watched()
    found.pbx.register("1000")
    said = {"StateInterface": "hint:1000@ext-local", interface: "Local/1000@from-queue/n"}
    found.board.apply("QueueMember", {"Queue": "400", "Paused": "1", **said}, 2)
    assert found.board.agents_of("acme")["1000"].state is AgentState.PAUSED
    found.board.apply("QueueMemberRemoved", {"Queue": "400", **said}, 3)
    assert found.board.agents_of("acme")["1000"].state is AgentState.IDLE


def test_an_endpoint_of_another_name(watched: Watched) -> None:
    run(outbound(watched.pbx, REF, "alice", "globex", True))
    assert watched.states("2000") == ["idle", "talking", "hold", "talking", "idle"]
    assert watched.agent("2000").devices[0].device == "PJSIP/alice"


def test_no_integrator_sees_anothers(watched: Watched) -> None:
    """Not even the reference of the call that its own agent is rung for."""
    steps = outbound(watched.pbx, REF, "1000", "acme", True, to="alice")
    for _ in range(8):
        next(steps)
    assert watched.agent("2000").state is AgentState.TALKING
    assert watched.agent("2000").call_ref == ""
    assert watched.call().agent == "1000"
    assert watched.board.calls_of("globex") == {}


def test_an_agent_is_idle_since_before_the_manager_was_away(watched: Watched) -> None:
    before = Before(watched.board.agents_of("acme"), {})
    board = snapshot(watched.pbx, before, watched.now + 1000)
    assert board.agents_of("acme") == before.agents


@pytest.mark.case("L80")
def test_what_no_event_told_of(watched: Watched) -> None:
    """Who calls, or is called, is not told of before that; who is gone has left the board."""
    pbx, board = watched.pbx, watched.board
    agent, trunk = pbx.channel("1000"), pbx.channel("trunk")

    def unheard() -> set[str]:
        return board.unheard_of(pbx.status())

    assert not unheard()
    pbx.dial(agent, trunk)
    pbx.answer(agent, trunk)
    pbx.join(agent, trunk)
    assert not unheard()
    pbx.tell = lambda _: None
    colleague = pbx.channel("1001")
    pbx.join(colleague, pbx.channel("Local/1001@desk-00000001;1"))
    pbx.hang_up(trunk)
    assert unheard() == {colleague.uniqueid, trunk.uniqueid}


def walk(data: st.DataObject) -> None:
    """Calls of all kinds at the same time, and looks at the PBX in between."""
    draw = data.draw
    watched = Watched()
    pbx = watched.pbx
    agents = {"1000": "acme", "1001": "acme", "1002": "acme", "alice": "globex"}
    for endpoint in (*agents, "trunk", "carrier"):
        pbx.register(endpoint, draw(st.booleans()))
    refs = [str(UUID(int=number)) for number in range(1, draw(st.integers(1, 5)) + 1)]
    calls: list[Steps] = []
    for ref in refs:
        agent = draw(st.sampled_from(sorted(agents)))
        others = sorted(one for one in agents if agents[one] == agents[agent] and one != agent)
        other = draw(st.sampled_from(others)) if others else ""
        yes, kind = draw(st.booleans()), draw(st.integers(0, 4))
        if kind == 0 or (kind == 4 and not other):
            calls.append(outbound(pbx, ref, agent, agents[agent], yes))
        elif kind == 1:
            calls.append(outbound(pbx, ref, agent, agents[agent], yes, other))
        elif kind == 2:
            calls.append(created(pbx, ref, agent, agents[agent], yes))
        elif kind == 3:
            calls.append(inbound(pbx, ref, agent if other else "1000", draw(st.booleans()), yes))
        else:
            calls.append(internal(pbx, ref, agent, other, agents[agent]))
    while calls:
        steps = draw(st.sampled_from(calls))
        try:
            next(steps)
        except StopIteration:
            calls.remove(steps)
        if draw(st.booleans()):
            same_as_seen(watched)
        if draw(st.integers(0, 5)) == 0:
            pbx.pause(draw(st.sampled_from(["1000", "1001"])), "one", draw(st.booleans()))
    assert pbx.channels == {}
    is_a_story(watched, refs)


def same_as_seen(watched: Watched) -> None:
    """Who has followed knows what one sees who looks now."""
    seen = snapshot(watched.pbx, Before(), watched.now)
    for integrator in ("acme", "globex"):
        followed = watched.board.agents_of(integrator)
        looked = seen.agents_of(integrator)
        assert {k: replace(v, since=0) for k, v in followed.items()} == {
            k: replace(v, since=0) for k, v in looked.items()
        }
        calls = watched.board.calls_of(integrator)
        again = snapshot(watched.pbx, Before(followed, calls), watched.now + 1)
        assert again.calls_of(integrator) == calls
        assert again.agents_of(integrator) == followed


def is_a_story(watched: Watched, refs: list[str]) -> None:
    """What was told goes forward, ends once, and adds up to what is."""
    last: dict[str, dict[str, Any]] = defaultdict(dict)
    for change in watched.told:
        before = last[change.integrator].get(change.key)
        if isinstance(change.view, CallView):
            assert change.view.integrator == change.integrator
            if before is not None and before.state is not change.view.state:
                forward = FORWARD[before.state] | {CallState.ENDED}
                assert change.view.state in forward, (before.state, change.view.state)
            assert before is None or before.state is not CallState.ENDED
        assert before != change.view
        last[change.integrator][change.key] = change.view
    for ref in refs:
        (ended,) = [views[ref] for views in last.values() if ref in views]
        assert ended.state is CallState.ENDED
    for integrator in ("acme", "globex"):
        agents = watched.board.agents_of(integrator)
        assert agents == {
            key: view for key, view in last[integrator].items() if isinstance(view, AgentView)
        }
        assert watched.board.calls_of(integrator) == {}
        assert {view.state for view in agents.values()} <= {
            AgentState.IDLE,
            AgentState.OFFLINE,
            AgentState.PAUSED,
        }


@given(st.data())
@settings(
    max_examples=5 * settings().max_examples // 2,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_any_walk(data: st.DataObject) -> None:
    walk(data)


EVENTS = "DialBegin DialEnd BridgeEnter BridgeLeave Hold Unhold Hangup QueueCallerJoin"
EVENTS += " DeviceStateChange QueueMemberPause QueueMember Else"
KEYS = "Channel Uniqueid ChannelState Linkedid DestChannel DestUniqueid BridgeUniqueid DialStatus"
KEYS += " Device State Interface Queue Paused"
names, keys = st.sampled_from(EVENTS.split()), st.sampled_from(KEYS.split())
few = st.sampled_from(["", "a", "b", "1000", "Local/x@y-1;1", "Local/x@y-1;2", REF, "\ufffd"])
carried = st.sampled_from(
    [f"acall_ref={REF}&call_dir=inbound&dialed_at=1", f"icall_ref={REF}&call_dir=x&a=", "", "?"]
)


@given(st.lists(st.tuples(names, st.dictionaries(keys, few), carried), max_size=40), st.booleans())
def test_whatever_is_told(events: list[tuple[str, Fields, str]], seated: bool) -> None:
    board = Board(CONFIG, "one")
    if seated:
        board.seat({}, 1)
    for name, fields, told in events:
        board.apply(name, {"Event": name, **fields}, 1)
        for question in board.questions():
            board.learn(question.uniqueid, told, 1)
        board.place(fields)
    board.seat({"1000": "online", "": "x"}, 1)
    board.changes()


def test_a_channel_is_not_asked_for_ever() -> None:
    board, asked = Board(CONFIG, "one"), 0
    board.seat({}, 1)
    channel = Chan("1.1", "PJSIP/1000-00000001", "1.1")
    for number in range(50):
        event = channel.fields() | Chan(f"2.{number}", "PJSIP/trunk-1", "1.1").fields("Dest")
        board.apply("DialBegin", event, 1)
        for question in board.questions():
            asked += question.uniqueid == "1.1"
            board.learn(question.uniqueid, "", 1)
    assert asked == 6


def test_a_channel_is_asked_again_once_it_has_answered() -> None:
    board = Board(CONFIG, "one")
    channel = Chan("1.1", "PJSIP/1000-00000001", "1.1")
    board.apply("QueueCallerJoin", channel.fields(), 1)
    assert len(board.questions()) == 1
    board.apply("QueueCallerJoin", channel.fields(), 1)
    assert board.questions() == []
    board.learn("1.1", "", 1)  # it may have said so before the second event
    assert len(board.questions()) == 1
    board.learn("1.1", f"acall_ref={REF}&call_dir=outbound", 1)
    assert board.questions() == []
