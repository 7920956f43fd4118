"""What happens on the PBXs, as one integrator's Redis keeps it, so that every server answers alike.

For each PBX one server at a time reads its manager: it has a lease, of seconds, with a number that
grows with each holder.  What it writes is taken while the lease is its own, so a server that was
frozen writes nothing when it wakes up.  ``fresh`` lasts as long as the lease, and only while the
manager is there: without it nobody knows what goes on, whatever is written.

All keys lie in the slot of the cdr list, whose script adds each record to the same stream of events
(:mod:`click2dial_agi.io.redis_lists`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from click2dial_agi.domain.live.views import AgentView, CallView
from click2dial_agi.io.live_scripts import ACQUIRE, AWAY, PUBLISH, READ, RELEASE, RENEW, REPLACE
from click2dial_agi.io.redis_client import answer_of, connect
from click2dial_agi.io.stream_ids import id_after, place

__all__ = ["Entry", "Held", "Kept", "LiveStore", "Picture", "events_key"]

_TIMEOUT = 2.0

# How long a lease lasts without a word from its holder, in milliseconds.  After a reader's death
# nothing is known for this and the time in which another one looks.
LEASE = 2000

# How many events are kept for those who come back and ask for what they have missed: at 50 calls
# a second, some minute's.  About 300 bytes each.
MAX_EVENTS = 20_000

# How long a reader of the stream waits for the next entry, in milliseconds: then it looks whether
# it is known at all what goes on.
_BLOCK = 250


def events_key(cdr_list: str) -> str:
    """Return the key of the stream of events, which lies in the slot of the cdr list."""
    return f"{{{cdr_list}}}:live:events"


class Kept(NamedTuple):
    """What is known of one PBX; nothing of it is so now unless it is ``fresh``."""

    fresh: bool
    agents: Mapping[str, AgentView]
    calls: Mapping[str, CallView]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of all PBXs, by name, at the moment of the event ``at``."""

    at: str
    pbxs: Mapping[str, Kept]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event: its id, its type (``agent``, ``call``, ``cdr`` or ``look``), PBX, key and text.

    ``look`` says that all of a PBX may be different now.  ``had_by`` is the agent who had a call
    before, empty where that is not known.
    """

    id: str
    type: str
    pbx: str
    key: str
    data: str
    had_by: str = ""


class Held(IntEnum):
    """Whether a lease is held still; ``BLANK``: it is, and what was written under it is gone."""

    LOST = 0
    YES = 1
    BLANK = 2


class LiveStore:
    """One integrator's.  Every method raises :exc:`NotificationError` while Redis is away.

    ``fence`` is the number of the lease under which something is written; those who write hear
    False or None if another has it by now.  ``channel`` and an extension are the Redis channel on
    which an agent's changes are published, too; nothing: on none.  Of several PBXs each knows a
    part of an agent, so there :meth:`announce` publishes the whole.
    """

    def __init__(
        self, url: str, cdr_list: str, integrator: str, pbxs: Sequence[str], channel: str = ""
    ) -> None:
        self._redis = connect(url, _TIMEOUT)
        self._base = f"{{{cdr_list}}}:live"
        self._events = events_key(cdr_list)
        self._integrator = integrator
        self.pbxs = tuple(pbxs)
        self.announces = bool(channel) and len(self.pbxs) > 1
        self._channel = channel
        self._acquire = self._redis.register_script(ACQUIRE)
        self._renew = self._redis.register_script(RENEW)
        self._release = self._redis.register_script(RELEASE)
        self._replace = self._redis.register_script(REPLACE)
        self._publish = self._redis.register_script(PUBLISH)
        self._away = self._redis.register_script(AWAY)
        self._read = self._redis.register_script(READ)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def acquire(self, pbx: str) -> int:
        """Take the lease of a PBX that nobody has; return its number, 0 if somebody has it."""
        keys = [self._key(what, pbx) for what in ("lease", "fence", "fresh")]
        return int(await answer_of(self._acquire(keys, [LEASE])))

    async def renew(self, pbx: str, fence: int) -> Held:
        """Keep a lease."""
        return Held(await answer_of(self._renew(self._kept(pbx), [fence, LEASE])))

    async def release(self, pbx: str, fence: int) -> None:
        """Give a lease up."""
        keys = [self._key("lease", pbx), self._key("fresh", pbx), self._events]
        await answer_of(self._release(keys, [fence, MAX_EVENTS, pbx]))

    async def replace(
        self,
        pbx: str,
        fence: int,
        agents: Mapping[str, AgentView],
        calls: Mapping[str, CallView],
    ) -> dict[str, CallView] | None:
        """Say what there is on a PBX, from now on; return the calls that there were and are not.

        None if the lease is lost.
        """
        keys = [*self._kept(pbx), self._events]
        arguments: list[Any] = [fence, LEASE, MAX_EVENTS, pbx, len(agents)]
        for views in (agents, calls):
            for key, view in views.items():
                arguments += [key, _text(view)]
        before = await answer_of(self._replace(keys, arguments))
        if before == 0:
            return None
        known = self._calls(_pairs(before))
        return {call_ref: view for call_ref, view in known.items() if call_ref not in calls}

    async def publish(
        self, pbx: str, fence: int, changes: Iterable[tuple[str, AgentView | CallView]]
    ) -> bool:
        """Say what has changed, by extension and call_ref, in its order."""
        keys = [*self._kept(pbx), self._events]
        channel = "" if self.announces else self._channel
        arguments: list[Any] = [fence, LEASE, MAX_EVENTS, pbx, channel]
        for key, view in changes:
            gone = isinstance(view, CallView) and view.state == "ended"
            kind = "agent" if isinstance(view, AgentView) else "call"
            arguments += [kind, key, _text(view), "1" if gone else ""]
        return bool(await answer_of(self._publish(keys, arguments)))

    async def announce(self, view: AgentView) -> None:
        """Publish how an agent stands, where :meth:`publish` does not."""
        if self.announces:
            await answer_of(self._redis.publish(self._channel + view.extension, _text(view)))

    async def away(self, pbx: str, fence: int) -> None:
        """Say that nobody knows what goes on at a PBX."""
        keys = [self._key("lease", pbx), self._key("fresh", pbx), self._events]
        await answer_of(self._away(keys, [fence, MAX_EVENTS, pbx]))

    async def read(self) -> Picture:
        """Return what is known, and up to which event."""
        keys = [self._events]
        for pbx in self.pbxs:
            keys += self._kept(pbx)[1:]
        at, *found = await answer_of(self._read(keys, [len(self.pbxs)]))
        kept = {
            pbx: self._parse(*found[3 * index : 3 * index + 3])
            for index, pbx in enumerate(self.pbxs)
        }
        return Picture(str(at), kept)

    async def agent(self, extension: str) -> dict[str, tuple[bool, AgentView | None]]:
        """Return of each PBX whether it is known, and what it says of one agent."""
        known = await self._of_each("agents", "HGET", extension)
        return {
            pbx: (fresh, AgentView.parse(text) if text else None)
            for pbx, (fresh, text) in known.items()
        }

    async def call(self, call_ref: str) -> CallView | None:
        """Return what is known now of one call, None if that is nothing."""
        known = await self._of_each("calls", "HGET", call_ref)
        texts = [(call_ref, text) for fresh, text in known.values() if fresh and text]
        return self._calls(texts).get(call_ref)

    async def calls(self) -> dict[str, CallView]:
        """Return what is known now of all calls, by call_ref."""
        known = await self._of_each("calls", "HGETALL")
        return self._calls(
            pair for fresh, texts in known.values() if fresh for pair in texts.items()
        )

    async def fresh(self) -> frozenset[str]:
        """Return the PBXs of which it is known what goes on."""
        pipeline = self._redis.pipeline(transaction=False)
        for pbx in self.pbxs:
            pipeline.exists(self._key("fresh", pbx))
        answers = await answer_of(pipeline.execute())
        return frozenset(pbx for pbx, known in zip(self.pbxs, answers, strict=True) if known)

    async def after(self, event_id: str) -> list[Entry]:
        """Return what happens after an event, waiting a moment for it."""
        found = await answer_of(self._redis.xread({self._events: event_id}, 500, _BLOCK))
        streams = found.values() if isinstance(found, dict) else (one[1] for one in found or ())
        return [_entry(*entry) for entries in streams for entry in _flat(entries)]

    async def between(self, event_id: str, last: str, limit: int) -> list[Entry] | None:
        """Return what happened after an event up to another one.

        None if that is more than ``limit``, or not known (any more): ``event_id`` may be one that
        another Redis gave, and is yet to come here.
        """
        if place(event_id) >= place(last):
            return [] if place(event_id) == place(last) else None
        first = await answer_of(self._redis.xrange(self._events, count=1))
        if not first or place(first[0][0]) > place(event_id):
            return None
        found = await answer_of(
            self._redis.xrange(self._events, id_after(event_id), last, count=limit + 1)
        )
        return [_entry(*entry) for entry in found] if len(found) <= limit else None

    async def _of_each(self, what: str, *command: str) -> dict[str, tuple[bool, Any]]:
        """Return of each PBX whether it is known, and what a command reads of its agents or calls.

        The key stands between the command's name and the rest.
        """
        name, *rest = command
        pipeline = self._redis.pipeline(transaction=False)
        for pbx in self.pbxs:
            pipeline.exists(self._key("fresh", pbx))
            pipeline.execute_command(name, self._key(what, pbx), *rest)
        answers = await answer_of(pipeline.execute())
        each = zip(self.pbxs, answers[::2], answers[1::2], strict=True)
        return {pbx: (bool(fresh), answer) for pbx, fresh, answer in each}

    def _key(self, what: str, pbx: str) -> str:
        return f"{self._base}:{what}:{pbx}"

    def _kept(self, pbx: str) -> list[str]:
        return [self._key(what, pbx) for what in ("lease", "fresh", "agents", "calls")]

    def _parse(self, fresh: object, agents: Sequence[str], calls: Sequence[str]) -> Kept:
        known = {key: AgentView.parse(text) for key, text in _pairs(agents)}
        return Kept(
            bool(fresh),
            {key: view for key, view in known.items() if view is not None},
            self._calls(_pairs(calls)),
        )

    def _calls(self, texts: Iterable[tuple[str, str]]) -> dict[str, CallView]:
        known = {key: CallView.parse(text, self._integrator) for key, text in texts}
        return {key: view for key, view in known.items() if view is not None}


def _pairs(flat: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _text(view: AgentView | CallView) -> str:
    return json.dumps(view.shown(), separators=(",", ":"))


def _flat(entries: Any) -> Any:
    # RESP3 has one list more around the entries of a stream than RESP2.
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple):
        return [entry for some in entries for entry in some]
    return entries


def _entry(entry_id: str, fields: Mapping[str, str]) -> Entry:
    told = {name: fields.get(name, "") for name in ("type", "pbx", "key", "data", "had_by")}
    return Entry(entry_id, **told)
