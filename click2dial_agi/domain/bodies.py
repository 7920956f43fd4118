"""The body of a Create Call request, as JSON gives it (docs/contract.md)."""

from collections.abc import Mapping

from click2dial_agi.domain.calls import CallRequest
from click2dial_agi.domain.numbers import FieldError

__all__ = ["KEYS", "all_errors", "read_body", "read_text"]

KEYS = ("agent", "callee", "outbound_id", "contact_ref", "call_ref", "auto_answer")

# One thing under two names.
_REFERENCES = ("contact_ref", "call_ref")

_OBJECT = FieldError("body", "a JSON object with agent, callee, outbound_id and contact_ref")
_UNKNOWN = FieldError("body", f"no other keys than {', '.join(KEYS[:-2])} and {KEYS[-1]}")
_AUTO_ANSWER = FieldError("auto_answer", "true or false")
_BOTH = FieldError("contact_ref", "contact_ref or call_ref, not both")

# No rule accepts it, so a value of the wrong type gets the same error text as a wrong value.
_NOT_TEXT = "\0"


def read_body(body: object, call_ref: str) -> tuple[CallRequest, tuple[FieldError, ...]]:
    """Return the request in a decoded body, and what is wrong with its shape.

    The values are not checked here; :func:`click2dial_agi.domain.calls.decide` does that, so that
    the texts are those of SIP calls.  Integers count as their digits, null as absent.
    """
    if not isinstance(body, Mapping):
        return CallRequest(call_ref, "", ""), (_OBJECT,)
    errors = []
    if any(key not in KEYS for key in body):
        errors.append(_UNKNOWN)
    references = [body[key] for key in _REFERENCES if body.get(key) is not None]
    if len(references) > 1:
        errors.append(_BOTH)
    auto_answer = body.get("auto_answer")
    if not (auto_answer is None or isinstance(auto_answer, bool)):
        errors.append(_AUTO_ANSWER)
    request = CallRequest(
        call_ref=call_ref,
        agent=read_text(body.get("agent")),
        callee=read_text(body.get("callee")),
        outbound_id=read_text(body.get("outbound_id")),
        contact_ref=read_text(references[0] if references else None),
        auto_answer=auto_answer if isinstance(auto_answer, bool) else None,
    )
    return request, tuple(errors)


def all_errors(
    of_body: tuple[FieldError, ...], of_values: tuple[FieldError, ...]
) -> tuple[FieldError, ...]:
    """Return all that is wrong with a request, one error for each field.

    What is wrong with the body as a whole comes first, then the fields in their order.  What is no
    object has no values.
    """
    if of_body == (_OBJECT,):
        return of_body
    by_field = {error.field: error for error in (*of_values, *of_body)}
    order = ("body", *KEYS)
    return tuple(sorted(by_field.values(), key=lambda error: order.index(error.field)))


def read_text(value: object) -> str:
    """Return a value of a body as text, one that no rule takes for neither text nor integer."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _NOT_TEXT
