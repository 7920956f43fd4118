"""What OpenAPI says of steering calls.  The rules are in :mod:`click2dial_agi.domain.steering`."""

from typing import Any

from pydantic import BaseModel, Field

from click2dial_agi.app.http.create_schema import text
from click2dial_agi.app.http.schemas import IDEMPOTENCY_KEY, ONE_CALL
from click2dial_agi.domain.steering import DIGITS_PATTERN, Consult, ListenMode

__all__ = ["BODIES", "ControlAnswer", "operation"]


class ControlAnswer(BaseModel):
    """A call that is steered, as it stands now."""

    call_ref: str = Field(examples=["bde674e2-eeaf-4355-b32c-664a82256e11"])
    muted: bool = Field(description="The client does not hear the agent.")
    held: bool = Field(description="The API keeps the client on hold.")
    recording_paused: bool = Field(description="The recording is silent.")
    consult: Consult | None = Field(
        description="Whom the agent asks: his phone rings, or they talk."
    )


#: The bodies by action; the others have none.
BODIES: dict[str, dict[str, Any]] = {
    "dtmf": {
        "title": "PressKeys",
        "type": "object",
        "additionalProperties": False,
        "required": ["digits"],
        "properties": {"digits": {"description": "Pressed in turn.", **text(DIGITS_PATTERN)}},
        "example": {"digits": "12#"},
    },
}

_WRITTEN: dict[str, Any] = {"type": "string", "maxLength": 64}
_INTEGER: dict[str, Any] = {"type": "integer", "format": "int64", "minimum": 0}
_PARTY: dict[str, Any] = {"anyOf": [_WRITTEN, _INTEGER]}

BODIES["transfer"] = {
    "title": "TransferCall",
    "type": "object",
    "additionalProperties": False,
    "required": ["callee"],
    "properties": {
        "callee": {
            "description": "A colleague, or what the agent could call.",
            **_PARTY,
        },
        "type": {
            "description": "consult: the client hears music while the agent asks there.",
            "anyOf": [{"enum": ["blind", "consult"]}, {"type": "null"}],
        },
    },
    "example": {"callee": "1001", "type": "blind"},
}
BODIES["listen"] = {
    "title": "ListenToCall",
    "type": "object",
    "additionalProperties": False,
    "required": ["extension"],
    "properties": {
        "extension": {"description": "The supervisor's.", **_PARTY},
        "mode": {"anyOf": [{"enum": [mode.value for mode in ListenMode]}, {"type": "null"}]},
    },
    "example": {"extension": "1009", "mode": "whisper"},
}

# Asked for twice they do a thing twice.
_KEYED = ("dtmf", "transfer", "transfer/complete")


def operation(action: str) -> dict[str, Any]:
    """Describe what an action takes."""
    described = dict(ONE_CALL)
    if action in _KEYED:
        described["parameters"] = [*described["parameters"], IDEMPOTENCY_KEY]
    if action in BODIES:
        schema = BODIES[action]
        content = {"schema": schema, "example": schema["example"]}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described
