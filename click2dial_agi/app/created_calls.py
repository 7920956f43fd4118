"""Calls that the REST API creates: one integrator's, from the request to the record.

The agent's phone is rung with ``POST /ari/channels/<call_ref>``, so the agent's own channel carries
the call_ref as its id from the first ring to the end.  Its hangup handler is set before it rings,
and every way in which it can end makes the record, whether this server still lives or not.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Set
from itertools import compress
from typing import Any

from click2dial_agi.app.call_states import CallState, from_live, from_record
from click2dial_agi.app.logs import mask
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.origination import agent_channel, agent_endpoint
from click2dial_agi.app.times import Times
from click2dial_agi.domain import facts, variables
from click2dial_agi.domain.calls import CallRequest, Decision, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.dispositions import Q850
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError, is_extension
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.exceptions import MalformedFacts, PBXUnanswered, PBXUnreachable
from click2dial_agi.io.ari import ARI, Created
from click2dial_agi.io.call_store import Admission, CallStore

__all__ = ["CreatedCalls", "Refused"]

log = logging.getLogger("click2dial_agi.calls")

_RETRY_SOON = 5

_NOT_REGISTERED = FieldError("agent", "an agent whose phone is registered")
_NOT_REACHABLE = FieldError("agent", "an agent whose phone is reachable")


class Refused(Exception):
    """A call that is not created: HTTP status, errors, and seconds to wait before the next try."""

    def __init__(
        self, status: int, errors: tuple[FieldError, ...], retry_after: int | None = None
    ) -> None:
        self.status = status
        self.errors = errors
        self.retry_after = retry_after
        super().__init__("; ".join(error.message for error in errors))


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
    ) -> None:
        self.config = config
        self.integrator = integrator
        self.store = store
        self._ari = ari
        self._notifier = notifier
        self.times = times

    async def create(self, request: CallRequest) -> Decision:
        """Ring the agent.  Raises :exc:`Refused`, in which case nobody was rung.

        A call that was counted in gets a record whatever becomes of it, and is counted out with it.
        """
        decision = decide(request, self.integrator)
        if decision.errors:
            forbidden = all(error.forbidden for error in decision.errors)
            raise Refused(403 if forbidden else 422, decision.errors)
        call, now = decision.call, int(time.time())
        known = {**call.facts(), "dialed_at": str(now), "created": "1"}
        # Before anything is asked of Asterisk, which the limits protect.
        live = await self._admit(decision, known, now)
        try:
            error = await self._agent_error(call.extension)
            if error is None:
                channel = agent_channel(decision, known, self.integrator)
                if await self._ari.originate(call.call_ref, channel) is Created.REFUSED:
                    error = _NOT_REACHABLE
        except PBXUnanswered:
            await self._settle(call.call_ref, live)
            raise
        except PBXUnreachable:
            await self._end(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
            raise
        if error is not None:
            await self._end(known, "CHANUNAVAIL", Q850.SUBSCRIBER_ABSENT)
            raise Refused(409, (error,))
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
        if live is None:
            return None
        channel_id = _channel_of(call_ref, live)
        # In this order: a channel that has gone meanwhile has ended, and does not ring again.
        joined = await self._was_joined(channel_id)
        channel = await self._ari.channel(channel_id)
        return from_live(live, CallState.of(channel, joined=joined))

    async def adopt(self, call_ref: str) -> dict[str, Any] | None:
        """Return a call as ``state`` does if it has reached Asterisk, and let it go on."""
        live = await self.store.live_call(call_ref)
        if await self.store.record(call_ref) is None:
            if await self._ari.channel(call_ref) is None:
                return None
            if live is not None and live.get("abandoned"):
                await self.store.change(call_ref, live, abandoned=False)
        return await self.state(call_ref)

    async def live(self) -> list[dict[str, Any]]:
        """Return the calls that have not ended."""
        calls = await self.store.live()
        if not calls:
            return []
        ids = {call_ref: _channel_of(call_ref, live) for call_ref, live in calls.items()}
        # In this order, as for one call.
        joined = await self._ari.bridged_channels()
        apart = [channel_id for channel_id in ids.values() if channel_id not in joined]
        were_joined = await asyncio.gather(*map(self._was_joined, apart))
        joined.update(compress(apart, were_joined))
        channels = await self._ari.channels()
        return [
            from_live(live, CallState.of(channels[ids[call_ref]], joined=ids[call_ref] in joined))
            for call_ref, live in calls.items()
            if ids[call_ref] in channels
        ]

    async def hang_up(self, call_ref: str) -> bool:
        """End a call; False if this integrator has no such call.  One that has ended stays so."""
        live = await self.store.live_call(call_ref)
        if live is None:
            return await self.store.record(call_ref) is not None
        if not await self._ari.hang_up(_channel_of(call_ref, live)):
            transferred = await self._transferred({call_ref}, await self._ari.channels())
            for channel_id in transferred.values():
                await self._ari.hang_up(channel_id)
        return True

    async def reap(self) -> None:
        """Record the calls that nobody else will: their Asterisk or their creator died.

        Also end those that ring although their creator had to say that they do not.
        """
        calls = await self.store.live()
        if not calls:
            return
        # In this order: a channel stays until its hangup handler is through with the record.
        channels = await self._ari.channels()
        before = time.time() - self.times.lost_after
        unknown = {}
        for call_ref, live in calls.items():
            if _channel_of(call_ref, live) in channels:
                if live.get("abandoned") and await self.store.change(call_ref, live):
                    await self._ari.hang_up(call_ref)
            elif live.get("at", 0) <= before:
                unknown[call_ref] = live
        if unknown:
            await self._reap_unknown(unknown, channels)

    async def _reap_unknown(
        self, calls: Mapping[str, Mapping[str, Any]], channels: Iterable[str]
    ) -> None:
        """See to calls whose agent's channel is gone: transferred, just recorded, or lost."""
        transferred = await self._transferred(set(calls), channels)
        for call_ref, live in calls.items():
            if await self.store.record(call_ref) is not None:
                await self.store.release(call_ref)
            elif call_ref in transferred:
                await self.store.hand_over(call_ref, live, transferred[call_ref])
            elif await self.store.change(call_ref, live, lost=True):
                log.warning("%s has neither channel nor record; recorded as failed", call_ref)
                await self._end_lost(call_ref, live)

    async def _transferred(self, call_refs: Set[str], channels: Iterable[str]) -> dict[str, str]:
        """Return the channels with which calls go on after their agents left, by call_ref."""
        found: dict[str, str] = {}
        for channel_id in channels:
            call_ref = await self._ari.variable(channel_id, variables.CALL_REF)
            if call_ref in call_refs:
                found.setdefault(call_ref, channel_id)
        return found

    async def _was_joined(self, channel_id: str) -> bool:
        """Tell whether a channel has been joined with another, as far as it still tells.

        The channel that dialled keeps the name of its peer.  BRIDGEPEER, which is empty again as
        soon as they part, is what a client's channel has after a transfer.
        """
        for name in ("DIALEDPEERNAME", "BRIDGEPEER"):
            if await self._ari.variable(channel_id, name):
                return True
        return False

    async def _admit(
        self, decision: Decision, known: Mapping[str, str], now: int
    ) -> Mapping[str, Any]:
        """Count a call in and return it as the store keeps it."""
        call = decision.call
        live = {
            "agent": call.extension,
            "callee": call.number,
            "dial_number": call.dial_number,
            "contact_ref": call.contact_ref,
            "call_ref": call.call_ref,
            "at": time.time(),
            "facts": facts.encode(known),
        }
        limits = self.integrator.limits
        admission = await self.store.admit(
            call.call_ref, call.extension, live, limits, minute=now // 60
        )
        match admission:
            case Admission.AGENT_BUSY:
                error = FieldError("agent", "one created call at a time")
                raise Refused(429, (error,), _RETRY_SOON)
            case Admission.CONCURRENT:
                error = FieldError("calls", f"at most {limits.concurrent_calls} at once")
                raise Refused(429, (error,), _RETRY_SOON)
            case Admission.PER_MINUTE:
                error = FieldError("calls", f"at most {limits.calls_per_minute} a minute")
                raise Refused(429, (error,), 60 - now % 60)
        return live

    async def _agent_error(self, agent: str) -> FieldError | None:
        """Return what is wrong with an agent's phone, as far as Asterisk can tell."""
        if not is_extension(agent):
            return None
        technology, _, resource = agent_endpoint(agent, self.integrator).partition("/")
        if technology != "PJSIP" or "@" in resource or "/" in resource:
            return None
        try:
            state = await self._ari.endpoint_state(technology, resource)
        except PBXUnanswered as error:  # but nothing was asked for that could ring anybody
            raise PBXUnreachable(str(error)) from error
        return _NOT_REGISTERED if state in (None, "offline") else None

    async def _settle(self, call_ref: str, live: Mapping[str, Any]) -> None:
        """See to a call of which Asterisk told nothing.

        If it rings, hanging it up makes its record.  If not, it still may: an Asterisk that wakes
        up does what it was asked long ago.  The place is held until :meth:`reap` can tell.
        """
        await self.store.change(call_ref, live, abandoned=True)
        try:
            known = await self._ari.hang_up(call_ref)
        except PBXUnreachable:
            known = False
        if not known:
            log.warning("%s: Asterisk was asked and did not answer; it may ring yet", call_ref)

    async def _end_lost(self, call_ref: str, live: Mapping[str, Any]) -> None:
        try:
            known = facts.decode(live["facts"])
            await self._end(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
        except (KeyError, TypeError, MalformedFacts) as error:
            # Not as we write it.  It must not hold its agent, or the search, for ever.
            log.error("%s cannot be recorded, only counted out: %r", call_ref, error)
            await self.store.release(call_ref)

    async def _end(self, known: Mapping[str, str], dialstatus: str, cause: Q850) -> None:
        """Record a call that did not come about, and count it out."""
        ended = {**known, "dialstatus": dialstatus, "hangup_cause": str(int(cause))}
        ended["ended_at"] = str(int(time.time()))
        record = CallRecord.from_facts(ended, self.config)
        await self._notifier.notify(record.notification(self.integrator))
        await self.store.release(record.call.call_ref)


def _channel_of(call_ref: str, live: Mapping[str, Any]) -> str:
    """Return the id of the channel that a call lives with: the agent's, until it is transferred."""
    return str(live.get("channel", call_ref))
