"""How many calls phones have, and whether one more may be (docs/contract.md, "Limits").

In memory, so that no call waits for anybody.  A call is counted from the decision to its end, which
any server may hear of; :meth:`Counts.settle` brings in what the PBX itself says.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from click2dial_agi.domain.integrators import AgentLimits, Integrator, Limits, PhoneLimits
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.shown_today import ShownToday

__all__ = ["Counted", "Counts"]

# Where no PBX can be asked, a call whose end nobody told is counted for so many seconds.
_LONGEST = 60 * 60.0


class Counted(NamedTuple):
    """One live call: whose, by which agent (however he was written), and since when.

    ``agent`` is empty once he has handed it over.  ``channel`` is the name of a channel that it is
    known to be on, empty if none is known.  A ``created`` call has limits of its own, and counts
    for its agent alone.
    """

    integrator: str
    agent: str
    channel: str
    since: float = 0.0
    created: bool = False


class Counts:
    """The live calls of all integrators' phones, by call_ref.

    ``clock`` gives seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: dict[str, Counted] = {}
        self._of_agents: dict[tuple[str, str], int] = {}
        self._of_phones: dict[str, int] = {}
        self._minute = 0
        self._placed: dict[tuple[str, ...], int] = {}
        self._left: set[str] | None = None  # since a look at the PBX began
        self._watched: dict[str, Counted] = {}
        # With when the PBX had them no more.
        self._unheard: dict[str, tuple[Counted, float]] = {}
        #: Another count, of the days rather than of live calls.
        self.shown = ShownToday()

    def __contains__(self, call_ref: str) -> bool:
        return call_ref in self._calls

    def __len__(self) -> int:
        return len(self._calls)

    def spent(self, integrator: Integrator | None) -> Collection[str]:
        """Return the caller IDs that an integrator's ``random`` draws no more today."""
        if integrator is None:
            return ()
        return self.shown.spent(integrator.name, integrator.caller_ids.calls_per_day)

    def has(self, integrator: str, agent: str) -> bool:
        """Tell whether an agent has a call."""
        return (integrator, agent) in self._of_agents

    def admit(self, call_ref: str, call: Counted, limits: Limits) -> FieldError | None:
        """Count a phone's call in, or return which limit forbids it.

        One that is in already was asked about twice: it stays.
        """
        if call_ref in self._calls:
            return None
        agent, phones, now = (call.integrator, call.agent), (call.integrator,), self._clock()
        if int(now / 60) != self._minute:
            self._minute = int(now / 60)
            self._placed.clear()
        by_agent, by_phones = self._placed.get(agent, 0), self._placed.get(phones, 0)
        at_once = self._of_agents.get(agent, 0)
        excess = _excess(limits.agent, "of an agent", at_once, by_agent)
        if excess is None:
            at_once = self._of_phones.get(call.integrator, 0)
            excess = _excess(limits.phones, "from phones", at_once, by_phones)
        if excess is None:
            self._placed[agent], self._placed[phones] = by_agent + 1, by_phones + 1
            self._add(call_ref, call._replace(since=now))
        return excess

    def enter(self, call_ref: str, call: Counted) -> None:
        """Count a call in, whatever the limits say."""
        self.leave(call_ref)
        self._add(call_ref, call._replace(since=self._clock()))
        if self._left is not None:
            self._left.discard(call_ref)

    def leave(self, call_ref: str) -> None:
        """Count a call out; one that was not in does no harm."""
        self._watched.pop(call_ref, None)
        self._unheard.pop(call_ref, None)
        self._forget(call_ref)

    def watch(self, call_ref: str, call: Counted) -> None:
        """Expect to hear of a call's end that counts for nobody: one from outside."""
        self._watched[call_ref] = call._replace(since=self._clock())

    def unheard(self, seconds: float) -> list[tuple[str, Counted]]:
        """Return the calls that have been over for so long, and of whose end nobody has told.

        Who has dealt with one calls :meth:`leave`.
        """
        before = self._clock() - seconds
        return [(ref, call) for ref, (call, over) in self._unheard.items() if over <= before]

    def free_agent(self, call_ref: str) -> None:
        """Count a call for its agent no longer."""
        call = self._calls.get(call_ref)
        if call is not None and call.agent:
            self._count_agent(call, -1)
            self._calls[call_ref] = call._replace(agent="")

    def channels(self) -> set[str]:
        """Return the names of the channels that calls are known to be on."""
        return {call.channel for _, call in self._known()}

    def begin_look(self) -> float:
        """Return when a look at the PBX begins: what leaves from now on may be seen by it yet."""
        self._left = set()
        return self._clock()

    def missing(self, began: float, channels: Collection[str]) -> list[str]:
        """Return the calls that were in before a look, and whose channels it did not find."""
        return [
            call_ref
            for call_ref, call in self._known()
            if call.since < began and call.channel not in channels
        ]

    def settle(
        self,
        gone: Iterable[str],
        found: Mapping[str, Counted],
        carried: Mapping[str, str] | None = None,
    ) -> None:
        """End a look: ``gone`` are those that were missing, ``found`` those that are there.

        ``carried`` are the channels that carry calls, those from outside too, by call_ref; None if
        not all PBXs have answered.
        """
        left, self._left = self._left or set(), None
        for call_ref in gone:
            if carried is not None:
                self._settle_end(call_ref, carried.get(call_ref))
            seen, known = found.get(call_ref), self._calls.get(call_ref)
            if seen is None:
                self._forget(call_ref)
            elif known is not None:
                self._count(known, -1)
                self._add(call_ref, known._replace(agent=seen.agent, channel=seen.channel))
        for call_ref, seen in found.items():
            if call_ref not in self._calls and call_ref not in left:
                self._add(call_ref, seen._replace(since=self._clock()))

    def _settle_end(self, call_ref: str, channel: str | None) -> None:
        """Expect the end of a call on another channel, or to hear of it soon."""
        watched = self._watched.get(call_ref)
        call = watched or self._calls.get(call_ref)
        if channel is None:
            self._watched.pop(call_ref, None)
            if call is not None and not call.created:
                self._unheard[call_ref] = call, self._clock()
        elif watched is not None:
            self._watched[call_ref] = watched._replace(channel=channel)

    def forget_old(self) -> None:
        """Count out what is too old to be believed, where no PBX can be asked."""
        before = self._clock() - _LONGEST
        for call_ref in [one for one, call in self._known() if call.since < before]:
            self.leave(call_ref)

    def _known(self) -> Iterator[tuple[str, Counted]]:
        yield from self._calls.items()
        yield from self._watched.items()

    def _forget(self, call_ref: str) -> None:
        call = self._calls.pop(call_ref, None)
        if call is not None:
            self._count(call, -1)
        if self._left is not None:
            self._left.add(call_ref)

    def _add(self, call_ref: str, call: Counted) -> None:
        self._calls[call_ref] = call
        self._count(call, 1)

    def _count(self, call: Counted, by: int) -> None:
        if call.agent:
            self._count_agent(call, by)
        if not call.created:
            self._of_phones[call.integrator] = self._of_phones.get(call.integrator, 0) + by

    def _count_agent(self, call: Counted, by: int) -> None:
        agent = (call.integrator, call.agent)
        left = self._of_agents.get(agent, 0) + by
        if left:
            self._of_agents[agent] = left
        else:
            del self._of_agents[agent]


def _excess(
    limits: AgentLimits | PhoneLimits, whose: str, at_once: int, in_minute: int
) -> FieldError | None:
    """Return the limit that one more call would be over."""
    if limits.concurrent_calls is not None and at_once >= limits.concurrent_calls:
        return FieldError("limits", f"at most {limits.concurrent_calls} calls {whose} at once")
    if limits.calls_per_minute is not None and in_minute >= limits.calls_per_minute:
        return FieldError("limits", f"at most {limits.calls_per_minute} calls {whose} a minute")
    return None
