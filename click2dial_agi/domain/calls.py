"""From what was asked to what is done: one request in, one decision out.

The same function decides for SIP calls and for calls that the REST API creates, so the rules and
their texts are the same on every way in.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbering import (
    TELEFORGE,
    Misread,
    Number,
    NumberPlan,
    read_emergency,
)
from click2dial_agi.domain.numbers import (
    CONTACT_REF_LENGTH,
    RANDOM,
    FieldError,
    campaign_name,
    is_contact_ref,
)

__all__ = [
    "CALLEE_OWNED",
    "POOL_SPENT",
    "Call",
    "CallDirection",
    "CallRequest",
    "CallType",
    "Decision",
    "decide",
]

#: An extension is called that is not one of the agent's colleagues.
CALLEE_OWNED = FieldError("callee", "an extension of the agent's own integrator")
#: Every number of the pool has been shown as often today as it may be.
POOL_SPENT = FieldError(
    "outbound_id", "random only while a number of the pool has calls left today"
)

_AGENT_OWNED = FieldError("agent", "an extension that the configuration gives to an integrator")
_CALLEE_ANOTHER = FieldError("callee", "somebody else than the agent")
_POOL = FieldError("outbound_id", "random only with a pool of numbers, and none is configured")
_CAMPAIGN = FieldError("outbound_id", "tvc_ and the name of a verified campaign")
_OWNED = FieldError("outbound_id", "a number that the integrator owns")
_CONTACT_REF = FieldError("contact_ref", "letters, digits and . - _ ~ only")
_AUTO_ANSWER = FieldError(
    "auto_answer", "true only for an agent who is an extension: no phone behind the trunk"
)
_LONG_OUTBOUND_ID = FieldError("outbound_id", "a header of at most 4000 characters")
_LONG_CONTACT_REF = FieldError("contact_ref", "a header of at most 4000 characters")


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
    """What was asked for, as it came: none of it has been checked.  Empty means absent.

    ``unread`` tells that something was there which nobody could read; ``auto_answer`` is None
    where the integrator's own counts.
    """

    call_ref: str
    agent: str
    callee: str
    outbound_id: str = ""
    contact_ref: str = ""
    unread: bool = False
    auto_answer: bool | None = None


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

    def leg_of(self, first: "Call", call_type: CallType, placed: int) -> "Call":
        """Return this call as a leg to outside on a client's trail, the next after ``placed``.

        ``first`` is the client's own call.
        """
        return self._replace(
            contact_ref=first.contact_ref,
            call_dir=CallDirection.OUTBOUND,
            call_type=call_type,
            trail_ref=first.trail_ref or first.call_ref,
            trail_number=max(first.trail_number, 1) + placed + 1,
        )


class Decision(NamedTuple):
    """A call with either the errors that refuse it or the dial string that places it.

    ``shown`` is the caller ID as the trunk wants it, which the call has as records want it.
    ``via`` is the operator's context behind a Local channel, ``to_agent`` tells whether an
    extension is dialled, ``at_peer`` whether its phone is at another PBX, and ``emergency`` whether
    an emergency number is, which the dialplan dials itself.
    ``auto_answer`` is whether the agent's phone is to answer by itself.
    ``caller_id`` is what a call to outside shows, as digits that begin with the country code.
    ``agent_number`` is the agent's, None where the agent is an extension.  ``warning`` says what is
    unwise about a call that is placed.
    """

    call: Call
    errors: tuple[FieldError, ...]
    dial: str
    via: str = ""
    shown: str = ""
    to_agent: bool = False
    at_peer: bool = False
    emergency: bool = False
    agent_number: Number | None = None
    warning: str = ""
    caller_id: str = ""
    auto_answer: bool = False

    @property
    def agent_key(self) -> str:
        """The agent, however it was written: who has one call at a time."""
        return self.agent_number.e164 if self.agent_number else self.call.extension


class _Party(NamedTuple):
    """An agent or a callee: what a record says of it, and its number unless it is an extension.

    ``is_extension`` tells whether it has the form of one where that counts, be it wrong or right.
    """

    recorded: str
    number: Number | None = None
    error: FieldError | None = None
    is_extension: bool = False


class _Shown(NamedTuple):
    """A caller ID, as a record and as the trunk has it."""

    recorded: str
    shown: str
    error: FieldError | None = None
    e164: str = ""


def decide(
    request: CallRequest,
    integrator: Integrator | None,
    emergency: Collection[str] = (),
    spent: Collection[str] = (),
) -> Decision:
    """Check a request against the rules and an integrator's configuration.

    ``integrator`` is the agent's owner, None if it has none, which refuses the call.  Errors come
    in the order agent, callee, outbound_id, contact_ref, auto_answer, one at most for each field.
    No rule holds for a callee among the ``emergency`` numbers.  ``random`` draws no caller ID among
    those that are ``spent``.
    """
    plan = TELEFORGE if integrator is None else integrator.plan
    help_number = read_emergency(request.callee, emergency)
    if integrator is not None and help_number:
        return _decide_emergency(request, integrator, help_number)
    agent = _read_agent(request.agent, plan, integrator)
    callee = _read_callee(request.callee, plan, integrator)
    if not agent.error and not callee.error and _are_one(agent, callee):
        callee = callee._replace(error=_CALLEE_ANOTHER)
    call_dir = _direction(agent, callee)
    extension = "" if agent.error else agent.recorded
    shown = _caller_id(request.outbound_id, extension, integrator, call_dir, callee.number, spent)
    if request.unread and not request.outbound_id:
        shown = _Shown("", "", _LONG_OUTBOUND_ID)
    contact_error = None
    contact_ref = request.contact_ref or request.call_ref
    if request.unread and not request.contact_ref:
        contact_ref, contact_error = "", _LONG_CONTACT_REF
    elif not is_contact_ref(contact_ref):
        contact_ref, contact_error = "", _CONTACT_REF
    call = Call(
        call_ref=request.call_ref,
        integrator=integrator.name if integrator else "",
        extension=extension,
        number="" if callee.error else callee.recorded,
        dial_number="" if shown.error else shown.recorded,
        contact_ref=contact_ref[:CONTACT_REF_LENGTH],
        call_dir=call_dir,
    )
    auto_error = _AUTO_ANSWER if request.auto_answer and agent.number is not None else None
    errors = (agent.error, callee.error, shown.error, contact_error, auto_error)
    refusals = tuple([error for error in errors if error])
    if refusals or integrator is None:
        return Decision(call, refusals, "")
    wanted = integrator.auto_answer if request.auto_answer is None else request.auto_answer
    auto_answer = wanted and agent.number is None
    if callee.number is None:
        dial = integrator.dial_agent(callee.recorded)
        return Decision(
            *(call, (), dial, "", shown.shown),
            to_agent=True,
            agent_number=agent.number,
            auto_answer=auto_answer,
        )
    dial, via = integrator.dial_number(callee.number.dialled)
    warning = plan.warn_of(shown.shown)
    return Decision(
        *(call, (), dial, via, shown.shown),
        agent_number=agent.number,
        warning=warning,
        caller_id=shown.e164,
        auto_answer=auto_answer,
    )


def _decide_emergency(request: CallRequest, integrator: Integrator, number: str) -> Decision:
    """Let an agent call for help, whatever else is wrong with the request."""
    agent = _read_agent(request.agent, integrator.plan, integrator)
    contact_ref = request.contact_ref or request.call_ref
    call = Call(
        call_ref=request.call_ref,
        integrator=integrator.name,
        extension="" if agent.error else agent.recorded,
        number=number,
        dial_number="",
        contact_ref=contact_ref[:CONTACT_REF_LENGTH] if is_contact_ref(contact_ref) else "",
        call_dir=CallDirection.OUTBOUND,
    )
    if agent.error:
        return Decision(call, (agent.error,), "")
    return Decision(call, (), number, emergency=True, agent_number=agent.number)


def _read_agent(text: str, plan: NumberPlan, integrator: Integrator | None) -> _Party:
    if integrator is not None and integrator.owns(text):
        return _Party(text)
    number = plan.read(text)
    if isinstance(number, Misread):
        if plan.is_extension(text):
            return _Party("", error=_AGENT_OWNED)
        return _Party("", error=FieldError("agent", plan.explain(number, extensions=True)))
    if integrator is None:
        return _Party("", number, _AGENT_OWNED)
    return _Party(number.recorded, number, _check_destination("agent", number, integrator))


def _read_callee(text: str, plan: NumberPlan, integrator: Integrator | None) -> _Party:
    internal_calls = integrator is not None and integrator.internal_calls
    # Where there are no internal calls an extension is a wrong number like any other, but whose
    # agent is nobody's may have meant one.
    is_extension = (internal_calls or integrator is None) and plan.is_extension(text)
    if is_extension and integrator is not None and integrator.owns(text):
        return _Party(text, is_extension=True)
    number = plan.read(text)
    if isinstance(number, Misread):
        if is_extension and internal_calls:
            return _Party("", error=CALLEE_OWNED, is_extension=True)
        told = FieldError("callee", plan.explain(number, extensions=internal_calls))
        return _Party("", error=told, is_extension=is_extension)
    error = _check_destination("callee", number, integrator) if integrator else None
    return _Party(number.recorded, number, error)


def _check_destination(field: str, number: Number, integrator: Integrator) -> FieldError | None:
    verdict = integrator.numbers.destinations.judge(number)
    return None if verdict.allowed else FieldError(field, verdict.allowed_text, forbidden=True)


def _are_one(agent: _Party, callee: _Party) -> bool:
    if agent.number is not None and callee.number is not None:
        return agent.number.e164 == callee.number.e164
    return agent.recorded == callee.recorded


def _direction(agent: _Party, callee: _Party) -> CallDirection:
    if agent.number is not None:
        return CallDirection.EXTERNAL
    return CallDirection.INTERNAL if callee.is_extension else CallDirection.OUTBOUND


def _caller_id(
    outbound_id: str,
    extension: str,
    integrator: Integrator | None,
    call_dir: CallDirection,
    callee: Number | None,
    spent: Collection[str],
) -> _Shown:
    """Return the number to show, or why there is none."""
    internal = call_dir is CallDirection.INTERNAL
    if internal and not outbound_id:
        return _Shown(extension, extension)
    if integrator is None:  # then there is nothing to look names up in
        return _check_form(outbound_id, TELEFORGE)
    outbound_id = outbound_id or integrator.numbers.default_outbound_id
    if internal:
        # A colleague sees who is calling; the outbound ID is for the world outside.
        return _Shown(extension, extension, _check_form(outbound_id, integrator.plan).error)
    return _resolve(outbound_id, integrator, callee, spent)


def _check_form(outbound_id: str, plan: NumberPlan) -> _Shown:
    if outbound_id == RANDOM or campaign_name(outbound_id) is not None:
        return _Shown("", "")
    number = plan.read_caller_id(outbound_id)
    if isinstance(number, Misread):
        return _Shown("", "", FieldError("outbound_id", plan.explain_caller_id(number)))
    return _Shown(number.recorded, number.shown)


def _resolve(
    outbound_id: str, integrator: Integrator, callee: Number | None, spent: Collection[str]
) -> _Shown:
    numbers = integrator.numbers
    campaign = campaign_name(outbound_id)
    if outbound_id == RANDOM:
        if not numbers.pool:
            return _Shown("", "", _POOL)
        pool = [one for one in numbers.pool if one.e164 not in spent] if spent else numbers.pool
        if not pool:
            return _Shown("", "", POOL_SPENT)
        number = numbers.plan.draw(pool, callee, datetime.now(UTC).date())
    elif campaign is not None:
        known = numbers.verified.get(campaign)
        if known is None:
            return _Shown("", "", _CAMPAIGN)
        number = known
    else:
        read = numbers.plan.read_caller_id(outbound_id)
        if isinstance(read, Misread):
            return _Shown("", "", FieldError("outbound_id", numbers.plan.explain_caller_id(read)))
        if not numbers.owns(read):
            return _Shown("", "", _OWNED)
        number = read
    return _Shown(number.recorded, number.shown, e164=number.e164)
