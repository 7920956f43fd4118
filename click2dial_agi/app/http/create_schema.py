"""What OpenAPI says of the body of POST, which depends on the integrator's number plan."""

from typing import Any

from click2dial_agi.domain.numbering import (
    TELEFORGE,
    ExtensionForm,
    Misread,
    NumberPlan,
)
from click2dial_agi.domain.numbering.written import MAX_LENGTH
from click2dial_agi.domain.numbers import CAMPAIGN_PATTERN, CONTACT_REF_PATTERN, RANDOM
from click2dial_agi.domain.record_models import AGENT_EXAMPLE

__all__ = ["create_body", "text"]

_INTEGER: dict[str, Any] = {"type": "integer", "format": "int64"}
# A larger one is good as well, but not every JSON library passes it on whole.
_LARGEST = 2**53 - 1


def text(pattern: str) -> dict[str, Any]:
    """Describe a text that a pattern holds for as a whole."""
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def create_body(plan: NumberPlan = TELEFORGE) -> dict[str, Any]:
    """Describe the body of POST, with an example that is good but for whose extension it is."""
    caller_id, callee = plan.caller_id_example, plan.example
    schema = {
        "title": "CreateCall",
        "type": "object",
        "additionalProperties": False,
        "required": ["agent", "callee"],
        "properties": {
            "agent": _party(plan, "Who is rung first: an extension, or a full number", "1000"),
            "callee": _party(plan, "Who is dialled once the agent has answered", callee),
            "outbound_id": {
                "description": "The caller ID that the callee sees.  May be left out in internal"
                " calls, and where the integrator has a default.  "
                f"{_sentence(plan.explain_caller_id(Misread()))}",
                "examples": [caller_id, "random", "tvc_spring"],
                "anyOf": [_caller_id(plan), *_integers(plan), {"type": "null"}],
            },
            "contact_ref": _reference(
                "Your reference: letters, digits and . - _ ~; cut at 230; made up if absent."
            ),
            "auto_answer": {
                "description": "Whether the agent's phone is asked to answer by itself; not a full"
                " number's.  If absent, as the integrator has it.",
                "anyOf": [{"type": "boolean"}, {"type": "null"}],
            },
            "call_ref": _reference("What contact_ref was called before v3.0.0; not both."),
        },
        "not": {
            "required": ["contact_ref", "call_ref"],
            "properties": {
                "contact_ref": {"type": ["string", "integer"]},
                "call_ref": {"type": ["string", "integer"]},
            },
        },
        "anyOf": [
            {"properties": {"auto_answer": {"enum": [False, None]}}},
            {"properties": {"agent": {"anyOf": _extensions(plan)}}},
        ],
    }
    example = {
        "agent": AGENT_EXAMPLE,
        "callee": callee,
        "outbound_id": caller_id,
        "contact_ref": "client-4711",
    }
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _party(plan: NumberPlan, description: str, example: str) -> dict[str, Any]:
    return {
        "description": f"{description}: {plan.explain(Misread(), extensions=True)}.",
        "examples": [example],
        "anyOf": [_number(plan), *_short_integers(plan.extensions), *_integers(plan)],
    }


def _number(plan: NumberPlan) -> dict[str, Any]:
    """Describe a number or an extension."""
    lengths = "|".join(f"[0-9]{{{length}}}" for length in plan.extensions.lengths)
    if plan.formatted:
        return {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}
    return text(f"{lengths}|{plan.number_pattern}")


def _extensions(plan: NumberPlan) -> list[dict[str, Any]]:
    lengths = "|".join(f"[0-9]{{{length}}}" for length in plan.extensions.lengths)
    return [text(lengths), *_short_integers(plan.extensions)]


def _caller_id(plan: NumberPlan) -> dict[str, Any]:
    if plan.formatted:
        return {"type": "string", "maxLength": MAX_LENGTH}
    return text(f"(?:{RANDOM}|{CAMPAIGN_PATTERN}|{plan.caller_id_pattern})?")


def _short_integers(extensions: ExtensionForm) -> list[dict[str, Any]]:
    """Describe extensions that are integers, taken as their digits; none can begin with 0."""
    return [
        {**_INTEGER, "minimum": 10 ** (length - 1), "maximum": 10**length - 1}
        for length in extensions.lengths
    ]


def _integers(plan: NumberPlan) -> list[dict[str, Any]]:
    least, greatest = plan.integers
    return [{**_INTEGER, "minimum": least, "maximum": greatest}]


def _reference(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "examples": ["client-4711"],
        "anyOf": [
            text(f"(?:{CONTACT_REF_PATTERN})?"),
            {**_INTEGER, "minimum": -_LARGEST, "maximum": _LARGEST},
            {"type": "null"},
        ],
    }


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
