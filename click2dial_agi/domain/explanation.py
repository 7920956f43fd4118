"""What a number is to an integrator, for an operator who asks (``click2dial-agi explain``)."""

from collections.abc import Iterator
from datetime import date

from click2dial_agi.domain.calls import CALLEE_OWNED
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbering import Misread, Number, kind_of, read_emergency
from click2dial_agi.domain.numbering.reading import describe
from click2dial_agi.domain.numbers import RANDOM, campaign_name

__all__ = ["explain"]


def explain(
    text: str, integrator: Integrator, config: Config, today: date
) -> Iterator[tuple[str, str]]:
    """Return lines, each a label and what there is to say, on a callee of an integrator.

    The last one is ``allowed``, which begins with yes or no.
    """
    plan = integrator.plan
    yield "plan", plan.name
    if read_emergency(text, config.emergency_numbers):
        yield "is", "an emergency number"
        yield "allowed", "yes: from any phone, before every rule"
        return
    if plan.is_extension(text) and integrator.owns(text):
        yield "is", f"an extension of {integrator.name}"
        yield "dialled", integrator.dial_agent(text)
        internal = integrator.internal_calls
        yield "allowed", "yes: internal_calls" if internal else "no: internal_calls is false"
        return
    number = plan.read(text)
    if isinstance(number, Misread):
        if integrator.internal_calls and plan.is_extension(text):
            owner = config.owner_of(text)
            yield "is", f"an extension of {owner.name}" if owner else "an extension of nobody"
            yield "allowed", f"no: {CALLEE_OWNED.message}"
            return
        yield "is", "no number"
        told = plan.explain(number, extensions=integrator.internal_calls)
        yield "allowed", f"no: callee: {told}"
        return
    yield from _explain_number(number, integrator, today)


def _explain_number(
    number: Number, integrator: Integrator, today: date
) -> Iterator[tuple[str, str]]:
    written, country = describe(number.e164)
    yield "is", f"{written} ({country})" if country else written
    yield "kind", f"{kind_of(number.e164).words}, {'abroad' if number.abroad else 'at home'}"
    yield "dialled", integrator.trunk_dial.replace("{number}", number.dialled)
    yield "recorded as", number.recorded
    yield "caller ID", _caller_id(number, integrator, today)
    verdict = integrator.numbers.destinations.judge(number)
    if verdict.allowed:
        yield "allowed", f"yes: {verdict.rule}"
    else:
        yield "allowed", f'no: {verdict.rule}; told as "callee: {verdict.allowed_text}"'


def _caller_id(number: Number, integrator: Integrator, today: date) -> str:
    """Return what the callee sees of a call that brings no outbound ID."""
    numbers = integrator.numbers
    default = numbers.default_outbound_id
    if not default:
        return "as the call says; without one it is refused"
    campaign = campaign_name(default)
    if campaign is not None:
        known = numbers.verified.get(campaign)
        return f"{known.shown} ({default})" if known else f"none: no campaign for {default}"
    if default != RANDOM:
        read = numbers.plan.read_caller_id(default)
        return read.shown if isinstance(read, Number) else default
    if not numbers.pool:
        return "none: caller_ids.random is empty"
    return f"{numbers.plan.draw(numbers.pool, number, today).shown} (random)"
