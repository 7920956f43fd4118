"""Tells one integrator's listeners what happens, as its Redis has it.

One task follows the stream while there are listeners, however many they are.  It keeps the picture
of all PBXs; a listener begins with that, and then has every event.  Who does not keep up has the
picture again in place of what he missed.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from click2dial_agi.app.ending import end
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.live.states import AgentState
from click2dial_agi.domain.live.views import AgentView, CallView, merge_agents
from click2dial_agi.domain.records import extensions_of
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.live_store import Entry, Kept, LiveStore

__all__ = ["Hub", "HubFull", "Listener", "LiveEvent", "merged", "seen_by_all"]

log = logging.getLogger(__name__)

# Each holds one of the listener's connections (app/http/protocol.py), of which requests need some.
MAX_LISTENERS = 750

# Of these with tokens of one agent: a page that opens more and more takes nobody else's place.
MAX_BY_TOKEN = 10

# Events that one listener may be behind.
_MAX_BEHIND = 200

# What is replayed at most for who comes back; beyond that the picture is shorter.
_MAX_REPLAY = 1000

# Between two looks whether it is known what goes on.
_LOOK_EVERY = 0.25
_RETRY = 0.5


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event as it is sent: its id and name, its JSON text, and the agents whom it concerns.

    ``agents`` is None for what concerns all.
    """

    id: str
    event: str
    data: str
    agents: frozenset[str] | None = None


class HubFull(Exception):
    """There are as many listeners as may be; the message says what was expected."""


class Listener:
    """One who listens, to one agent's events or to all (``agent`` is empty).

    ``token_of`` is whose token he has, empty if he has none.
    """

    def __init__(self, hub: "Hub", agent: str, last_id: str, token_of: str = "") -> None:
        self._hub = hub
        self._agent = agent
        self.token_of = token_of
        self._last_id = last_id
        self._events: asyncio.Queue[LiveEvent | None] = asyncio.Queue(_MAX_BEHIND + 1)
        self._begins = True
        self._woken = asyncio.Event()

    async def next(self) -> list[LiveEvent] | None:
        """Return what is to be told next; None if there is no more to come."""
        if self._begins:
            await self._woken.wait()
        if self._begins:  # he was not let go
            self._begins = False  # what happens from here on is put
            return await self._hub.beginning(self._agent, self._last_id)
        event = await self._events.get()
        return None if event is None else [event]

    def wake(self) -> None:
        """Begin: there is a picture."""
        self._woken.set()

    def close(self) -> None:
        """Listen no more.  May be called twice."""
        self._hub.forget(self)

    def put(self, event: LiveEvent) -> None:
        """Hand over an event; who is too far behind begins anew."""
        if self._begins or (event.agents is not None and self._agent not in ("", *event.agents)):
            return
        if event.event == "snapshot" or self._events.qsize() >= _MAX_BEHIND:
            self.begin_again()
        else:
            self._events.put_nowait(event)

    def begin_again(self) -> None:
        """Have the picture next, and what comes after it."""
        self._clear()
        self._events.put_nowait(self._hub.picture(self._agent))

    def let_go(self) -> None:
        """End it, whatever it has not read."""
        self._clear()
        self._begins = False
        self._events.put_nowait(None)
        self._woken.set()  # he may wait for the picture yet
        self.close()

    def _clear(self) -> None:
        while not self._events.empty():
            self._events.get_nowait()


class Hub:
    """What happens, for any number of listeners up to a bound."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._known = False
        self._at = "0-0"
        self._fresh: frozenset[str] = frozenset()
        self._agents: dict[str, dict[str, AgentView]] = {}
        self._calls: dict[str, dict[str, CallView]] = {}
        self._whole: LiveEvent | None = None

    def listen(self, agent: str = "", last_id: str = "", *, by_token: bool = False) -> Listener:
        """Add a listener, who has had the event ``last_id``.  Raises :exc:`HubFull`.

        With ``by_token`` he has a token of the agent's.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise HubFull("not so many listeners; this server has enough of them")
        token_of = agent if by_token else ""
        if token_of and sum(one.token_of == agent for one in self._listeners) >= MAX_BY_TOKEN:
            raise HubFull(f"at most {MAX_BY_TOKEN} listeners at once with tokens of one agent")
        listener = Listener(self, agent, last_id, token_of)
        self._listeners.add(listener)
        if self._task is None:
            self._known = False
            self._task = asyncio.create_task(self._follow())
        elif self._known:
            listener.wake()
        return listener

    def forget(self, listener: Listener) -> None:
        """Take a listener out; the last one takes the reading along."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    def let_go(self) -> None:
        """Let all listeners go: they come back, if they may."""
        for listener in tuple(self._listeners):
            listener.let_go()

    async def close(self) -> None:
        """Let all listeners go."""
        task = self._task
        self.let_go()
        if task is not None:
            await end(task)

    def picture(self, agent: str = "") -> LiveEvent:
        """Return all that is known now, or what is of one agent."""
        if not agent and self._whole is not None and self._whole.id == self._at:
            return self._whole  # for hundreds of listeners at once
        agents, calls = merged(
            {pbx: self._kept_of(pbx, agent) for pbx in self._store.pbxs},
        )
        shown = {"agents": [one.shown() for one in agents], "calls": [one.shown() for one in calls]}
        event = LiveEvent(self._at, "snapshot", _text(shown))
        if not agent:
            self._whole = event
        return event

    def _kept_of(self, pbx: str, agent: str) -> Kept:
        agents, calls = self._agents.get(pbx, {}), self._calls.get(pbx, {})
        if agent:
            agents = {agent: agents[agent]} if agent in agents else {}
            calls = {key: call for key, call in calls.items() if agent in _agents_of(call)}
        return Kept(pbx in self._fresh, agents, calls)

    async def beginning(self, agent: str, last_id: str) -> list[LiveEvent]:
        """Return what a listener is told first: what he missed, or the picture.

        While nobody can tell what goes on, no event says so, but the picture does.
        """
        picture = self.picture(agent)
        if last_id and len(self._store.pbxs) == len(self._fresh) == 1:
            try:
                missed = await self._store.between(last_id, picture.id, _MAX_REPLAY)
            except NotificationError:
                missed = None
            if missed is not None and all(entry.type != "look" for entry in missed):
                events = [event for entry in missed for event in self._events(entry, None)]
                return [one for one in events if one.agents is None or agent in ("", *one.agents)]
        return [picture]

    def _is_current(self) -> bool:
        """Tell whether this task is to go on: its cancellation may have been swallowed."""
        return self._task is asyncio.current_task()

    async def _follow(self) -> None:
        while self._is_current():
            try:
                await self._look()
                self._known = True
                for listener in self._listeners:
                    listener.wake()
                self._tell(self.picture())
                await self._read()
            except NotificationError as error:
                log.debug("live events: %s", error)
                self._lose_sight()
            except Exception:
                log.exception("live events: our fault")
                self._lose_sight()
            await asyncio.sleep(_RETRY)

    def _lose_sight(self) -> None:
        """Say that nobody can tell what goes on."""
        if self._fresh:
            self._fresh, self._whole = frozenset(), None
            self._tell(self.picture())

    async def _look(self) -> None:
        picture = await self._store.read()
        self._whole = None
        self._at = picture.at
        self._fresh = frozenset(pbx for pbx, kept in picture.pbxs.items() if kept.fresh)
        self._agents = {pbx: dict(kept.agents) for pbx, kept in picture.pbxs.items()}
        self._calls = {pbx: dict(kept.calls) for pbx, kept in picture.pbxs.items()}

    async def _read(self) -> None:
        looked = time.monotonic()
        while self._is_current():
            entries = await self._store.after(self._at)
            for entry in entries if self._is_current() else ():
                self._at = entry.id
                if entry.type == "look":
                    await self._look_again()
                    break
                for event in self._events(entry, self):
                    self._tell(event)
            now = time.monotonic()
            if now >= looked + _LOOK_EVERY:
                looked = now
                if await self._store.fresh() != self._fresh:
                    await self._look_again()

    async def _look_again(self) -> None:
        """Tell the picture, and after it what has ended before it, which it does not show."""
        told = self._at
        await self._look()
        self._tell(self.picture())
        for entry in await self._store.between(told, self._at, _MAX_REPLAY) or ():
            if _is_final(entry):
                for event in self._events(entry, None):
                    # By its own id he would have the picture once more who comes back.
                    self._tell(replace(event, id=self._at))

    def _events(self, entry: Entry, taking: "Hub | None") -> Iterable[LiveEvent]:
        """Return what an entry is for listeners; ``taking`` the picture takes it in."""
        if entry.type == "agent":
            return self._agent_events(entry, taking is not None)
        if entry.type == "call":
            return self._call_events(entry, taking is not None)
        if entry.type == "cdr":
            return self._cdr_events(entry)
        return ()

    def _agent_events(self, entry: Entry, take: bool) -> Iterable[LiveEvent]:
        view = AgentView.parse(entry.data)
        if view is None:
            return ()
        if take:
            self._agents.setdefault(entry.pbx, {})[entry.key] = view
            view = self._agent(entry.key)
        return (LiveEvent(entry.id, "agent", _text(view.shown()), frozenset((view.extension,))),)

    def _agent(self, extension: str) -> AgentView:
        """Return an agent as all PBXs know him; one of them does."""
        return merge_agents(
            _as_known(self._agents[pbx][extension], pbx in self._fresh)
            for pbx in self._store.pbxs
            if extension in self._agents.get(pbx, {})
        )

    def _call_events(self, entry: Entry, take: bool) -> Iterable[LiveEvent]:
        view = CallView.parse(entry.data, "")
        if view is None:
            return ()
        concerned = _agents_of(view) | {entry.had_by}  # who hears that he has it no more
        if take:
            calls = self._calls.setdefault(entry.pbx, {})
            if view.state == "ended":
                calls.pop(entry.key, None)
            else:
                calls[entry.key] = view
        return (LiveEvent(entry.id, "call", _text(view.shown()), concerned),)

    def _cdr_events(self, entry: Entry) -> Iterable[LiveEvent]:
        try:
            record: dict[str, Any] = parse_json(entry.data)["payload"]
            concerned = extensions_of(record)
        except (ValueError, KeyError, TypeError, AttributeError):
            return ()
        return (LiveEvent(entry.id, "cdr", _text(record), concerned),)

    def _tell(self, event: LiveEvent) -> None:
        for listener in tuple(self._listeners):
            listener.put(event)


def merged(kept: Mapping[str, Kept]) -> tuple[list[AgentView], list[CallView]]:
    """Return agents and calls as all PBXs know them, in their order.

    Of a PBX of which nothing is known now the agents are ``unknown``, and its calls are left out.
    """
    agents: dict[str, list[AgentView]] = {}
    calls: dict[str, CallView] = {}
    for one in kept.values():
        for extension, view in one.agents.items():
            agents.setdefault(extension, []).append(_as_known(view, one.fresh))
        calls.update(one.calls if one.fresh else {})
    return [merge_agents(agents[one]) for one in sorted(agents)], list(calls.values())


def seen_by_all(
    extension: str, known: Mapping[str, tuple[bool, AgentView | None]]
) -> AgentView | None:
    """Return an agent as all PBXs know him, by whether each is known; None if there is none such.

    While one PBX is not known (as at the start of the first server), that cannot be said.
    """
    views = [_as_known(view, fresh) for fresh, view in known.values() if view is not None]
    if not views and not all(fresh for fresh, _ in known.values()):
        views = [AgentView(extension, AgentState.UNKNOWN, since=0)]
    return merge_agents(views) if views else None


def _is_final(entry: Entry) -> bool:
    if entry.type != "call":
        return entry.type == "cdr"
    view = CallView.parse(entry.data, "")
    return view is not None and view.state == "ended"


def _as_known(view: AgentView, fresh: bool) -> AgentView:
    if fresh:
        return view
    devices = tuple(replace(one, state="UNKNOWN") for one in view.devices)
    return replace(view, state=AgentState.UNKNOWN, since=0, call_ref="", devices=devices)


def _agents_of(call: CallView) -> frozenset[str]:
    """Return whom a call concerns: who has it, and whom he calls, who may be a colleague.

    Who calls from outside may say any number, an extension, too.
    """
    is_inbound = call.direction == CallDirection.INBOUND
    return frozenset((call.agent,) if is_inbound else (call.agent, call.callee))


def _text(shown: Mapping[str, Any]) -> str:
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
