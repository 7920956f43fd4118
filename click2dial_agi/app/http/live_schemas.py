"""What OpenAPI says of agents, history and events."""

from typing import Any

from pydantic import BaseModel, Field

from click2dial_agi.app.http.create_schema import text
from click2dial_agi.app.http.schemas import SECURED, query
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.live.models import AgentAnswer
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.numbers import CONTACT_REF_PATTERN
from click2dial_agi.domain.record_models import AGENT_EXAMPLE, CALLEE_EXAMPLE, CDR

__all__ = [
    "CURSOR_PATTERN",
    "EVENTS",
    "HISTORY",
    "LISTED_CALLS",
    "ONE_AGENT",
    "AgentsAnswer",
    "HistoryAnswer",
    "streamed",
]

_TEXT = {"type": "string"}
_SOME = {**_TEXT, "minLength": 1, "maxLength": 80}
_WHEN = {
    "anyOf": [
        text("[0-9]{1,10}"),
        {**_TEXT, "format": "date-time"},
        {**_TEXT, "format": "date"},
    ]
}
CURSOR_PATTERN = "[0-9]{1,15}-[0-9]{1,15}"


def _one_of(words: type[CallState] | type[CallDirection]) -> dict[str, Any]:
    return {**_TEXT, "enum": [one.value for one in words]}


_AGENT = query("agent", "An agent, as in a record.", _TEXT, AGENT_EXAMPLE)
_TIME = "Unix time in seconds, or ISO 8601 (UTC without an offset; a date is all of its day)."

LISTED_CALLS: dict[str, Any] = {
    **SECURED,
    "parameters": [
        _AGENT,
        query("state", "Where they stand.", _one_of(CallState), "up"),
        query("direction", "Who calls whom.", _one_of(CallDirection), "outbound"),
    ],
}

ONE_AGENT: dict[str, Any] = {
    **SECURED,
    "parameters": [
        {"name": "ext", "in": "path", "required": True, "schema": _TEXT, "example": AGENT_EXAMPLE}
    ],
}

HISTORY: dict[str, Any] = {
    **SECURED,
    "parameters": [
        query("from", f"Calls dialled from then on. {_TIME}", _WHEN, "1795444000"),
        query("to", f"Calls dialled until then. {_TIME}", _WHEN, "2026-11-30T18:00:00Z"),
        _AGENT,
        query("number", "The client's number, in any form.", _SOME, CALLEE_EXAMPLE),
        query("contact_ref", "Your reference.", text(CONTACT_REF_PATTERN), "client-4711"),
        query(
            "limit",
            "At most so many records.",
            {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
            100,
        ),
        query("cursor", "That of the answer before.", text(CURSOR_PATTERN), "1795444103221-0"),
    ],
}

EVENTS: dict[str, Any] = {
    **SECURED,
    "parameters": [
        query("agent", "Of this agent alone.", _TEXT, AGENT_EXAMPLE),
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The id of the last event that was read: what came after it is told"
            " first, or a snapshot if that is too much.",
            "schema": _TEXT,
            "example": "1795444103221-0",
        },
    ],
}


class AgentsAnswer(BaseModel):
    """The agents whose phones a PBX knows, by extension."""

    agents: list[AgentAnswer]


class HistoryAnswer(BaseModel):
    """Records of the last days, the newest first."""

    records: list[CDR]
    cursor: str | None = Field(
        description="Where to go on; null if there is no more. There may be more even after an"
        " empty list.",
        examples=["1795444103221-0"],
    )


def streamed(data: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Describe the stream of events; ``data`` says what each event's data are."""
    example = (
        "id: 1795444103221-0\r\nevent: agent\r\n"
        'data: {"extension":"1000","state":"talking","since":1795444103,"call_ref":"","devices":[]}'
        "\r\n\r\n"
    )
    return {
        200: {
            "description": "Server-sent events, without end. `snapshot` has `agents` and `calls`,"
            " `agent` one agent, `call` one call, `cdr` a record; each with an id.",
            "content": {"text/event-stream": {"schema": _TEXT, "example": example, **data}},
        }
    }
