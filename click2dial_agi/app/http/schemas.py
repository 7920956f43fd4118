"""What OpenAPI says of bodies.  The rules themselves are in :mod:`click2dial_agi.domain`."""

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["CALL_BODY", "CallAnswer", "CallStatus", "Calls", "Errors", "Health", "responses"]

_NUMBER = "0[0-9]{9}|27[0-9]{9}|00[0-9]{11,14}"
_AGENT_EXAMPLE, _CALLEE_EXAMPLE = "1000", "0820000100"


def _text_or_digits(pattern: str, description: str, examples: list[Any]) -> dict[str, Any]:
    return {
        "description": description,
        "examples": examples,
        "anyOf": [
            {"type": "string", "pattern": f"^(?:{pattern})$"},
            {"type": "integer", "description": "Taken as its digits."},
        ],
    }


_REFERENCE = {
    "description": "Your reference: letters, digits and . - _ ~; cut at 230; made up if absent.",
    "examples": ["client-4711"],
    "anyOf": [
        {"type": "string", "pattern": "^[A-Za-z0-9._~-]*$"},
        {"type": "integer", "minimum": 0},
        {"type": "null"},
    ],
}

CALL_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "title": "CreateCall",
                "type": "object",
                "additionalProperties": False,
                "required": ["agent", "callee"],
                "properties": {
                    "agent": _text_or_digits(
                        f"[0-9]{{3,4}}|{_NUMBER}",
                        "Who is rung first: an extension, or a full number.",
                        [_AGENT_EXAMPLE],
                    ),
                    "callee": _text_or_digits(
                        f"[0-9]{{3,4}}|{_NUMBER}",
                        "Who is dialled once the agent has answered.",
                        [_CALLEE_EXAMPLE],
                    ),
                    "outbound_id": {
                        "description": "The caller ID that the callee sees.",
                        "examples": ["27820001234", "random", "tvc_spring"],
                        "anyOf": [
                            {
                                "type": "string",
                                "pattern": "^(?:random|tvc_[A-Za-z0-9_-]{1,64}"
                                "|0[0-9]{9}|27[0-9]{9})?$",
                            },
                            {"type": "integer", "description": "Taken as its digits."},
                            {"type": "null"},
                        ],
                    },
                    "contact_ref": _REFERENCE,
                    "call_ref": {
                        **_REFERENCE,
                        "description": "What contact_ref was called before v3.0.0; not both.",
                    },
                },
                "not": {"required": ["contact_ref", "call_ref"]},
            },
            "example": {
                "agent": _AGENT_EXAMPLE,
                "callee": _CALLEE_EXAMPLE,
                "outbound_id": "27820001234",
                "contact_ref": "client-4711",
            },
        }
    },
}


class FieldMessage(BaseModel):
    """One thing that is wrong."""

    field: str = Field(examples=["callee"])
    message: str = Field(examples=["callee: 10 digits starting 0, 11 digits starting 27 or ..."])


class Errors(BaseModel):
    """Every answer that is not a success."""

    errors: list[FieldMessage]


class CallAnswer(BaseModel):
    """A call whose agent is being rung."""

    call_ref: str = Field(examples=["bde674e2-eeaf-4355-b32c-664a82256e11"])
    contact_ref: str = Field(examples=["client-4711"])
    agent: str = Field(examples=[_AGENT_EXAMPLE])
    callee: str = Field(examples=[_CALLEE_EXAMPLE])
    dial_number: str = Field(examples=["27820001234"])


class CallStatus(CallAnswer):
    """A call and where it stands."""

    state: str = Field(examples=["ringing-agent", "ringing-callee", "up", "ended"])
    record: dict[str, Any] | None = Field(description="The cdr payload, once the call has ended.")


class Calls(BaseModel):
    """The calls that have not ended."""

    calls: list[CallStatus]


class Health(BaseModel):
    """Whether each part works: ``ok``, or why not."""

    status: str = Field(examples=["ok"])
    parts: dict[str, str] = Field(examples=[{"redis": "ok", "ari": "ok", "agi": "ok"}])


_TEXTS = {
    400: "The body is not JSON.",
    401: "No key, or a wrong one.",
    403: "The destination is not allowed.",
    404: "This integrator has no such call.",
    409: "The agent's phone is not registered or not known.",
    413: "The body is too large.",
    422: "Wrong values, unknown or missing keys.",
    429: "Too many calls; see Retry-After.",
    503: "The PBX or Redis cannot be reached.",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the error answers of a route."""
    return {status: {"model": Errors, "description": _TEXTS[status]} for status in statuses}
