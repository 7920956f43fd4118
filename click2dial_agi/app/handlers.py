"""What the server does in the AGI sessions of a call.

``/outbound`` decides before Dial(), ``/transfer`` likewise on where an agent sends the client.  The
others tell of what has happened, one script for each :class:`Event`: ``/joined`` of the answer,
``/ended`` from the hangup handler, ``/emergency`` of a call that nobody decides on.  None keeps
anything but the count of calls: all that a later one needs travels in the channel's variables, so
any instance can end a call that another began.
"""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache, partial
from typing import Any
from uuid import uuid4

from click2dial_agi.agi import Action, read_text, set_variables
from click2dial_agi.app.admission import admit, admit_after_look
from click2dial_agi.app.logs import mask, of_nobody
from click2dial_agi.app.metrics import CALLS, DECISIONS, SESSIONS
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.app.peer_dial import Asking, from_channel, goes_to_a_peer
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import facts, variables
from click2dial_agi.domain.attempts import late_attempt
from click2dial_agi.domain.calls import POOL_SPENT, CallDirection, Decision, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.counts import Counted
from click2dial_agi.domain.dispositions import Q850
from click2dial_agi.domain.headers import cut_header, read_headers
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.names import Event, Fact
from click2dial_agi.domain.numbers import FieldError, is_call_ref
from click2dial_agi.domain.payloads import Notified, read_told
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.domain.seal import unseal
from click2dial_agi.domain.told import HandOver, read_hand_over, read_request
from click2dial_agi.domain.transfers import HandOverDecision, decide_hand_over
from click2dial_agi.exceptions import CommandRejected, MalformedFacts, NotificationError
from click2dial_agi.io.agi_server import AGISession
from click2dial_agi.io.moved_calls import MovedCalls
from click2dial_agi.io.refusals import Refusals

__all__ = ["CallHandlers"]

log = logging.getLogger("click2dial_agi.calls")

_decisions = cache(DECISIONS.labels)
_Told = Mapping[str, str]
# Sends a decision as the last command.
_Finish = Callable[[Decision], None]
_Script = Callable[[AGISession, _Told], Coroutine[Any, Any, None] | None]

_SCRIPTS = ("outbound", "transfer", *Event)
_SESSIONS = {name: SESSIONS.labels(name) for name in _SCRIPTS}


class CallHandlers:
    """Answers FastAGI sessions with the current configuration.

    ``current`` may be replaced at any time; a session that is under way keeps the one it began
    with.  ``refusals`` is where the WebSocket edge finds the errors of a refused call, None where
    there is no edge; ``moved`` knows what Kamailio did, None where there is none.
    """

    def __init__(
        self, current: Snapshot, refusals: Refusals | None = None, moved: MovedCalls | None = None
    ) -> None:
        self.current = current
        self.refusals = refusals
        self.moved = moved
        self._handlers: Mapping[str, _Script] = {
            "outbound": self.outbound,
            "transfer": self.transfer,
            **{event: partial(self.tell, event) for event in Event},
            Event.ENDED: self.ended,
        }

    def __call__(self, session: AGISession) -> Coroutine[Any, Any, None] | None:
        """Serve the script that the dialplan asked for; return what is to be waited for, if any."""
        script = session.environment.script
        handle = self._handlers.get(script)
        if handle is None:
            log.warning("no AGI script %r; there are %s", script[:80], ", ".join(self._handlers))
            return None
        _SESSIONS[script].inc()
        told = unseal(self.current.config.agi.secret, script, session.environment.query)
        return handle(session, facts.decode(told))

    def outbound(self, session: AGISession, asked: _Told) -> Coroutine[Any, Any, None] | None:
        """Decide on a call that a phone placed, and tell the dialplan in one command."""
        if self.moved is not None and (attempt := late_attempt(asked)):
            return self._unless_moved(session, asked, attempt, self.moved)
        return self._decide_whole(session, asked)

    async def _unless_moved(
        self, session: AGISession, asked: _Told, attempt: str, moved: MovedCalls
    ) -> None:
        """Decide on a call that came late, unless another Asterisk was given it meanwhile."""
        if await moved.has(attempt):
            log.warning("%s: this PBX slept; another has the call", session.environment.channel)
            await session.execute(set_variables(variables.describe_moved(asked)))
            return
        deciding = self._decide_whole(session, asked)
        if deciding is not None:
            await deciding

    def _decide_whole(self, session: AGISession, asked: _Told) -> Coroutine[Any, Any, None] | None:
        cut = cut_header(asked)
        return self._decide(session, asked) if cut is None else self._read(session, asked, *cut)

    async def _read(self, session: AGISession, asked: _Told, fact: Fact, header: str) -> None:
        """Read a reference whole before the call is decided on."""
        try:
            whole = await session.execute(read_text(f"${{PJSIP_HEADER(read,{header})}}"))
        except CommandRejected as error:  # the phone gave up
            log.debug("no headers of %s: %s", session.environment.channel, error)
            whole = ""
        deciding = self._decide(session, {**asked, fact: whole or asked[fact]})
        if deciding is not None:
            await deciding

    def _decide(self, session: AGISession, asked: _Told) -> Coroutine[Any, Any, None] | None:
        current = self.current
        request = read_request(asked, current.config.extensions_by_endpoint)
        if not is_call_ref(request.call_ref):  # an Asterisk without func_rand
            request = request._replace(call_ref=str(uuid4()))
        integrator = current.config.owner_of(request.agent)
        spent = current.counts.spent(integrator)
        decision = decide(request, integrator, current.config.emergency_numbers, spent)
        known = decision.call.facts()
        known[Fact.DIALED_AT] = asked.get(Fact.DIALED_AT, "")
        known[Fact.CHANNEL] = session.environment.channel

        def finish(decided: Decision) -> None:
            action = set_variables(_answer(decided, known, integrator))
            session.finish(action, partial(_log_decision, decided, session))

        if not decision.errors and integrator is not None:
            if admit(current, integrator, decision, session.environment.channel) is not None:
                return self._over_limit(
                    session, asked, current, integrator, decision, known, finish
                )
        elif self.refusals is not None:
            action = set_variables(_answer(decision, known, integrator))
            return self._refuse(session, action, decision, asked)
        return _dial(session, current, decision, decision.call.call_ref, finish)

    async def _over_limit(
        self,
        session: AGISession,
        asked: _Told,
        current: Snapshot,
        integrator: Integrator,
        decision: Decision,
        known: dict[str, str],
        finish: _Finish,
    ) -> None:
        """Refuse a call that is over a limit, unless the PBX knows of fewer."""
        channel = session.environment.channel
        excess = await admit_after_look(current, integrator, decision, channel)
        if excess is None:
            dialling = _dial(session, current, decision, decision.call.call_ref, finish)
            if dialling is not None:
                await dialling
            return
        decision = decision._replace(errors=(excess,), dial="")
        refusal = variables.describe_refusal({**known, Fact.LIMITED: "1"}, Q850.CALL_REJECTED)
        await self._refuse(session, set_variables(refusal), decision, asked)

    async def _refuse(
        self, session: AGISession, answer: Action, decision: Decision, asked: _Told
    ) -> None:
        """Leave the errors with the edge before the answer: with that, Asterisk refuses at once."""
        if self.refusals is not None:
            names = read_headers(asked).error_headers
            await _publish(self.refusals, session, names, decision.errors)
        await session.execute(answer)
        _log_decision(decision, session)

    def transfer(self, session: AGISession, told: _Told) -> Coroutine[Any, Any, None] | None:
        """Decide on where an agent sends the client, or an agent's phone the call."""
        current = self.current
        asked = read_hand_over(told, current.config)
        integrator = current.config.integrator(asked.known.call.integrator)
        if asked.leaves:  # so a leg that he sends him to is not one more
            current.counts.free_agent(asked.known.call.call_ref)
        decided = decide_hand_over(
            *(asked, integrator, str(uuid4())),
            spent=current.counts.spent(integrator),
            emergency=current.config.emergency_numbers,
        )

        def finish(decision: Decision) -> None:
            found = decided._replace(decision=decision)
            action = set_variables(variables.describe_hand_over(found, integrator))
            session.finish(action, partial(_log_hand_over, asked, found))

        channel, decision = session.environment.channel, decided.decision
        if (
            integrator is not None
            and decided.places_call
            and admit(current, integrator, decision, channel) is not None
        ):
            return _leg_over_limit(current, integrator, decision, channel, finish)
        return _dial(session, current, decision, asked.known.call.call_ref, finish)

    async def ended(self, session: AGISession, told: _Told) -> None:
        """Store the record of a call that ended, and only then give the receipt."""
        # One that was given up may end before anything was decided on it.
        attempt = late_attempt(told)
        if self.moved is not None and attempt and await self.moved.has(attempt):
            self.current.counts.leave(told.get(Fact.CALL_REF, ""))
            await session.execute(set_variables({variables.RECEIPT: "1"}))
            return
        current = self.current
        record = CallRecord.from_facts(told, current.config)
        call = record.call
        # Who has the record may give the agent the next call at once.
        current.counts.free_agent(call.call_ref)
        await _count_out(record, current, whole=False)
        try:
            new = await _notify(record, current)
        finally:
            current.counts.leave(call.call_ref)
        await _count_out(record, current, whole=True)
        await session.execute(set_variables({variables.RECEIPT: "1"}))
        disposition = record.disposition(current.config.integrator(call.integrator))
        if new:
            CALLS.labels(call.integrator, disposition.reason.value).inc()
        log.info(
            "%s ended: %s, code %d, after %d s%s",
            call.call_ref,
            disposition.reason,
            disposition.code,
            record.call_time,
            "" if new else " (recorded before)",
        )

    async def tell(self, event: Event, session: AGISession, told: _Told) -> None:
        """Store what an event tells of, and only then give the receipt."""
        current = self.current
        notified = read_told(event, told, current.config)
        call = notified.call
        if event is Event.EMERGENCY:  # which goes out whatever becomes of this
            log.warning(
                "%s: EMERGENCY call from %s to %s", call.call_ref, call.extension, call.number
            )
        if event is Event.JOINED and call.call_dir is CallDirection.INBOUND and call.integrator:
            channel = session.environment.channel
            current.counts.watch(call.call_ref, Counted(call.integrator, call.extension, channel))
        new = await _notify(notified, current)
        joined = event is Event.JOINED
        answer = variables.describe_joined(call) if joined else {variables.RECEIPT: "1"}
        await session.execute(set_variables(answer))
        log.info(
            "%s %s: agent %s, number %s%s",
            call.call_ref,
            event,
            mask(call.extension),
            mask(call.number),
            "" if new else " (told before)",
        )


def _dial(
    session: AGISession, current: Snapshot, decision: Decision, call_ref: str, finish: _Finish
) -> Coroutine[Any, Any, None] | None:
    """Answer with what is dialled: a colleague at the PBX at which his phone is registered.

    ``call_ref`` is that of the call which the channel carries now.
    """
    if current.pbxs is not None and goes_to_a_peer(decision, current.config):
        channel, uniqueid = session.environment.channel, session.environment.uniqueid
        asking = Asking(channel, uniqueid, call_ref)
        return _dial_at_peer(asking, current.config, current.pbxs, decision, finish)
    finish(decision)
    return None


async def _dial_at_peer(
    asking: Asking, config: Config, pbxs: PBXs, decision: Decision, finish: _Finish
) -> None:
    finish(await from_channel(decision, config, pbxs, asking))


async def _leg_over_limit(
    current: Snapshot, integrator: Integrator, decision: Decision, channel: str, finish: _Finish
) -> None:
    """Do with a leg for a transfer or a forward as with a call that is over a limit."""
    excess = await admit_after_look(current, integrator, decision, channel)
    finish(decision if excess is None else decision._replace(errors=(excess,), dial=""))


def _answer(
    decision: Decision, known: Mapping[str, str], integrator: Integrator | None
) -> dict[str, str]:
    """Return the variables that tell the dialplan what was decided on a phone's call."""
    if decision.errors == (POOL_SPENT,):
        return variables.describe_refusal({**known, Fact.LIMITED: "1"}, Q850.CALL_REJECTED)
    if decision.errors or integrator is None:  # who has no integrator has an error
        return variables.describe_refusal(known, Q850.INVALID_NUMBER_FORMAT)
    answer = variables.describe_call(decision, known, integrator)
    answer[variables.VERDICT] = variables.VERDICT_DIAL
    return answer


async def _count_out(record: CallRecord, current: Snapshot, *, whole: bool) -> None:
    """Free the agent of a created call, and its place.

    While Redis is away the receipt does not wait for it: then the reaper does it later.
    """
    call = record.call
    store, notifier = current.stores.get(call.integrator), current.notifiers.get(call.integrator)
    if not record.known.created or store is None or (notifier is not None and notifier.failing):
        return
    try:
        await (store.release if whole else store.free_agent)(call.call_ref)
    except NotificationError as error:
        log.warning("%s still counts as live: %s", call.call_ref, error)


async def _notify(event: Notified, current: Snapshot) -> bool:
    """Store the notification of a call's integrator; False if it was stored before."""
    name = event.call.integrator or current.formers.owner(event.known)
    if not name:
        # There is no list to push to: nobody owns the agent's extension, or the DID.
        log.warning("%s", of_nobody(event.call))
        return True
    notifier = current.notifiers.get(name)
    if notifier is None:
        raise MalformedFacts("integrator", f"a configured one, not {name}")
    return await notifier.notify(event.notification(notifier.integrator))


def _log_hand_over(asked: HandOver, decided: HandOverDecision) -> None:
    decision = decided.decision
    errors = "; ".join(error.message for error in decision.errors)
    log.info(
        "%s is sent on by %s (%s): %s",
        asked.known.call.call_ref,
        mask(asked.agent),
        asked.kind,
        decided.fallback or errors or f"to {mask(decision.call.number)}",
    )
    if decided.places_call and decision.warning:
        log.warning("%s %s", decision.call.call_ref, decision.warning)


async def _publish(
    refusals: Refusals, session: AGISession, names: Sequence[str], errors: Sequence[FieldError]
) -> None:
    """Leave the errors of a refused call where the edge looks for them, by its SIP dialog."""
    if not session.environment.channel.startswith("PJSIP/"):
        return
    try:
        dialog = await session.execute(read_text(variables.SIP_DIALOG))
    except CommandRejected as error:  # the phone gave up, and hears no response any more
        log.debug("no dialog of %s: %s", session.environment.channel, error)
        return
    if dialog:
        headers = [(name, error.message) for name in names for error in errors]
        await refusals.publish(dialog, headers)


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
    if decision.warning:
        log.warning("%s %s", call.call_ref, decision.warning)
