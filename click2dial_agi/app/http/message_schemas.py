"""What is pushed, posted and streamed, as models: AsyncAPI and OpenAPI are made from them.

The payloads themselves are made in :mod:`click2dial_agi.domain`; the tests hold the two together.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from click2dial_agi.app.http.create_schema import AGENT_EXAMPLE, CALLEE_EXAMPLE
from click2dial_agi.app.http.live_schemas import AgentAnswer
from click2dial_agi.domain.calls import CallDirection, CallType
from click2dial_agi.domain.dispositions import EndReason
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.steering import ListenMode

__all__ = ["ENVELOPES", "EVENT_DATA", "any_of", "schemas"]

_Integer = Annotated[int, Field(json_schema_extra={"format": "int64"})]
_CALL_REF = Field(examples=["bde674e2-eeaf-4355-b32c-664a82256e11"])
_AT = Field(description="Unix time.", examples=[1795444038])
_SECONDS = Field(description="Seconds.", examples=[5])
_REF = Literal["click-dial"]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _CDR(_Message):
    extension: str = Field(examples=[AGENT_EXAMPLE])
    dial_number: str = Field(examples=["27110001234"])
    call_ref: str = _CALL_REF
    contact_ref: str = Field(examples=["client-4711"])
    dialed_at: _Integer = _AT
    end_reason: EndReason
    end_code: _Integer = Field(description="Q.850 cause.", examples=[16])
    call_time: _Integer = _SECONDS
    hold_time: _Integer = _SECONDS
    call_dir: CallDirection
    recording_url: str = Field(description="A reference; empty without a recording.", examples=[""])


class CDR2(_CDR):
    """A call has ended; ``payload_version: 2``."""

    ref: str = Field(description="The client's number.", examples=[CALLEE_EXAMPLE])


class CDR3(_CDR):
    """A call has ended; ``payload_version: 3``."""

    number: str = Field(description="The client's.", examples=[CALLEE_EXAMPLE])
    ref: _REF


class CDR4(CDR3):
    """A call has ended; ``payload_version: 4``."""

    answered_at: _Integer = Field(description="Unix time; 0 if nobody answered.")
    talk_time: _Integer = _SECONDS
    ring_time_extension: _Integer = _SECONDS
    ring_time_number: _Integer = _SECONDS
    hold_time_number: _Integer = _SECONDS
    call_type: CallDirection | CallType
    call_trail_ref: str = _CALL_REF
    call_trail_number: _Integer = Field(examples=[1])
    recording_pauses: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(
        description="From and to, in seconds of the recording.", examples=[[[31.2, 58.9]]]
    )


class _Joined(_Message):
    number: str = Field(description="The client's.", examples=[CALLEE_EXAMPLE])
    dial_number: str = Field(examples=["27110001234"])
    hold_time: _Integer = _SECONDS
    call_ref: str = _CALL_REF
    contact_ref: str = Field(examples=["client-4711"])
    ref: str = Field(description="The agent's extension.", examples=[AGENT_EXAMPLE])


class Joined2(_Joined):
    """Two sides are joined; ``payload_version: 2``."""

    campaign_ref: CallDirection


class Joined3(_Joined):
    """Two sides are joined; ``payload_version: 3`` and later."""

    call_dir: CallDirection


class Emergency(_Message):
    """Somebody calls for help: told when the call begins."""

    extension: str = Field(examples=[AGENT_EXAMPLE])
    number: str = Field(examples=["112"])
    call_ref: str = _CALL_REF
    dialed_at: _Integer = _AT
    ref: _REF


class ListenedTo(_Message):
    """A supervisor's phone is about to ring, to hear a call."""

    listen_ref: str = _CALL_REF
    extension: str = Field(description="The supervisor's.", examples=["1009"])
    mode: ListenMode
    agent: str = Field(examples=[AGENT_EXAMPLE])
    call_ref: str = _CALL_REF
    contact_ref: str = Field(examples=["client-4711"])
    at: _Integer = _AT
    ref: _REF


class LiveCall(_Message):
    """A call as it is now; ``ended`` once at its end."""

    call_ref: str = _CALL_REF
    state: CallState
    since: _Integer = _AT
    agent: str = Field(examples=[AGENT_EXAMPLE])
    callee: str = Field(examples=[CALLEE_EXAMPLE])
    contact_ref: str = Field(examples=["client-4711"])
    dial_number: str = Field(examples=["27110001234"])
    direction: CallDirection
    dialed_at: _Integer = _AT
    answered_at: _Integer = Field(description="Unix time; 0 if nobody has answered.")
    recorded: bool = Field(description="It is recorded from its answer on.")


class Snapshot(_Message):
    """All agents and calls; it replaces what was told before."""

    agents: list[AgentAnswer]
    calls: list[LiveCall]


class AgentChange(AgentAnswer):
    """An agent is in another state."""

    event: Literal["agent"]
    ref: _REF


class CallChange(LiveCall):
    """A call is in another state."""

    event: Literal["call"]
    ref: _REF


#: The payloads of each list, ``<key_prefix>:<name>``, and of webhooks: the envelope's type, what it
#: tells of, and its models.
ENVELOPES: dict[str, tuple[str, str, tuple[type[BaseModel], ...]]] = {
    "cdr": ("cdr", "A call has ended.", (CDR2, CDR3, CDR4)),
    "inbound": ("call", "An agent has answered a call from outside.", (Joined2, Joined3)),
    "c2d": ("call", "The callee has answered (joined_notifications).", (Joined2, Joined3)),
    "emergency": ("emergency", "Somebody calls for help.", (Emergency,)),
    "listen": ("listen", "A supervisor is about to hear a call.", (ListenedTo,)),
    "state": (
        "state",
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
    models = {one for _, _, models in ENVELOPES.values() for one in models}
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
