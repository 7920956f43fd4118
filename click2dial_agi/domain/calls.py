"""From what was asked to what is done: one request in, one decision out.

The same function decides for SIP calls and for calls that the REST API creates, so the rules and
their texts are the same on every way in.
"""

import random
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbering.config import CallerIDs
from click2dial_agi.domain.numbers import (
    CONTACT_REF_LENGTH,
    RANDOM,
    FieldError,
    campaign_name,
    is_contact_ref,
    is_extension,
    is_number,
    is_outbound_id,
    is_outbound_number,
)

__all__ = ["Call", "CallDirection", "CallRequest", "CallType", "Decision", "decide"]

_NUMBERS = "10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
_AGENT = FieldError("agent", f"3-4 digits, {_NUMBERS}")
_AGENT_OWNED = FieldError("agent", "an extension that the configuration gives to an integrator")
_CALLEE = FieldError("callee", _NUMBERS)
_CALLEE_OR_EXTENSION = FieldError("callee", f"3-4 digits, {_NUMBERS}")
_CALLEE_OWNED = FieldError("callee", "an extension of the agent's own integrator")
_OUTBOUND_ID = FieldError(
    "outbound_id",
    "random, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27",
)
_POOL = FieldError("outbound_id", "random only with a pool of numbers, and none is configured")
_CAMPAIGN = FieldError("outbound_id", "tvc_ and the name of a verified campaign")
_OWNED = FieldError("outbound_id", "a number that the integrator owns")
_CONTACT_REF = FieldError("contact_ref", "letters, digits and . - _ ~ only")


class CallDirection(StrEnum):
    """``call_dir`` of a notification."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    INTERNAL = "internal"
    EXTERNAL = "external"


class CallType(StrEnum):
    """``call_type`` of a notification, where it says more than ``call_dir``."""

    TRANSFER_BLIND = "transfer-blind"
    TRANSFER_ATTENDED = "transfer-attended"
    FORWARD = "forward"


class CallRequest(NamedTuple):
    """What was asked for, as it came: none of it has been checked.  Empty means absent."""

    call_ref: str
    agent: str
    callee: str
    outbound_id: str = ""
    contact_ref: str = ""


class Call(NamedTuple):
    """Who calls whom for whom.  Every value has passed its rule; what did not is empty.

    ``integrator`` is a name; ``extension``, ``number``, ``dial_number`` and ``contact_ref`` are the
    fields of that name in the cdr.  ``trail_ref`` is the call_ref of the first of a client's calls,
    empty in that itself, and ``trail_number`` counts them.
    """

    call_ref: str
    integrator: str
    extension: str
    number: str
    dial_number: str
    contact_ref: str
    call_dir: CallDirection
    call_type: CallType | None = None
    trail_ref: str = ""
    trail_number: int = 0

    def facts(self) -> dict[str, str]:
        """Return the call as named texts, for :func:`click2dial_agi.domain.facts.encode`."""
        return {name: str(value) for name, value in self._asdict().items() if value}


class Decision(NamedTuple):
    """A call with either the errors that refuse it or the dial string that places it.

    ``via`` is the operator's context behind a Local channel, ``to_agent`` tells whether an
    extension is dialled, and ``emergency`` an emergency number, which the dialplan dials itself.
    """

    call: Call
    errors: tuple[FieldError, ...]
    dial: str
    via: str = ""
    to_agent: bool = False
    emergency: bool = False


def decide(
    request: CallRequest, integrator: Integrator | None, emergency: Collection[str] = ()
) -> Decision:
    """Check a request against the rules and an integrator's configuration.

    ``integrator`` is the agent's owner, None if it has none, which refuses the call.  Errors come
    in the order agent, callee, outbound_id, contact_ref, one at most for each field.  No rule holds
    for a callee among the ``emergency`` numbers.
    """
    if integrator is not None and request.callee in emergency:
        return _decide_emergency(request, integrator)
    agent_error = _check_agent(request.agent, integrator)
    callee_error = _check_callee(request.callee, integrator)
    call_dir = _direction(request.agent, request.callee, integrator)
    extension = "" if agent_error else request.agent
    dial_number, outbound_error = _caller_id(request.outbound_id, extension, integrator, call_dir)
    contact_error = None
    contact_ref = request.contact_ref or request.call_ref
    if not is_contact_ref(contact_ref):
        contact_ref, contact_error = "", _CONTACT_REF
    errors = (agent_error, callee_error, outbound_error, contact_error)
    call = Call(
        call_ref=request.call_ref,
        integrator=integrator.name if integrator else "",
        extension=extension,
        number="" if callee_error else request.callee,
        dial_number="" if outbound_error else dial_number,
        contact_ref=contact_ref[:CONTACT_REF_LENGTH],
        call_dir=call_dir,
    )
    refusals = tuple([error for error in errors if error])
    if refusals or integrator is None:
        return Decision(call, refusals, "")
    if is_extension(call.number):
        return Decision(call, (), integrator.dial_agent(call.number), to_agent=True)
    dial, via = integrator.dial_number(call.number)
    return Decision(call, (), dial, via)


def _decide_emergency(request: CallRequest, integrator: Integrator) -> Decision:
    """Let an agent call for help, whatever else is wrong with the request."""
    agent_error = _check_agent(request.agent, integrator)
    contact_ref = request.contact_ref or request.call_ref
    call = Call(
        call_ref=request.call_ref,
        integrator=integrator.name,
        extension="" if agent_error else request.agent,
        number=request.callee,
        dial_number="",
        contact_ref=contact_ref[:CONTACT_REF_LENGTH] if is_contact_ref(contact_ref) else "",
        call_dir=CallDirection.OUTBOUND,
    )
    if agent_error:
        return Decision(call, (agent_error,), "")
    return Decision(call, (), request.callee, emergency=True)


def _check_agent(agent: str, integrator: Integrator | None) -> FieldError | None:
    if is_extension(agent):
        return None if integrator and integrator.owns(agent) else _AGENT_OWNED
    if not is_number(agent):
        return _AGENT
    if integrator is None:
        return _AGENT_OWNED
    return _check_destination("agent", agent, integrator)


def _check_callee(callee: str, integrator: Integrator | None) -> FieldError | None:
    internal_calls = integrator is not None and integrator.internal_calls
    if internal_calls and is_extension(callee):
        return None if integrator and integrator.owns(callee) else _CALLEE_OWNED
    if not is_number(callee):
        return _CALLEE_OR_EXTENSION if internal_calls else _CALLEE
    return _check_destination("callee", callee, integrator) if integrator else None


def _check_destination(field: str, number: str, integrator: Integrator) -> FieldError | None:
    if integrator.destinations.allows(number):
        return None
    codes = ", ".join(integrator.destinations.international) or "none"
    return FieldError(field, f"allowed country codes after 00: {codes}", forbidden=True)


def _direction(agent: str, callee: str, integrator: Integrator | None) -> CallDirection:
    if not is_extension(agent) and is_number(agent):
        return CallDirection.EXTERNAL
    # Where there are no internal calls an extension is a wrong number like any other.
    internal_calls = integrator is None or integrator.internal_calls
    if is_extension(callee) and internal_calls:
        return CallDirection.INTERNAL
    return CallDirection.OUTBOUND


def _caller_id(
    outbound_id: str, extension: str, integrator: Integrator | None, call_dir: CallDirection
) -> tuple[str, FieldError | None]:
    """Return the number to show, or why there is none."""
    if call_dir is CallDirection.INTERNAL and not outbound_id:
        return extension, None
    if not outbound_id and integrator and integrator.default_outbound_id:
        outbound_id = integrator.default_outbound_id
    if integrator is None:  # then there is nothing to look names up in
        error = None if is_outbound_id(outbound_id) else _OUTBOUND_ID
        return outbound_id if is_outbound_number(outbound_id) else "", error
    if call_dir is CallDirection.INTERNAL:
        # A colleague sees who is calling; the outbound ID is for the world outside.
        return extension, None if is_outbound_id(outbound_id) else _OUTBOUND_ID
    return _resolve(outbound_id, integrator.caller_ids)


def _resolve(outbound_id: str, caller_ids: CallerIDs) -> tuple[str, FieldError | None]:
    if is_outbound_number(outbound_id):
        return outbound_id, None if caller_ids.owns(outbound_id) else _OWNED
    if outbound_id == RANDOM:
        pool = caller_ids.random
        return (random.choice(pool), None) if pool else ("", _POOL)
    campaign = campaign_name(outbound_id)
    if campaign is None:
        return "", _OUTBOUND_ID
    number = caller_ids.verified.get(campaign, "")
    return number, None if number else _CAMPAIGN
