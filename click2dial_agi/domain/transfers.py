"""Whether an agent may hand a client over, and to whom (``click2dial-sent``, ``-forward``)."""

import re
from collections.abc import Collection
from typing import NamedTuple

from click2dial_agi.domain.calls import (
    Call,
    CallDirection,
    CallRequest,
    CallType,
    Decision,
    decide,
)
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbering import ANY_EXTENSION, Number, NumberPlan
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.told import HandOver, HandOverKind

__all__ = ["HandOverDecision", "decide_hand_over"]

_FORWARDING = FieldError("callee", "no phone of this integrator forwards calls (forwarding)")
_INTERNAL = FieldError("callee", "an extension: phones forward to colleagues (forwarding)")

_TYPES = {
    HandOverKind.BLIND: CallType.TRANSFER_BLIND,
    HandOverKind.FORWARD: CallType.FORWARD,
    HandOverKind.CONSULT: CallType.TRANSFER_ATTENDED,
}

# What may follow the context in Goto(): an extension that a phone can dial, and nothing else.
_FALLBACK_TARGET = re.compile(r"[0-9*#]{1,32}")


class HandOverDecision(NamedTuple):
    """What becomes of a client whom an agent sends elsewhere.

    ``decision`` is that of a call of the agent's own; where it dials a number, its call is a new
    one.  ``fallback`` is where the operator's dialplan takes the client: context, extension and
    priority, empty where it does not.  ``client`` is what the agent is shown to whom he comes back.
    """

    decision: Decision
    fallback: str = ""
    client: str = ""

    @property
    def places_call(self) -> bool:
        """Whether a number is dialled, which is a call of its own."""
        decision = self.decision
        return not (decision.errors or self.fallback or decision.to_agent or decision.emergency)


def decide_hand_over(
    asked: HandOver,
    integrator: Integrator | None,
    new_call_ref: str,
    spent: Collection[str] = (),
    emergency: Collection[str] = (),
) -> HandOverDecision:
    """Check a transfer or a forward by the rules of the agent's own call.

    A colleague sees the client's number; a number outside sees what the client saw, or the default
    of the integrator.  ``new_call_ref`` is the call_ref of the leg that may be placed.  An agent
    may send a client to the ``emergency`` numbers; no phone forwards there.
    """
    decided = _decide(asked, integrator, new_call_ref, spent, emergency)
    # Of a client who withholds his number there is only what he has called.
    return decided._replace(client=_client(asked) or asked.known.call.dial_number)


def _decide(
    asked: HandOver,
    integrator: Integrator | None,
    new_call_ref: str,
    spent: Collection[str],
    emergency: Collection[str],
) -> HandOverDecision:
    call = asked.known.call
    request = CallRequest(
        call_ref=new_call_ref,
        # An outside number, of which an external call's agent is one, has no transfers.
        agent=asked.agent if ANY_EXTENSION.matches(asked.agent) else "",
        callee=asked.target,
        outbound_id=_shown(call, integrator.plan) if integrator else "",
        contact_ref=call.contact_ref,
    )
    if asked.kind is not HandOverKind.BLIND:
        emergency = ()
    decision = decide(request, integrator, emergency, spent)
    refusal = _forwarding_refusal(asked, integrator, decision)
    if refusal is not None:
        return HandOverDecision(decision._replace(errors=(refusal,), dial=""))
    if decision.errors:
        return HandOverDecision(decision, _fallback(asked, integrator, decision))
    if decision.emergency:
        return HandOverDecision(decision)
    if decision.to_agent:
        shown = _client(asked) or decision.call.dial_number
        to_show = decision.call._replace(dial_number=shown)
        return HandOverDecision(decision._replace(call=to_show, shown=shown))
    leg = decision.call.leg_of(asked.known.call, _TYPES[asked.kind], asked.placed)
    return HandOverDecision(decision._replace(call=leg))


def _client(asked: HandOver) -> str:
    """Return the number of who is sent; within the house either of the two may send the other.

    There what is shown is the extension of who has called.
    """
    call = asked.known.call
    is_called = call.call_dir is CallDirection.INTERNAL and asked.agent == call.number
    return call.dial_number if is_called else call.number


def _shown(call: Call, plan: NumberPlan) -> str:
    """Return what the client saw, as an outbound ID; empty where that may not be shown again."""
    number = plan.recall(call.dial_number) if call.call_dir is not CallDirection.INBOUND else None
    text = plan.plain(number) if number else ""
    return text if isinstance(plan.read_caller_id(text), Number) else ""


def _forwarding_refusal(
    asked: HandOver, integrator: Integrator | None, decision: Decision
) -> FieldError | None:
    """Return why a phone may not forward, None if it may, or if none does."""
    if asked.kind is not HandOverKind.FORWARD or integrator is None:
        return None
    if integrator.forwarding == "none":
        return _FORWARDING
    if integrator.forwarding == "internal" and not decision.to_agent:
        return _INTERNAL
    return None


def _fallback(asked: HandOver, integrator: Integrator | None, decision: Decision) -> str:
    """Return where the operator's dialplan takes what is no extension and no number of ours."""
    if integrator is None or integrator.transfer_fallback is None:
        return ""
    # A number that may not be dialled is refused, and who is another's; a phone's 302 goes nowhere
    # else, and nobody there can be asked.
    if decision.call.number or asked.is_anothers or asked.kind is not HandOverKind.BLIND:
        return ""
    if any(error.field == "agent" or error.forbidden for error in decision.errors):
        return ""
    if not _FALLBACK_TARGET.fullmatch(asked.target):
        return ""
    return f"{integrator.transfer_fallback}|{asked.target}|1"
