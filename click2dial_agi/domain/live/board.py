"""One PBX at a glance: what the events of its manager make of agents and calls.

It is told what is there after each login (:meth:`Board.place`), then what happens
(:meth:`Board.apply`).  Which call a channel carries no event says: :meth:`Board.questions` says
which variables to ask for, :meth:`Board.learn` takes the answers.  What has changed is in
:meth:`Board.changes`.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from click2dial_agi.domain import facts
from click2dial_agi.domain.carried import read_carried
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.live.calls import BoardCall, view_call
from click2dial_agi.domain.live.channels import Channel, Channels
from click2dial_agi.domain.live.devices import Devices
from click2dial_agi.domain.live.owners import Owners
from click2dial_agi.domain.live.questions import Question, Questions
from click2dial_agi.domain.live.states import AgentState, most_telling
from click2dial_agi.domain.live.touched import Touched
from click2dial_agi.domain.live.views import AgentView, CallView, Device
from click2dial_agi.domain.told import read_known
from click2dial_agi.exceptions import MalformedFacts

__all__ = ["HEARD", "Before", "Board", "Change"]

log = logging.getLogger(__name__)

# ast_channel_state in channelstate.h.
_UP, _RINGING = "6", "5"

# ABORT: a Gosub ended the Dial() after the answer, as that of created calls does.
_ANSWERED = ("ANSWER", "ABORT")


class Change(NamedTuple):
    """An agent, or a call, as it is now; a call that has ended comes once more as such."""

    integrator: str
    key: str
    view: AgentView | CallView


class Before(NamedTuple):
    """What was shown before a login, for how long it is so already."""

    agents: Mapping[str, AgentView] = {}
    calls: Mapping[str, CallView] = {}


class Board:
    """The agents and calls of all integrators on the PBX that is called ``pbx``."""

    def __init__(self, config: Config, pbx: str, before: Before = Before()) -> None:  # noqa: B008
        self._config = config
        self._pbx = pbx
        self._before = before
        self._channels = Channels()
        self._devices = Devices(self._channels, behind=config.kamailio is not None)
        self._owners = Owners(config)
        self._paused: defaultdict[str, set[str]] = defaultdict(set)  # queues by extension
        self._agents: dict[str, AgentView] = {}
        self._calls: dict[str, BoardCall] = {}
        self._questions = Questions()
        self._changes: list[Change] = []
        self._touched = Touched(self._channels, self._owners)
        self._is_seated = False
        self._now = 0

    def agents_of(self, integrator: str) -> dict[str, AgentView]:
        """Return the agents of an integrator, by extension."""
        self._refresh()
        return {
            extension: view
            for extension, view in self._agents.items()
            if self._owners.of_extension(extension).integrator == integrator
        }

    def calls_of(self, integrator: str) -> dict[str, CallView]:
        """Return the calls of an integrator, by call_ref."""
        self._refresh()
        return {
            call_ref: call.view
            for call_ref, call in self._calls.items()
            if call.view is not None and call.view.integrator == integrator
        }

    @property
    def endpoints(self) -> list[str]:
        """The endpoints of all agents, once it is told of them."""
        return self._devices.endpoints

    def changes(self) -> list[Change]:
        """Return what has changed since it was asked last, in its order.

        What was and has passed again in between is no change.
        """
        self._refresh()
        changes, self._changes = self._changes, []
        return changes

    def questions(self) -> list[Question]:
        """Return what is to be asked of channels, each again once its answer was learnt only."""
        return self._questions.take(self._channels)

    def place(self, status: Mapping[str, str]) -> None:
        """Take a channel that is there already, from the manager's Status."""
        channel = self._channel(status)
        if channel is None:
            return
        channel.ringing = status.get("ChannelState") == _RINGING
        self._channels.bridge(channel, status.get("BridgeID", ""))
        self._questions.ask(channel)

    def unheard_of(self, channels: Iterable[Mapping[str, str]]) -> set[str]:
        """Return the uniqueids of which only one of the manager's Status and this board tells.

        Of a channel nobody tells before it calls, is called or is joined with another.
        """
        there, joined = set[str](), set[str]()
        for channel in channels:
            uniqueid = channel.get("Uniqueid", "")
            there.add(uniqueid)
            if channel.get("BridgeID") and channel.get("Channel", "").startswith("PJSIP/"):
                joined.add(uniqueid)
        known = {channel.uniqueid for channel in self._channels}
        return joined - known | known - there

    def hold(self, uniqueid: str) -> None:
        """Take note that a channel's phone has put the other on hold."""
        channel = self._channels.get(uniqueid)
        if channel is not None:
            channel.holds = True

    def seat(self, endpoints: Mapping[str, str], now: int) -> None:
        """Take the PJSIP endpoints, by name with ARI's state, after all else that is there.

        Before this nothing is shown: half of what is there would be another picture.
        """
        for endpoint, state in endpoints.items():
            device = f"PJSIP/{endpoint}"
            self._device(device, self._devices.look(device, state))
        self._channels.guess_diallers()
        for channel in self._channels:
            self._touched.channel(channel)
        self._is_seated = True
        self._now = now

    def reach(self, phones: Mapping[str, bool | None], now: int) -> None:
        """Take which endpoints have a phone at a Kamailio, None where nobody can tell.

        Until then nobody can; without Kamailio it means nothing.
        """
        self._touched.agents(self._devices.reach(phones))
        self._now = now

    def learn(self, uniqueid: str, told: str, now: int) -> None:
        """Take the answer to a question, empty where there is none."""
        again = self._questions.answered(uniqueid)
        channel = self._channels.get(uniqueid)
        if channel is None:
            return
        carried = read_carried(told)
        if carried is not None and carried != channel.carries:
            if channel.carries is not None:
                self._touched.call(channel.carries.call_ref)
            self._channels.carries(channel, carried)
            self._touched.channel(channel)
            self._now = now
        if again:
            self._questions.ask(channel)

    def apply(self, name: str, fields: Mapping[str, str], now: int) -> None:
        """Take an event; those that say nothing here are none."""
        take = _TAKEN.get(name)
        if take is not None:
            take(self, fields)
            self._now = now

    def _dial_begin(self, event: Mapping[str, str]) -> None:
        caller, called = self._channel(event), self._channel(event, "Dest")
        if called is None:
            return
        if caller is not None:
            self._questions.ask(caller)
            if called.dialler:
                self._touched.around(called)
            self._channels.dialled_by(called, caller.uniqueid)
        called.ringing = not called.up
        self._questions.ask(called)
        self._touched.channel(called)

    def _dial_end(self, event: Mapping[str, str]) -> None:
        called = self._channel(event, "Dest")
        if called is not None and event.get("DialStatus") in _ANSWERED:
            called.up = True
            called.ringing = False
            self._touched.channel(called)

    def _bridge_enter(self, event: Mapping[str, str]) -> None:
        channel = self._channel(event)
        if channel is not None:
            channel.up = True
            channel.ringing = False
            self._touched.around(channel)
            self._channels.bridge(channel, event.get("BridgeUniqueid", ""))
            self._questions.ask(channel)
            self._touched.channel(channel)

    def _bridge_leave(self, event: Mapping[str, str]) -> None:
        channel = self._channel(event)
        # It may have entered another one meanwhile.
        if channel is not None and channel.bridge == event.get("BridgeUniqueid"):
            self._touched.around(channel)
            self._channels.bridge(channel, "")
            self._touched.channel(channel)

    def _hold(self, event: Mapping[str, str]) -> None:
        channel = self._channel(event)
        if channel is not None:
            channel.holds = event.get("Event") == "Hold"
            self._touched.channel(channel)

    def _hangup(self, event: Mapping[str, str]) -> None:
        channel = self._channels.get(event.get("Uniqueid", ""))
        if channel is not None:
            self._touched.around(channel)
            for called in self._channels.remove(channel):
                self._touched.channel(called)

    def _queue_caller_join(self, event: Mapping[str, str]) -> None:
        channel = self._channel(event)
        if channel is not None:
            self._questions.ask(channel)

    def _device_state_change(self, event: Mapping[str, str]) -> None:
        self._device(event.get("Device", ""), event.get("State", ""))

    def _queue_member_removed(self, event: Mapping[str, str]) -> None:
        self._queue_member_pause({**event, "Paused": "0"})  # who left a queue is not paused in it

    def _queue_member_pause(self, event: Mapping[str, str]) -> None:
        said = [event.get(name, "") for name in ("StateInterface", "Interface", "Location")]
        extension = self._owners.of_member(*said).extension
        queue = event.get("Queue", "")
        if not queue or not extension:
            return
        (set.add if event.get("Paused") == "1" else set.discard)(self._paused[extension], queue)
        self._touched.agents((extension,))

    def _channel(self, event: Mapping[str, str], which: str = "") -> Channel | None:
        uniqueid, name = event.get(f"{which}Uniqueid"), event.get(f"{which}Channel")
        if not uniqueid or not name:
            return None
        known = self._channels.get(uniqueid)
        if known is not None and known.name != name:  # it leaves its phone
            self._touched.around(known)
        channel = self._channels.add(uniqueid, name, event.get(f"{which}Linkedid", ""))
        if event.get(f"{which}ChannelState") == _UP and not channel.up:
            channel.up = True
            self._touched.channel(channel)
        return channel

    def _device(self, device: str, word: str) -> None:
        extension = self._owners.of(device).extension
        if extension:
            self._devices.take(device, word, extension)
            self._touched.agents((extension,))

    def _refresh(self) -> None:
        if not self._is_seated:
            return
        now = self._now
        calls, agents = self._touched.take()
        for call_ref in calls:
            self._refresh_call(call_ref, now)
        for extension in agents:
            self._refresh_agent(extension, now)

    def _refresh_call(self, call_ref: str, now: int) -> None:
        carriers = self._channels.of_call(call_ref)
        if not carriers:
            call = self._calls.pop(call_ref, None)
            if call is not None and call.view is not None:
                view = call.view.ended(now)
                self._changes.append(Change(view.integrator, call_ref, view))
            return
        call = self._known_call(call_ref, carriers)
        if call is None:
            return
        before, integrator = call.view, call.known.call.integrator

        def agent_of(device: str) -> str:
            owner = self._owners.of(device)
            return owner.extension if owner.integrator == integrator else ""

        call.view = view_call(call, carriers, self._channels, agent_of, now)
        if call.view != before:
            self._changes.append(Change(integrator, call_ref, call.view))

    def _known_call(self, call_ref: str, carriers: list[Channel]) -> BoardCall | None:
        """Return a call as its channels tell of it now; None for one that is not to be shown."""
        told = next(
            (
                one.carries.facts
                for one in sorted(carriers, key=lambda one: not one.is_agents)
                if one.carries is not None and one.carries.is_decided
            ),
            "",
        )
        call = self._calls.get(call_ref)
        if not told or (call is not None and call.facts == told):
            return call
        try:
            known = read_known(facts.decode(told), self._config)
        except MalformedFacts as error:  # of an older configuration, or dialplan
            log.debug("%s on the PBX: %s", call_ref, error)
            return call
        if known.refused or not known.call.integrator or not known.decided:
            return call
        if call is not None:
            call.known, call.facts = known, told
            return call
        before = self._before.calls.get(call_ref)
        ours = before if before is not None and before.integrator == known.call.integrator else None
        call = BoardCall(known, told, ours.answered_at if ours is not None else 0, ours)
        self._calls[call_ref] = call
        return call

    def _refresh_agent(self, extension: str, now: int) -> None:
        integrator = self._owners.of_extension(extension).integrator
        phones = self._devices.of(extension)
        if not integrator or not phones:
            return
        state = most_telling(map(self._devices.state, phones))
        if state is AgentState.IDLE and self._paused.get(extension):
            state = AgentState.PAUSED
        before = self._agents.get(extension)
        known = before if before is not None else self._before.agents.get(extension)
        view = AgentView(
            extension,
            state,
            known.since if known is not None and known.state is state else now,
            self._call_of(phones, integrator),
            tuple(Device(phone, self._pbx, self._devices.word(phone)) for phone in phones),
        )
        if view != before:
            self._agents[extension] = view
            self._changes.append(Change(integrator, extension, view))

    def _call_of(self, devices: Iterable[str], integrator: str) -> str:
        """Return the call that somebody has on his phones: the one that he talks on first."""
        channels = [one for device in devices for one in self._channels.of_device(device)]
        for channel in sorted(channels, key=lambda one: (not one.up, self._channels.holds(one))):
            for one in self._channels.around(channel):
                call = self._calls.get(one.carries.call_ref) if one.carries is not None else None
                if call is not None and call.known.call.integrator == integrator:
                    return call.known.call.call_ref
        return ""


_TAKEN: Mapping[str, Callable[[Board, Mapping[str, str]], None]] = {
    "DeviceStateChange": Board._device_state_change,
    "DialBegin": Board._dial_begin,
    "DialEnd": Board._dial_end,
    "BridgeEnter": Board._bridge_enter,
    "BridgeLeave": Board._bridge_leave,
    "Hangup": Board._hangup,
    "Hold": Board._hold,
    "Unhold": Board._hold,
    "QueueCallerJoin": Board._queue_caller_join,
    "QueueMemberPause": Board._queue_member_pause,
    "QueueMemberAdded": Board._queue_member_pause,
    "QueueMemberRemoved": Board._queue_member_removed,
    "QueueMember": Board._queue_member_pause,  # no event: an answer to QueueStatus
}
#: The manager's events of which agents and calls are made.
HEARD = tuple(_TAKEN)[:-1]
