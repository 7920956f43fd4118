"""Sending the client of a call elsewhere, by the rules of the agent's own call."""

import time
from uuid import uuid4

from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.calls import POOL_SPENT
from click2dial_agi.domain.counts import Counts
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.told import HandOver, HandOverKind
from click2dial_agi.domain.transfers import HandOverDecision, decide_hand_over

__all__ = ["colleague_of", "send_on", "target_of"]

# What the client's channel runs then: a server decides again, as on a phone's REFER.
_CONTEXT = "click2dial-transfer"

_DAY = 24 * 60 * 60

_BEHIND = CallRefused(
    Why.NOT_NOW, (FieldError("call_ref", "a call of an agent who is not behind a Local channel"),)
)


_COLLEAGUE = FieldError("callee", "an extension of this integrator, who is asked (type consult)")


def target_of(call: SteeredCall, callee: str, integrator: Integrator, counts: Counts) -> str:
    """Return what the client's channel is to dial.

    It is checked by the rules of the agent's own call *before* Asterisk is asked, which hangs up
    both sides of a transfer that leads nowhere, and says that it succeeded.  Raises
    :exc:`CallRefused`.
    """
    decided = _decide(call, callee, integrator, counts)
    return callee if decided.fallback else _written(decided, integrator)


def colleague_of(call: SteeredCall, callee: str, integrator: Integrator, counts: Counts) -> str:
    """Return the extension that may be asked first; raises as :func:`target_of`."""
    decided = _decide(call, callee, integrator, counts)
    if decided.fallback or not decided.decision.to_agent:
        raise CallRefused(Why.WRONG, (_COLLEAGUE,))
    return _written(decided, integrator)


def _decide(
    call: SteeredCall, callee: str, integrator: Integrator, counts: Counts
) -> HandOverDecision:
    if not call.agent_leg.name.startswith("PJSIP/"):
        raise _BEHIND
    asked = HandOver(call.known, call.agent, callee, HandOverKind.BLIND)
    decided = decide_hand_over(asked, integrator, str(uuid4()), counts.spent(integrator))
    if decided.fallback:
        return decided
    errors = decided.decision.errors
    if errors == (POOL_SPENT,):
        raise CallRefused(Why.LIMIT, errors, _DAY - int(time.time()) % _DAY)
    if errors:
        forbidden = all(error.forbidden for error in errors)
        raise CallRefused(Why.FORBIDDEN if forbidden else Why.WRONG, errors)
    return decided


async def send_on(call: SteeredCall, target: str) -> None:
    """Send the client to what :func:`target_of` has returned; the agent is out of it."""
    await call.act("BlindTransfer", Channel=call.agent_leg.name, Context=_CONTEXT, Exten=target)


def _written(decided: HandOverDecision, integrator: Integrator) -> str:
    """Return the target so that it is read as what was decided on."""
    number = decided.decision.call.number
    if decided.decision.to_agent:
        return number
    read = integrator.plan.recall(number)
    return integrator.plan.plain(read) if read else number
