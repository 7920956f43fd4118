"""What the server does in the AGI sessions of a call.

``/outbound`` decides before Dial(), ``/transfer`` likewise on where an agent sends the client,
``/joined`` tells of the answer, ``/ended`` records from the hangup handler.  None keeps anything:
all that a later one needs travels in the channel's variables, so any instance can end a call that
another began.
"""

import logging
from collections.abc import Coroutine, Mapping, Sequence
from functools import cache, partial
from typing import Any
from uuid import uuid4

from click2dial_agi.agi import Action, read_variable, set_variables
from click2dial_agi.app.logs import mask
from click2dial_agi.app.metrics import CALLS, DECISIONS, SESSIONS
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import facts, variables
from click2dial_agi.domain.calls import Decision, decide
from click2dial_agi.domain.headers import read_headers
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError, is_call_ref
from click2dial_agi.domain.records import CallRecord, JoinedCall, read_call, read_request
from click2dial_agi.domain.transfers import decide_transfer
from click2dial_agi.exceptions import CommandRejected, MalformedFacts, NotificationError
from click2dial_agi.io.agi_server import AGISession, Handler
from click2dial_agi.io.call_store import CallStore
from click2dial_agi.io.refusals import Refusals

__all__ = ["CallHandlers"]

log = logging.getLogger("click2dial_agi.calls")

_decisions = cache(DECISIONS.labels)
_SESSIONS = {name: SESSIONS.labels(name) for name in ("outbound", "transfer", "joined", "ended")}


class CallHandlers:
    """Answers FastAGI sessions with the current configuration.

    ``current`` may be replaced at any time; a session that is under way keeps the one it began
    with.  ``refusals`` is where the WebSocket edge finds the errors of a refused call, None where
    there is no edge.
    """

    def __init__(self, current: Snapshot, refusals: Refusals | None = None) -> None:
        self.current = current
        self.refusals = refusals
        self._handlers: Mapping[str, Handler] = {
            "outbound": self.outbound,
            "transfer": self.transfer,
            "joined": self.joined,
            "ended": self.ended,
        }

    def __call__(self, session: AGISession) -> Coroutine[Any, Any, None] | None:
        """Serve the script that the dialplan asked for; return what is to be waited for, if any."""
        script = session.environment.script
        handle = self._handlers.get(script)
        if handle is None:
            log.warning("no AGI script %r; there are %s", script[:80], ", ".join(self._handlers))
            return None
        _SESSIONS[script].inc()
        return handle(session)

    def outbound(self, session: AGISession) -> Coroutine[Any, Any, None] | None:
        """Decide on a call that a phone placed, and tell the dialplan in one command."""
        asked = facts.decode(session.environment.query)
        request = read_request(asked)
        if not is_call_ref(request.call_ref):  # an Asterisk without func_uuid
            request = request._replace(call_ref=str(uuid4()))
        integrator = self.current.config.owner_of(request.agent)
        decision = decide(request, integrator)
        answer = set_variables(_answer(decision, asked.get("dialed_at", ""), integrator))
        if decision.errors and self.refusals is not None:
            return self._refuse(session, answer, decision, read_headers(asked).error_headers)
        session.finish(answer, partial(_log_decision, decision, session))
        return None

    async def _refuse(
        self, session: AGISession, answer: Action, decision: Decision, names: Sequence[str]
    ) -> None:
        """Leave the errors with the edge before the answer: with that, Asterisk refuses at once."""
        assert self.refusals is not None
        await _publish(self.refusals, session, names, decision.errors)
        await session.execute(answer)
        _log_decision(decision, session)

    def transfer(self, session: AGISession) -> None:
        """Decide on where an agent sends the client; the call stays the one that it is."""
        config = self.current.config
        asked = facts.decode(session.environment.query)
        call = read_call(asked, config)
        decision = decide_transfer(call, asked, config)
        integrator = config.integrator(call.integrator)
        answer = {variables.VERDICT: variables.VERDICT_REFUSE}
        if integrator is not None and not decision.errors:
            answer = variables.describe_transfer(decision, integrator)
        session.finish(set_variables(answer), partial(_log_transfer, decision))

    async def ended(self, session: AGISession) -> None:
        """Store the record of a call that ended, and only then give the receipt."""
        current = self.current
        known = facts.decode(session.environment.query)
        record = CallRecord.from_facts(known, current.config)
        call = record.call
        new = await _notify(record, current)
        notifier = current.notifiers.get(call.integrator)
        store = current.stores.get(call.integrator)
        redis_answers = notifier is None or not notifier.failing
        # While Redis is away the receipt does not wait for it once more: the reaper counts out.
        if redis_answers and "created" in known and store is not None:
            await _count_out(store, call.call_ref)
        await session.execute(set_variables({variables.RECEIPT: "1"}))
        if new:
            CALLS.labels(call.integrator, record.disposition.reason.value).inc()
        log.info(
            "%s ended: %s, code %d, after %d s%s",
            call.call_ref,
            record.disposition.reason,
            record.disposition.code,
            record.call_time,
            "" if new else " (recorded before)",
        )

    async def joined(self, session: AGISession) -> None:
        """Tell of a call that was answered; both sides wait for it, unheard by each other."""
        current = self.current
        joined = JoinedCall.from_facts(facts.decode(session.environment.query), current.config)
        new = await _notify(joined, current)
        await session.execute(set_variables({variables.RECEIPT: "1"}))
        log.info(
            "%s joined: agent %s, number %s, after %d s in the queue%s",
            joined.call.call_ref,
            mask(joined.call.extension),
            mask(joined.call.number),
            joined.hold_time,
            "" if new else " (told before)",
        )


async def _notify(event: CallRecord | JoinedCall, current: Snapshot) -> bool:
    """Store the notification of a call's integrator; False if it was stored before."""
    call = event.call
    if not call.integrator:
        # There is no list to push to: nobody owns the agent's extension, or the DID.
        log.warning("%s has no integrator, so no record is kept", call.call_ref)
        return True
    notifier = current.notifiers.get(call.integrator)
    if notifier is None:
        raise MalformedFacts("integrator", f"a configured one, not {call.integrator}")
    return await notifier.notify(event.notification(notifier.integrator))


def _log_transfer(decision: Decision) -> None:
    log.info(
        "%s is transferred by %s: %s",
        decision.call.call_ref,
        mask(decision.call.extension),
        "; ".join(error.message for error in decision.errors) or f"to {mask(decision.call.number)}",
    )


async def _publish(
    refusals: Refusals, session: AGISession, names: Sequence[str], errors: Sequence[FieldError]
) -> None:
    """Leave the errors of a refused call where the edge looks for them, by its SIP Call-ID."""
    if not session.environment.channel.startswith("PJSIP/"):
        return
    try:
        call_id = await session.execute(read_variable(variables.SIP_CALL_ID))
    except CommandRejected as error:  # the phone gave up, and hears no response any more
        log.debug("no Call-ID of %s: %s", session.environment.channel, error)
        return
    if call_id:
        headers = [(name, error.message) for name in names for error in errors]
        await refusals.publish(call_id, headers)


async def _count_out(store: CallStore, call_ref: str) -> None:
    """Free the agent and the place of a created call.  If that fails, the reaper does it later."""
    try:
        await store.release(call_ref)
    except NotificationError as error:
        log.warning("%s still counts as live: %s", call_ref, error)


def _answer(decision: Decision, dialed_at: str, integrator: Integrator | None) -> dict[str, str]:
    """Return the channel variables that carry a decision; the verdict comes last."""
    call = decision.call
    known = call.facts()
    known["dialed_at"] = dialed_at
    if decision.errors or integrator is None:  # who has no integrator has an error
        known["refused"] = "1"
        return {
            variables.CALL_REF: call.call_ref,
            variables.CONTACT_REF: call.contact_ref,
            variables.FACTS: facts.encode(known),
            variables.VERDICT: variables.VERDICT_REFUSE,
        }
    answer = variables.describe_call(decision, known, integrator)
    answer[variables.VERDICT] = variables.VERDICT_DIAL
    return answer


def _log_decision(decision: Decision, session: AGISession) -> None:
    """Count and log what was decided, once Asterisk has heard it."""
    call = decision.call
    verdict = variables.VERDICT_REFUSE if decision.errors else variables.VERDICT_DIAL
    _decisions(call.integrator, verdict).inc()
    if decision.errors:
        errors = "; ".join(error.message for error in decision.errors)
        log.info("%s on %s refused: %s", call.call_ref, session.environment.channel, errors)
        return
    log.info(
        "%s on %s: %s %s calls %s as %s, contact_ref %s",
        call.call_ref,
        session.environment.channel,
        call.integrator,
        mask(call.extension),
        mask(call.number),
        mask(call.dial_number),
        call.contact_ref,
    )
    if len(call.dial_number) == 10:
        log.warning(
            "%s shows a caller ID starting 0; providers often reject it, 27... is safer",
            call.call_ref,
        )
