"""Calls that the REST API creates: one integrator's, from the request to the record.

The agent's phone is rung with ``POST /ari/channels/<call_ref>``, so the agent's own channel carries
the call_ref as its id from the first ring to the end.  Its hangup handler is set before it rings,
and every way in which it can end makes the record, whether this server still lives or not.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from click2dial_agi.agi import check_variables
from click2dial_agi.app.logs import mask
from click2dial_agi.domain import facts, variables
from click2dial_agi.domain.calls import CallDirection, CallRequest, Decision, decide
from click2dial_agi.domain.config import Config, Integrator
from click2dial_agi.domain.dispositions import Q850
from click2dial_agi.domain.numbers import FieldError, is_extension
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.exceptions import NotificationError, PBXUnreachable
from click2dial_agi.io.ari import ARI, Created
from click2dial_agi.io.call_store import Admission, CallStore
from click2dial_agi.io.redis_writer import RedisWriter

__all__ = ["CallState", "CreatedCalls", "Refused"]

log = logging.getLogger("click2dial_agi.calls")

# A call that was counted in has its channel within one ARI deadline; after that, a call without
# channel and without record is one whose Asterisk or creator died.
_LOST_AFTER = 15.0
_RETRY_SOON = 5


class CallState(StrEnum):
    """Where a created call stands."""

    RINGING_AGENT = "ringing-agent"
    RINGING_CALLEE = "ringing-callee"
    UP = "up"
    ENDED = "ended"


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
    """Creates, shows and hangs up the calls of one integrator."""

    def __init__(
        self,
        config: Config,
        integrator: Integrator,
        ari: ARI,
        store: CallStore,
        writer: RedisWriter,
    ) -> None:
        self.config = config
        self.integrator = integrator
        self._ari = ari
        self.store = store
        self._writer = writer

    async def create(self, request: CallRequest) -> Decision:
        """Ring the agent.  Raises :exc:`Refused`, in which case nobody was rung."""
        decision = decide(request, self.integrator)
        if decision.errors:
            forbidden = all(error.forbidden for error in decision.errors)
            raise Refused(403 if forbidden else 422, decision.errors)
        dialed_at = int(time.time())
        known = {**decision.call.facts(), "dialed_at": str(dialed_at), "created": "1"}
        await self._admit(decision, known, dialed_at)
        try:
            await self._check_agent(request.agent)
            created = await self._ari.originate(
                decision.call.call_ref, _channel(decision, known, self.integrator)
            )
        except (Refused, PBXUnreachable) as error:
            await self._give_up(decision, known, error)
            raise
        if created is Created.REFUSED:
            refused = Refused(409, (_agent_error("reachable"),))
            await self._give_up(decision, known, refused)
            raise refused
        call = decision.call
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
        record = await self.store.record(call_ref)
        if record is not None:
            return _from_record(record)
        live = await self.store.live_call(call_ref)
        if live is None:
            return None
        channel = await self._ari.channel(call_ref)
        return _from_live(live, await self._state_of(channel))

    async def was_placed(self, call_ref: str) -> bool:
        """Tell whether a call has reached Asterisk: it has a record, or a channel."""
        return (
            await self.store.record(call_ref) is not None
            or await self._ari.channel(call_ref) is not None
        )

    async def live(self) -> list[dict[str, Any]]:
        """Return the calls that have not ended."""
        calls = await self.store.live()
        channels = await self._ari.channels() if calls else {}
        return [
            _from_live(live, await self._state_of(channels[call_ref]))
            for call_ref, live in calls.items()
            if call_ref in channels
        ]

    async def hang_up(self, call_ref: str) -> bool:
        """End a call; False if this integrator has no such call.  One that has ended stays so."""
        if await self.store.live_call(call_ref) is None:
            return await self.store.record(call_ref) is not None
        await self._ari.hang_up(call_ref)
        return True

    async def reap(self) -> None:
        """Record the calls that nobody else will: their Asterisk or their creator died."""
        calls = await self.store.live()
        if not calls:
            return
        channels = await self._ari.channels()
        now = time.time()
        for call_ref, live in calls.items():
            if call_ref in channels or now - live["dialed_at"] < _LOST_AFTER:
                continue
            if await self.store.record(call_ref) is None:
                log.warning("%s has neither channel nor record; recorded as failed", call_ref)
                await self._record(
                    facts.decode(live["facts"]), "INVALIDARGS", Q850.SWITCHING_CONGESTION
                )
            await self.store.release(call_ref)

    async def _admit(self, decision: Decision, known: Mapping[str, str], now: int) -> None:
        call = decision.call
        live = {
            "agent": call.extension,
            "callee": call.number,
            "dial_number": call.dial_number,
            "contact_ref": call.contact_ref,
            "call_ref": call.call_ref,
            "dialed_at": now,
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

    async def _check_agent(self, agent: str) -> None:
        """Refuse an agent whose phone is not there, as far as Asterisk can tell."""
        if not is_extension(agent):
            return
        technology, _, resource = _agent_endpoint(agent, self.integrator).partition("/")
        if technology == "PJSIP" and "@" not in resource and "/" not in resource:
            state = await self._ari.endpoint_state(technology, resource)
            if state is None or state == "offline":
                raise Refused(409, (_agent_error("registered"),))

    async def _give_up(
        self, decision: Decision, known: Mapping[str, str], error: Exception
    ) -> None:
        """Record a call that did not come about, and count it out."""
        if isinstance(error, PBXUnreachable):
            try:
                if await self._ari.hang_up(decision.call.call_ref):
                    return  # it rang after all; its hangup handler records it
            except PBXUnreachable:
                return  # nobody can tell now; reap() will
            await self._record(known, "INVALIDARGS", Q850.SWITCHING_CONGESTION)
        else:
            await self._record(known, "CHANUNAVAIL", Q850.SUBSCRIBER_ABSENT)
        await self.store.release(decision.call.call_ref)

    async def _record(self, known: Mapping[str, str], dialstatus: str, cause: Q850) -> None:
        ended = {**known, "dialstatus": dialstatus, "hangup_cause": str(int(cause))}
        ended["ended_at"] = str(int(time.time()))
        record = CallRecord.from_facts(ended, self.config)
        await self._writer.push(record.notification(self.integrator))

    async def _state_of(self, channel: Mapping[str, Any] | None) -> CallState:
        if channel is None:
            return CallState.ENDED
        if channel.get("state") != "Up":
            return CallState.RINGING_AGENT
        # Asterisk sets it when the channel is bridged, and not before.
        peer = await self._ari.variable(channel["id"], "BRIDGEPEER")
        return CallState.UP if peer else CallState.RINGING_CALLEE


def _agent_endpoint(agent: str, integrator: Integrator) -> str:
    if is_extension(agent):
        return integrator.agent_dial.replace("{extension}", agent)
    return integrator.trunk_dial.replace("{number}", agent)


def _channel(
    decision: Decision, known: Mapping[str, str], integrator: Integrator
) -> dict[str, Any]:
    """Return the body of POST /ari/channels/<call_ref>."""
    call = decision.call
    channel_variables = {
        variables.CALL_REF: call.call_ref,
        variables.CONTACT_REF: call.contact_ref,
        variables.FACTS: facts.encode(known),
        variables.DIAL: decision.dial,
        variables.DIAL_NUMBER: call.dial_number,
        variables.RING_TIMEOUT: str(integrator.ring_timeout),
    }
    check_variables(channel_variables)
    # An extension's phone shows whom it is about to talk to.  A phone behind the trunk must be
    # shown a number that the trunk lets through.
    external = call.call_dir is CallDirection.EXTERNAL
    return {
        "endpoint": _agent_endpoint(call.extension, integrator),
        "callerId": call.dial_number if external else call.number,
        "context": "click2dial-create",
        "extension": "answered",
        "priority": 1,
        "timeout": integrator.ring_timeout,
        "variables": {
            **channel_variables,
            "CHANNEL(hangup_handler_push)": "click2dial-end,s,1",
        },
    }


def _agent_error(how: str) -> FieldError:
    return FieldError("agent", f"an agent whose phone is {how}")


def _from_live(live: Mapping[str, Any], state: CallState) -> dict[str, Any]:
    shown = {
        key: live[key] for key in ("call_ref", "contact_ref", "agent", "callee", "dial_number")
    }
    return {**shown, "state": state.value, "record": None}


def _from_record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "call_ref": record["call_ref"],
        "contact_ref": record["contact_ref"],
        "agent": record["extension"],
        # Before version 3 the client's number is in ref.
        "callee": record.get("number", record["ref"]),
        "dial_number": record["dial_number"],
        "state": CallState.ENDED.value,
        "record": record,
    }


async def reap_forever(calls: Callable[[], list[CreatedCalls]], every: float = 10.0) -> None:
    """Look for lost calls of all integrators, again and again, until cancelled."""
    while True:
        await asyncio.sleep(every)
        for one in calls():
            await _quietly(one.reap())


async def _quietly(reaping: Awaitable[None]) -> None:
    try:
        await reaping
    except (PBXUnreachable, NotificationError) as error:
        log.debug("looking for lost calls: %s", error)
