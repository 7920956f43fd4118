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
from typing import Any

from click2dial_agi.app.call_states import from_live, from_record
from click2dial_agi.app.logs import mask
from click2dial_agi.app.metrics import CALLS
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.origination import agent_channel, agent_endpoint
from click2dial_agi.app.phone_calls import PhoneCalls
from click2dial_agi.app.times import Times
from click2dial_agi.app.whereabouts import Whereabouts
from click2dial_agi.domain import facts
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.calls import POOL_SPENT, CallRequest, Decision, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.domain.dispositions import Q850
from click2dial_agi.domain.facts import Fact
from click2dial_agi.domain.integrators import Integrator, Limits
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.domain.told import Ending, read_known
from click2dial_agi.exceptions import (
    MalformedFacts,
    NotificationError,
    PBXUnanswered,
    PBXUnreachable,
)
from click2dial_agi.io.ari import ARI, Created
from click2dial_agi.io.call_store import Admission, CallStore, Mark

__all__ = ["CreatedCalls"]

log = logging.getLogger("click2dial_agi.calls")

_RETRY_SOON = 5
_DAY = 24 * 60 * 60

# How often an agent who has a channel is looked at again, and the seconds between.
_BUSY_LOOKS = 4
_BUSY_PAUSE = 0.05

# How often a call is looked for and hung up, and the seconds between: an agent who answers at this
# moment goes on with a channel of his own, and a call that is being transferred with another one.
_HANGUPS = 20
_HANGUP_PAUSE = 0.02

# How often the record is looked for of a call that has left the PBX, and the seconds between.
_RECORD_LOOKS = 10
_RECORD_PAUSE = 0.05

# Of calls for help.
_UNLIMITED = Limits(calls_per_minute=1_000_000, concurrent_calls=100_000)

_TALKS = FieldError("agent", "an agent who has no call already (call_waiting)")
_NOT_REGISTERED = FieldError("agent", "an agent whose phone is registered")
_NOT_REACHABLE = FieldError("agent", "an agent whose phone is reachable")
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
        ari: ARI,
        store: CallStore,
        notifier: Notifier,
        times: Times,
        where: Whereabouts,
        counts: Counts,
    ) -> None:
        self.config = config
        self.integrator = integrator
        self.store = store
        self._ari = ari
        self._where = where
        self._phones = PhoneCalls(config, integrator, where)
        self._counts = counts
        self._notifier = notifier
        self.times = times

    async def create(self, request: CallRequest) -> Decision:
        """Ring the agent.  Raises :exc:`CallRefused`, in which case nobody was rung.

        A call that was counted in gets a record whatever becomes of it, and is counted out with
        it, unless the agent talks and it may be created later.
        """
        spent = self._counts.spent(self.integrator)
        decision = decide(request, self.integrator, self.config.emergency_numbers, spent)
        if decision.errors == (POOL_SPENT,):
            raise CallRefused(Why.LIMIT, decision.errors, _DAY - int(time.time()) % _DAY)
        if decision.errors:
            forbidden = all(error.forbidden for error in decision.errors)
            raise CallRefused(Why.FORBIDDEN if forbidden else Why.WRONG, decision.errors)
        call, now = decision.call, int(time.time())
        # When it is dialled the dialplan says: one clock for each call.
        told = {**call.facts(), Fact.CREATED: "1"}
        known = {**told, Fact.DIALED_AT: str(now)}
        # Before anything is asked of Asterisk, which the limits protect.
        try:
            await self._admit(decision, known, now)
        except NotificationError as error:
            if not decision.emergency:
                raise
            log.warning("%s is a call for help, and not counted in: %s", call.call_ref, error)
        try:
            refused = await self._agent_refusal(decision)
            if refused is None:
                channel = agent_channel(decision, told, self.integrator)
                if await self._ari.originate(call.call_ref, channel) is Created.REFUSED:
                    refused = CallRefused(Why.NOT_THERE, (_NOT_REACHABLE,))
        except PBXUnanswered:
            await self._settle(call.call_ref)
            raise
        except PBXUnreachable:
            await self._end(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
            raise
        if refused is not None:
            if refused.retry_after is None:
                await self._end(known, "CHANUNAVAIL", Q850.SUBSCRIBER_ABSENT)
            else:  # asked again later it may come about; until then it is no call
                await self._release(call.call_ref)
            raise refused
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
        return decision

    async def state(self, call_ref: str) -> dict[str, Any] | None:
        """Return a call's fields, state and record; None if this integrator has no such call."""
        # In this order: a call that ends has its record before it is counted out.
        live = await self.store.live_call(call_ref)
        record = await self.store.record(call_ref)
        if record is not None:
            return from_record(record)
        if live is not None:
            return from_live(live, await self._where.state(await self._where.of(call_ref)))
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
            if not await self._where.of(call_ref):
                return None
            await self.store.take_mark(call_ref, Mark.ABANDONED)
        return await self.state(call_ref)

    async def live(self) -> list[dict[str, Any]]:
        """Return the calls that have not ended."""
        calls = await self.store.live()
        try:
            phones = await self._phones.live()
        except PBXUnreachable:
            if calls:
                raise
            return []  # a PBX that is gone took its phones' calls along
        channels = await self._where.of_all(calls) if calls else {}
        states = await asyncio.gather(*map(self._where.state, channels.values()))
        found = dict(zip(channels, states, strict=True))
        return [from_live(live, found[ref]) for ref, live in calls.items() if ref in found] + phones

    async def hang_up(self, call_ref: str) -> bool:
        """End a call; False if this integrator has no such call.  One that has ended stays so."""
        created = await self.store.live_call(call_ref) is not None
        if not created:
            if await self.store.record(call_ref) is not None:
                return True
            found = await self._phones.find(call_ref)
            if found is None:
                return await self._just_ended(call_ref) is not None
            if found.known.emergency:
                raise CallRefused(Why.FORBIDDEN, (_FOR_HELP,))
        for _ in range(_HANGUPS):
            channels = await self._where.of(call_ref)
            if not channels:
                break
            # While the agent's phone rings, what rings it: else it would be he who did not answer.
            ringing = [channel for channel in channels if channel["id"] == call_ref]
            # With the agent goes the client.
            for channel in ringing or self._where.agents(channels) or channels:
                await self._ari.hang_up(channel["id"])
            await asyncio.sleep(_HANGUP_PAUSE)
        if created:
            await self._free_agent(call_ref)
        return True

    async def reap(self) -> None:
        """Record the calls that nobody else will: their Asterisk or their creator died.

        Also end those that ring although their creator had to say that they do not, and free the
        agents whose clients go on without them.
        """
        calls = await self.store.live()
        if not calls:
            return
        # In this order: a channel stays until its hangup handler is through with the record.
        channels = await self._where.of_all(calls)
        before = time.time() - self.times.lost_after
        for call_ref, live in calls.items():
            if call_ref not in channels:
                if live.at <= before:
                    await self._reap_unknown(live)
            elif await self.store.take_mark(call_ref, Mark.ABANDONED):
                await self.hang_up(call_ref)
            elif not self._where.agents(channels[call_ref]):
                await self._free_agent(call_ref)

    async def _reap_unknown(self, live: LiveCall) -> None:
        """See to a call that is nowhere: just recorded, or lost."""
        if await self.store.record(live.call_ref) is not None:
            await self._release(live.call_ref)
            return
        if await self.store.mark(live.call_ref, Mark.LOST):
            log.warning("%s has neither channel nor record; recorded as failed", live.call_ref)
        # Also if another server has marked it: it may have died since, and a list takes each once.
        await self._end_lost(live)

    async def _admit(self, decision: Decision, known: Mapping[str, str], now: int) -> None:
        """Count a call in, or raise :exc:`CallRefused`; a call for help takes nobody's place."""
        call, limits, agent_key = decision.call, self.integrator.limits, decision.agent_key
        if decision.emergency:
            limits, agent_key = _UNLIMITED, f"{agent_key}:{call.call_ref}"
        live = LiveCall(
            call_ref=call.call_ref,
            agent=call.extension,
            agent_key=agent_key,
            callee=call.number,
            dial_number=call.dial_number,
            contact_ref=call.contact_ref,
            at=time.time(),
            facts=facts.encode(known),
        )
        match await self.store.admit(live, limits, minute=now // 60):
            case Admission.AGENT_BUSY:
                error = FieldError("agent", "one created call at a time")
                raise CallRefused(Why.BUSY, (error,), _RETRY_SOON)
            case Admission.CONCURRENT:
                error = FieldError("calls", f"at most {limits.concurrent_calls} at once")
                raise CallRefused(Why.LIMIT, (error,), _RETRY_SOON)
            case Admission.PER_MINUTE:
                error = FieldError("calls", f"at most {limits.calls_per_minute} a minute")
                raise CallRefused(Why.LIMIT, (error,), 60 - now % 60)
        if decision.caller_id:
            self._counts.shown.count(self.integrator.name, decision.caller_id)

    async def _agent_refusal(self, decision: Decision) -> CallRefused | None:
        """Return why an agent's phone is not rung, as far as Asterisk can tell."""
        if decision.agent_number is not None:
            return None
        waiting = self.integrator.call_waiting or decision.emergency
        technology, _, resource = agent_endpoint(decision, self.integrator).partition("/")
        if technology != "PJSIP":
            talks = self._counts.has(self.integrator.name, decision.agent_key)
            busy = talks and not waiting
            return CallRefused(Why.BUSY, (_TALKS,), _RETRY_SOON) if busy else None
        _, behind, name = resource.rpartition("@")
        try:
            endpoint = await self._ari.endpoint(technology, name)
            for _ in range(_BUSY_LOOKS):
                if behind or endpoint is None or not endpoint.channel_ids:
                    break
                if waiting:
                    break
                # His last call may be over, and told, and its channel not gone yet.
                await asyncio.sleep(_BUSY_PAUSE)
                endpoint = await self._ari.endpoint(technology, name)
        except PBXUnanswered as error:  # but nothing was asked for that could ring anybody
            raise PBXUnreachable(str(error)) from error
        if behind:  # another PBX's phone: of that only the way to it is known here
            return CallRefused(Why.NOT_THERE, (_NOT_REACHABLE,)) if endpoint is None else None
        if endpoint is None or endpoint.state == "offline":
            return CallRefused(Why.NOT_THERE, (_NOT_REGISTERED,))
        if endpoint.channel_ids and not waiting:
            return CallRefused(Why.BUSY, (_TALKS,), _RETRY_SOON)
        return None

    async def _settle(self, call_ref: str) -> None:
        """See to a call of which Asterisk told nothing.

        If it rings, hanging it up makes its record.  If not, it still may: an Asterisk that wakes
        up does what it was asked long ago.  The place is held until :meth:`reap` can tell.
        """
        await self.store.mark(call_ref, Mark.ABANDONED)
        try:
            known = await self._ari.hang_up(call_ref)
        except PBXUnreachable:
            known = False
        if not known:
            log.warning("%s: Asterisk was asked and did not answer; it may ring yet", call_ref)

    async def _end_lost(self, live: LiveCall) -> None:
        try:
            known = facts.decode(live.facts)
            await self._end(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
        except MalformedFacts as error:
            # Not as we write it.  It must not hold its agent, or the search, for ever.
            log.error("%s cannot be recorded, only counted out: %r", live.call_ref, error)
            await self._release(live.call_ref)

    async def _end(self, known: Mapping[str, str], dialstatus: str, cause: Q850) -> None:
        """Record a call that did not come about, and count it out."""
        ending = Ending(int(time.time()), dialstatus, cause)
        record = CallRecord(read_known(known, self.config), ending)
        if await self._notifier.notify(record.notification(self.integrator)):
            reason = record.disposition(self.integrator).reason
            CALLS.labels(self.integrator.name, reason.value).inc()
        await self._release(record.call.call_ref)

    async def _release(self, call_ref: str) -> None:
        """Count a call out, here and with all servers."""
        self._counts.leave(call_ref)
        await self.store.release(call_ref)

    async def _free_agent(self, call_ref: str) -> None:
        """Let its agent have the next call, here and with all servers."""
        self._counts.free_agent(call_ref)
        await self.store.free_agent(call_ref)
