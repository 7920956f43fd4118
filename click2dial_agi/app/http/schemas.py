"""What OpenAPI says of bodies.  The rules themselves are in :mod:`click2dial_agi.domain`."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from click2dial_agi.app.call_states import CallState
from click2dial_agi.app.http.create_schema import (
    create_body,
    text,
)
from click2dial_agi.app.http.idempotency import KEY_PATTERN
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.record_models import AGENT_EXAMPLE, CALLEE_EXAMPLE, CDR, Integer

__all__ = [
    "CREATE",
    "IDEMPOTENCY_KEY",
    "ONE_CALL",
    "ONE_RECORDING",
    "SECURED",
    "CallAnswer",
    "CallStatus",
    "Calls",
    "Errors",
    "Health",
    "created",
    "errors",
    "query",
    "recorded",
]

SECURED: dict[str, Any] = {"security": [{"bearer": []}]}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and body within 24 hours gives the first answer again and"
    " does nothing twice.",
    "schema": text(KEY_PATTERN),
    "example": "9f2c1e7a",
}

CREATE: dict[str, Any] = {
    **SECURED,
    "parameters": [IDEMPOTENCY_KEY],
    # Of the contract's plan; docs.py says it anew for an integrator's own.
    "requestBody": create_body(),
}


def _one(name: str) -> dict[str, Any]:
    """Describe a path that ends in a call_ref, by the name that it has there."""
    parameter = {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": "bde674e2-eeaf-4355-b32c-664a82256e11",
    }
    return {**SECURED, "parameters": [parameter]}


def query(
    name: str, description: str, schema: dict[str, Any], example: Any, *, required: bool = False
) -> dict[str, Any]:
    """Describe a query parameter."""
    parameter = {"name": name, "in": "query", "description": description}
    return {**parameter, "required": required, "schema": schema, "example": example}


ONE_CALL = _one("call_ref")
ONE_RECORDING = _one("ref")


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
    agent: str = Field(examples=[AGENT_EXAMPLE])
    callee: str = Field(examples=[CALLEE_EXAMPLE])
    dial_number: str = Field(examples=["27110001234"])


class CallStatus(CallAnswer):
    """A call and where it stands."""

    direction: CallDirection
    state: CallState
    since: Integer = Field(
        description="Unix time from which on it is in this state; 0 where nobody can tell.",
        examples=[1795444041],
    )
    dialed_at: Integer = Field(description="Unix time.", examples=[1795444038])
    answered_at: Integer = Field(
        description="Unix time; 0 if nobody has answered, or nobody can tell.",
        examples=[1795444041],
    )
    recorded: bool = Field(
        description="It is recorded from its answer on, or was.", examples=[False]
    )
    record: CDR | None = Field(description="The cdr payload, once the call has ended.")


class Calls(BaseModel):
    """The calls that have not ended."""

    calls: list[CallStatus]
    complete: bool = Field(
        description="False while a PBX cannot be asked: its calls are missing, but for those that"
        " the API created."
    )


class Health(BaseModel):
    """Whether each part works: ``ok``, or why not."""

    status: Literal["ok", "failing"]
    parts: dict[str, str] = Field(
        examples=[{"redis": "ok", "ari": "ok", "agi": "ok", "spool": "ok"}]
    )


_TEXTS = {
    400: "The body is not JSON.",
    401: "No key, or a wrong one.",
    403: "The destination is not allowed, or a page from elsewhere asks without a key.",
    404: "This integrator has no such call.",
    415: "The body is neither JSON nor said to be, or is compressed.",
    416: "Range asked for what the recording has not.",
    421: "The Host is none of this server's, and the request has no key.",
    408: "The body did not come in time.",
    409: "The agent's phone is not registered or not known; or it is not the time for it.",
    413: "The body is too large.",
    422: "Wrong values, unknown or missing keys, unknown query parameters.",
    429: "Too many calls, or somebody else is at it.",
    501: "No PBX has a manager in the configuration (`ami`), which it takes.",
    503: "The PBX or Redis cannot be reached, or the journal keeps nothing.",
}

_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
_ERRORS = {"$ref": f"#/components/schemas/{Errors.__name__}"}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the error answers of a route."""
    return {
        status: {
            # Not as a model: FastAPI would make a validator of it for each answer of each route.
            "content": {"application/json": {"schema": _ERRORS}},
            "description": _TEXTS[status],
            "headers": _HEADERS.get(status, {}),
        }
        for status in statuses
    }


def recorded() -> dict[int | str, dict[str, Any]]:
    """Describe the answers that hold a recording, or a part of it."""
    audio = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The recording.", "content": audio},
        206: {"description": "The part that Range asked for.", "content": audio},
        **errors(416),
    }


def created(path: str) -> dict[int | str, dict[str, Any]]:
    """Describe what 201 has beside its body."""
    location = {
        "description": "Where the call's state is, and where it is hung up.",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{path}/[0-9a-f-]{{36}}$"},
    }
    return {201: {"headers": {"Location": location}}}
