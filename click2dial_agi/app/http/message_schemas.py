"""What is pushed, posted and streamed, as models: AsyncAPI and OpenAPI are made from them.

The payloads themselves are made in :mod:`click2dial_agi.domain`; the tests hold the two together.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from click2dial_agi.app.http.create_schema import AGENT_EXAMPLE, CALLEE_EXAMPLE
from click2dial_agi.app.http.live_schemas import AgentAnswer
from click2dial_agi.app.http.record_schemas import (
    AT,
    CALL_REF,
    CDR2,
    CDR3,
    CDR4,
    REF,
    SECONDS,
    Integer,
    Message,
)
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.notifications import NotificationKind
from click2dial_agi.domain.steering import ListenMode

__all__ = ["ENVELOPES", "EVENT_DATA", "any_of", "schemas"]


class _Joined(Message):
    number: str = Field(description="The client's.", examples=[CALLEE_EXAMPLE])
    dial_number: str = Field(examples=["27110001234"])
    hold_time: Integer = SECONDS
    call_ref: str = CALL_REF
    contact_ref: str = Field(examples=["client-4711"])
    ref: str = Field(description="The agent's extension.", examples=[AGENT_EXAMPLE])


class Joined2(_Joined):
    """Two sides are joined; ``payload_version: 2``."""

    campaign_ref: CallDirection


class Joined3(_Joined):
    """Two sides are joined; ``payload_version: 3`` and later."""

    call_dir: CallDirection


class Emergency(Message):
    """Somebody calls for help: told when the call begins."""

    extension: str = Field(examples=[AGENT_EXAMPLE])
    number: str = Field(examples=["112"])
    call_ref: str = CALL_REF
    dialed_at: Integer = AT
    ref: REF


class ListenedTo(Message):
    """A supervisor's phone is about to ring, to hear a call."""

    listen_ref: str = CALL_REF
    extension: str = Field(description="The supervisor's.", examples=["1009"])
    mode: ListenMode
    agent: str = Field(examples=[AGENT_EXAMPLE])
    call_ref: str = CALL_REF
    contact_ref: str = Field(examples=["client-4711"])
    at: Integer = AT
    ref: REF


class LiveCall(Message):
    """A call as it is now; ``ended`` once at its end."""

    call_ref: str = CALL_REF
    state: CallState
    since: Integer = AT
    agent: str = Field(examples=[AGENT_EXAMPLE])
    callee: str = Field(examples=[CALLEE_EXAMPLE])
    contact_ref: str = Field(examples=["client-4711"])
    dial_number: str = Field(examples=["27110001234"])
    direction: CallDirection
    dialed_at: Integer = AT
    answered_at: Integer = Field(description="Unix time; 0 if nobody has answered.")
    recorded: bool = Field(description="It is recorded from its answer on.")


class Snapshot(Message):
    """All agents and calls; it replaces what was told before."""

    agents: list[AgentAnswer]
    calls: list[LiveCall]


class AgentChange(AgentAnswer):
    """An agent is in another state."""

    event: Literal["agent"]
    ref: REF


class CallChange(LiveCall):
    """A call is in another state."""

    event: Literal["call"]
    ref: REF


#: The payloads of each list, ``<key_prefix>:<kind>``, and of webhooks: what they tell of, and their
#: models.
ENVELOPES: dict[NotificationKind, tuple[str, tuple[type[BaseModel], ...]]] = {
    NotificationKind.CDR: ("A call has ended.", (CDR2, CDR3, CDR4)),
    NotificationKind.INBOUND: ("An agent has answered a call from outside.", (Joined2, Joined3)),
    NotificationKind.JOINED: (
        "The callee has answered (joined_notifications).",
        (Joined2, Joined3),
    ),
    NotificationKind.EMERGENCY: ("Somebody calls for help.", (Emergency,)),
    NotificationKind.LISTEN: ("A supervisor is about to hear a call.", (ListenedTo,)),
    NotificationKind.STATE: (
        "An agent or a call is in another state (state_notifications).",
        (AgentChange, CallChange),
    ),
}

#: The data of each server-sent event.
EVENT_DATA: dict[str, tuple[type[BaseModel], ...]] = {
    "snapshot": (Snapshot,),
    "agent": (AgentAnswer,),
    "call": (LiveCall,),
    "cdr": (CDR2, CDR3, CDR4),
}


def schemas(*besides: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of each of these by its name, and ``besides``: ``#/components/schemas``."""
    models = {one for _, models in ENVELOPES.values() for one in models}
    models |= {one for models in EVENT_DATA.values() for one in models}
    ordered = sorted(models | set(besides), key=lambda one: one.__name__)
    _, found = models_json_schema(
        [(one, "serialization") for one in ordered],
        ref_template="#/components/schemas/{model}",
    )
    return dict(found["$defs"])


def any_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """Return the schema of what is one of these."""
    found = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    return {"anyOf": found} if len(found) > 1 else dict(found[0])
