"""Sending the client of a call elsewhere, by the rules of the agent's own call."""

import re
import time
from typing import NamedTuple
from uuid import uuid4

from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.domain import variables
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.calls import POOL_SPENT
from click2dial_agi.domain.counts import Counts
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbering import ANY_EXTENSION, read_emergency
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.told import HandOver, HandOverKind, is_anothers
from click2dial_agi.domain.transfers import HandOverDecision, decide_hand_over

__all__ = ["Consulted", "consulted", "given_to", "send_on", "target_of"]

# What the client's channel runs then: a server decides again, as on a phone's REFER.
_CONTEXT = "click2dial-transfer"

_DAY = 24 * 60 * 60

# How many legs were placed for a client.
_COUNT = re.compile("[0-9]{1,6}")

_BEHIND = CallRefused(
    Why.NOT_NOW, (FieldError("call_ref", "a call of an agent who is not behind a Local channel"),)
)

_OUTSIDE = CallRefused(
    Why.NOT_NOW, (FieldError("call_ref", "a call whose agent has an extension (transfer)"),)
)

_HELP = FieldError("callee", "no emergency number (type consult); type blind calls one at once")


class Consulted(NamedTuple):
    """Who may be asked first: an extension, or a number as it is to be dialled.

    ``decided`` places the call to a number, and is None for a colleague.
    """

    target: str
    decided: HandOverDecision | None = None


def target_of(call: SteeredCall, callee: str, integrator: Integrator, counts: Counts) -> str:
    """Return what the client's channel is to dial.

    It is checked by the rules of the agent's own call *before* Asterisk is asked, which hangs up
    both sides of a transfer that leads nowhere, and says that it succeeded.  An emergency number is
    the dialplan's alone.  Raises :exc:`CallRefused`.
    """
    help_number = read_emergency(callee, call.config.emergency_numbers)
    if help_number:
        _check_phone(call)
        return help_number
    decided = _decide(call, callee, integrator, counts, HandOverKind.BLIND)
    return callee if decided.fallback else _written(decided, integrator)


async def consulted(
    call: SteeredCall, callee: str, integrator: Integrator, counts: Counts
) -> Consulted:
    """Return who may be asked first; raises as :func:`target_of`."""
    placed = await call.get(call.client_leg, call.client_leg.variable(variables.PLACED))
    before = int(placed) if _COUNT.fullmatch(placed) else 0
    decided = _decide(call, callee, integrator, counts, HandOverKind.CONSULT, before)
    to_agent = decided.decision.to_agent
    return Consulted(_written(decided, integrator), None if to_agent else decided)


def given_to(call: SteeredCall, asked: str, integrator: Integrator, counts: Counts) -> str:
    """Return what the client's channel is to dial who goes to whom the agent has asked.

    A colleague must still be one, which a reload may have changed; a number is called already, and
    was decided on before that.  Raises as :func:`target_of`.
    """
    if not ANY_EXTENSION.matches(asked):
        return asked
    decided = _decide(call, asked, integrator, counts, HandOverKind.CONSULT)
    return _written(decided, integrator)


def _decide(
    call: SteeredCall,
    callee: str,
    integrator: Integrator,
    counts: Counts,
    kind: HandOverKind,
    placed: int = 0,
) -> HandOverDecision:
    if read_emergency(callee, call.config.emergency_numbers):
        raise CallRefused(Why.WRONG, (_HELP,))
    _check_phone(call)
    anothers = is_anothers(callee, call.known.call.integrator, call.config)
    asked = HandOver(call.known, call.agent, callee, kind, placed, is_anothers=anothers)
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


def _check_phone(call: SteeredCall) -> None:
    if not call.agent_leg.name.startswith("PJSIP/"):
        raise _BEHIND
    if not ANY_EXTENSION.matches(call.agent):
        raise _OUTSIDE


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
