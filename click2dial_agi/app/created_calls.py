"""Calls that the REST API creates: one integrator's, from the request to the record.

It shows and ends those of its phones, too (:mod:`click2dial_agi.app.phone_calls`).

A Local channel whose id is the call_ref rings the agent's phone; from the answer on the agent's own
channel carries the call, and after a transfer the client's (:mod:`click2dial_agi.app.whereabouts`).
Their hangup handlers are set before anything rings, and every way in which the call can end makes
the record, whether this server still lives or not.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from click2dial_agi.app.agent_places import NOT_REACHABLE, RETRY_SOON, places_of
from click2dial_agi.app.call_states import CallState, from_live, from_record
from click2dial_agi.app.logs import mask
from click2dial_agi.app.metrics import CALLS
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.origination import agent_channel
from click2dial_agi.app.pbxs import Found, LivePBX, PBXs
from click2dial_agi.app.peer_dial import from_pbx
from click2dial_agi.app.phone_calls import PhoneCalls
from click2dial_agi.app.sightings import Sightings
from click2dial_agi.app.times import Times
from click2dial_agi.domain import facts
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.calls import POOL_SPENT, CallRequest, Decision, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.domain.dispositions import Q850
from click2dial_agi.domain.integrators import Integrator, Limits
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.names import Fact
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.domain.told import Ending, read_known
from click2dial_agi.exceptions import (
    MalformedFacts,
    NotificationError,
    PBXUnanswered,
    PBXUnreachable,
)
from click2dial_agi.io.ari import Created
from click2dial_agi.io.call_store import Admission, CallStore, Mark

__all__ = ["CreatedCalls"]

log = logging.getLogger("click2dial_agi.calls")

_DAY = 24 * 60 * 60

# How often a call is looked for and hung up, and the seconds between: an agent who answers at this
# moment goes on with a channel of his own, and a call that is being transferred with another one.
_HANGUPS = 20
_HANGUP_PAUSE = 0.02

# How often the record is looked for of a call that has left the PBX, and the seconds between.
_RECORD_LOOKS = 10
_RECORD_PAUSE = 0.05

# Of calls for help.
_UNLIMITED = Limits(calls_per_minute=1_000_000, concurrent_calls=100_000)

_FOR_HELP = FieldError("call_ref", "no call for help: the phone alone ends it", forbidden=True)


class CreatedCalls:
    """Creates, shows and hangs up the calls of one integrator.

    Every method raises :exc:`PBXUnreachable` or :exc:`NotificationError` while ARI or Redis is
    away.
    """

    def __init__(
        self,
        config: Config,
        integrator: Integrator,
        pbxs: PBXs,
        store: CallStore,
        notifier: Notifier,
        times: Times,
        counts: Counts,
    ) -> None:
        self.config = config
        self.integrator = integrator
        self.store = store
        self.pbxs = pbxs
        self.sightings = Sightings()
        self._asked: dict[str, LivePBX] = {}  # for calls that are about to be created anew
        self._phones = PhoneCalls(config, integrator, pbxs)
        self._counts = counts
        self._notifier = notifier
        self.times = times

    async def create(self, request: CallRequest) -> Decision:
        """Ring the agent.  Raises :exc:`CallRefused`, in which case nobody was rung.

        A call that was counted in gets a record whatever becomes of it, and is counted out with
        it, unless the agent talks and it may be created later.
        """
        decision = self.decide(request)
        if decision.errors == (POOL_SPENT,):
            raise CallRefused(Why.LIMIT, decision.errors, _DAY - int(time.time()) % _DAY)
        if decision.errors:
            forbidden = all(error.forbidden for error in decision.errors)
            raise CallRefused(Why.FORBIDDEN if forbidden else Why.WRONG, decision.errors)
        call, now = decision.call, int(time.time())
        # When it is dialled the dialplan says: one clock for each call.
        told = {**call.facts(), Fact.CREATED: "1"}
        known = {**told, Fact.DIALED_AT: str(now)}
        if self.integrator.record and not decision.emergency:
            known[Fact.RECORDED] = "1"
        live = self._live_call(decision, known)
        # Before anything is asked of Asterisk, which the limits protect.
        try:
            await self._admit(live, decision, now)
        except NotificationError as error:
            if not decision.emergency:
                raise
            log.warning("%s is a call for help, and not counted in: %s", call.call_ref, error)
            live = replace(live, at=0.0)
        try:
            await self._ring(live, decision, told)
        except PBXUnanswered:
            raise
        except PBXUnreachable:
            await self._end(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
            raise
        except CallRefused as refused:
            if refused.retry_after is None:
                await self._end(known, "CHANUNAVAIL", Q850.SUBSCRIBER_ABSENT)
            else:  # asked again later it may come about; until then it is no call
                await self.release(call.call_ref)
            raise
        counted = Counted(call.integrator, decision.agent_key, "", created=True)
        self._counts.enter(call.call_ref, counted)
        log.info(
            "%s created: %s %s calls %s as %s, contact_ref %s",
            call.call_ref,
            call.integrator,
            mask(call.extension),
            mask(call.number),
            mask(call.dial_number),
            call.contact_ref,
        )
        if decision.warning:
            log.warning("%s %s", call.call_ref, decision.warning)
        return decision

    def decide(self, request: CallRequest) -> Decision:
        """Return what would be done for a request; nothing is."""
        spent = self._counts.spent(self.integrator)
        return decide(request, self.integrator, self.config.emergency_numbers, spent)

    async def state(self, call_ref: str) -> dict[str, Any] | None:
        """Return a call's fields, state and record; None if this integrator has no such call."""
        # In this order: a call that ends has its record before it is counted out.
        live = await self.store.live_call(call_ref)
        record = await self.store.record(call_ref)
        if record is not None:
            return from_record(record)
        if live is not None:
            return await self._describe(live, await self.pbxs.find(call_ref, live))
        shown = await self._phones.show(call_ref)
        if shown is not None:
            return shown
        record = await self._just_ended(call_ref)
        return from_record(record) if record is not None else None

    async def _just_ended(self, call_ref: str) -> dict[str, Any] | None:
        """Return the record of a call that has left the PBX, which may be on its way yet."""
        for _ in range(_RECORD_LOOKS):
            record = await self.store.record(call_ref)
            if record is not None or call_ref not in self._counts:
                return record
            await asyncio.sleep(_RECORD_PAUSE)
        return None

    async def adopt(self, call_ref: str) -> dict[str, Any] | None:
        """Return a call as ``state`` does if it has reached Asterisk, and let it go on."""
        if await self.store.record(call_ref) is None:
            live = await self.store.live_call(call_ref)
            found = await self.pbxs.find(call_ref, live)
            if not found.channels:
                if found.gone:
                    # A PBX that was asked before rings once for a call_ref; another does not know.
                    asked = self.pbxs.home(live) if live is not None else None
                    if asked is not None:
                        self._asked[call_ref] = asked
                    return None
                raise PBXUnreachable(f"{call_ref} may ring at a PBX that cannot be asked")
            await self.store.take_mark(call_ref, Mark.ABANDONED)
        return await self.state(call_ref)

    async def live(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the calls that have not ended, and whether these are all, phones' included."""
        calls = await self.store.live()
        (phones, complete), found = await asyncio.gather(
            self._phones.live(), self.pbxs.find_all(calls)
        )
        created = await asyncio.gather(
            *(self._describe(calls[ref], one) for ref, one in found.items() if not one.gone)
        )
        return [*created, *phones], complete

    async def _describe(self, live: LiveCall, found: Found) -> dict[str, Any]:
        """Show a call that was counted in, from where it is; free an agent who has handed it over.

        The reaper does so, too, some seconds later: who sees that he is free may have him called.
        """
        agent = live.agent
        if found.pbx is not None:
            try:
                state = await found.pbx.where.state(found.channels)
                if not found.pbx.where.agents(found.channels):  # he has handed the client over
                    client = await self._phones.client(found.pbx, found.channels[0])
                    agent = client.agent or agent
                    await self.free_agent(live.call_ref)
            except PBXUnreachable as error:
                found.pbx.note(error)
                state = CallState.UNKNOWN
        else:
            state = CallState.ENDED if found.gone else CallState.UNKNOWN
        return from_live(live, agent, state)

    async def hang_up(self, call_ref: str) -> bool:
        """End a call; False if this integrator has no such call.  One that has ended stays so."""
        live = await self.store.live_call(call_ref)
        if live is not None:
            found = await self.pbxs.find(call_ref, live)
            if not found.channels and not found.gone:
                raise PBXUnreachable(f"{call_ref}: its PBX {live.pbx} cannot be asked")
            pbx = found.pbx
        else:
            if await self.store.record(call_ref) is not None:
                return True
            phones = await self._phones.find(call_ref)
            if phones is None:
                return await self._just_ended(call_ref) is not None
            if phones.known.emergency:
                raise CallRefused(Why.FORBIDDEN, (_FOR_HELP,))
            pbx = phones.pbx
        if pbx is not None:
            await _hang_up_at(pbx, call_ref)
        if live is not None:
            await self.free_agent(call_ref)
        return True

    def _live_call(self, decision: Decision, known: Mapping[str, str]) -> LiveCall:
        """Return what Redis keeps of a call; where there is one PBX, it is that one's."""
        call, agent_key = decision.call, decision.agent_key
        if decision.emergency:  # it takes nobody's place
            agent_key = f"{agent_key}:{call.call_ref}"
        pbx = next(iter(self.pbxs)) if len(self.pbxs) == 1 else None
        return LiveCall(
            call_ref=call.call_ref,
            agent=call.extension,
            agent_key=agent_key,
            callee=call.number,
            dial_number=call.dial_number,
            contact_ref=call.contact_ref,
            at=time.time(),
            facts=facts.encode(known),
            pbx=pbx.name if pbx else "",
            run=str(pbx.run) if pbx else "",
        )

    async def _admit(self, live: LiveCall, decision: Decision, now: int) -> None:
        """Count a call in, or raise :exc:`CallRefused`."""
        limits = _UNLIMITED if decision.emergency else self.integrator.limits
        match await self.store.admit(live, limits, minute=now // 60):
            case Admission.AGENT_BUSY:
                error = FieldError("agent", "one created call at a time")
                raise CallRefused(Why.BUSY, (error,), RETRY_SOON)
            case Admission.CONCURRENT:
                error = FieldError("calls", f"at most {limits.concurrent_calls} at once")
                raise CallRefused(Why.LIMIT, (error,), RETRY_SOON)
            case Admission.PER_MINUTE:
                error = FieldError("calls", f"at most {limits.calls_per_minute} a minute")
                raise CallRefused(Why.LIMIT, (error,), 60 - now % 60)
        if decision.caller_id:
            self._counts.shown.count(self.integrator.name, decision.caller_id)

    async def _agent_places(self, decision: Decision) -> list[LivePBX]:
        """Return at which PBXs the agent can be rung, or raise why he is not."""
        patience = self.times.endpoint
        return await places_of(decision, self.integrator, self.pbxs, self._counts, patience)

    async def _ring(self, live: LiveCall, decision: Decision, told: Mapping[str, str]) -> None:
        """Ask a PBX to ring the agent; the next one only if nothing can have rung at the last.

        Raises :exc:`CallRefused` and :exc:`PBXUnreachable`.
        """
        asked = self._asked.pop(live.call_ref, None)
        places = await self._agent_places(decision)
        if asked in places:
            places = [asked]
        for number, pbx in enumerate(places, 1):
            try:
                if not pbx.run.entity_id:
                    await pbx.look()
                at_home = replace(live, pbx=pbx.name, run=str(pbx.run))
                # Before anything rings, unless it could not be counted in.
                if live.at and at_home != live and not await self.store.place(at_home):
                    raise PBXUnreachable(f"{live.call_ref} took too long, and was given up")
                way = await from_pbx(decision, self.config, self.pbxs, pbx)
                channel = agent_channel(way, told, self.integrator)
                if await pbx.ari.originate(live.call_ref, channel) is Created.REFUSED:
                    raise CallRefused(Why.NOT_THERE, (NOT_REACHABLE,))
            except PBXUnanswered:
                await self._settle(live.call_ref, pbx)
                raise
            except PBXUnreachable as error:
                pbx.note(error)
                if number == len(places):
                    raise
                log.warning("%s: %s is away, the next is asked", live.call_ref, pbx)
            else:
                return

    async def _settle(self, call_ref: str, pbx: LivePBX) -> None:
        """See to a call of which Asterisk told nothing.

        If it rings, hanging it up makes its record.  If not, it still may: an Asterisk that wakes
        up does what it was asked long ago.  The place is held until the reaper can tell.
        """
        await self.store.mark(call_ref, Mark.ABANDONED)
        try:
            known = await pbx.ari.hang_up(call_ref)
        except PBXUnreachable:
            known = False
        if not known:
            log.warning("%s: Asterisk was asked and did not answer; it may ring yet", call_ref)

    async def keep_at(self, live: LiveCall, pbx: LivePBX) -> None:
        """See to it that all servers know where a call is that goes on at a PBX."""
        run = str(pbx.run) or live.run
        if live.away or live.run != run:
            await self.store.place(replace(live, pbx=pbx.name, run=run))

    async def end_lost(self, live: LiveCall) -> None:
        """Record a call as failed of which nobody knows anything, and count it out."""
        try:
            known = facts.decode(live.facts)
            await self._end(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
        except MalformedFacts as error:
            # Not as we write it.  It must not hold its agent, or the search, for ever.
            log.error("%s cannot be recorded, only counted out: %r", live.call_ref, error)
            await self.release(live.call_ref)

    async def _end(self, known: Mapping[str, str], dialstatus: str, cause: Q850) -> None:
        """Record a call that did not come about, and count it out."""
        ending = Ending(int(time.time()), dialstatus, cause)
        record = CallRecord(read_known(known, self.config), ending)
        if await self._notifier.notify(record.notification(self.integrator)):
            reason = record.disposition(self.integrator).reason
            CALLS.labels(self.integrator.name, reason.value).inc()
        await self.release(record.call.call_ref)

    async def release(self, call_ref: str) -> None:
        """Count a call out, here and with all servers."""
        self._counts.leave(call_ref)
        await self.store.release(call_ref)

    async def free_agent(self, call_ref: str) -> None:
        """Let its agent have the next call, here and with all servers."""
        self._counts.free_agent(call_ref)
        await self.store.free_agent(call_ref)


async def _hang_up_at(pbx: LivePBX, call_ref: str) -> None:
    """End a call on the PBX that has it."""
    for _ in range(_HANGUPS):
        channels = await pbx.where.of(call_ref)
        if not channels:
            break
        # While the agent's phone rings, what rings it: else it would be he who did not answer.
        ringing = [channel for channel in channels if channel["id"] == call_ref]
        # With the agent goes the client.
        for channel in ringing or pbx.where.agents(channels) or channels:
            await pbx.ari.hang_up(channel["id"])
        await asyncio.sleep(_HANGUP_PAUSE)
