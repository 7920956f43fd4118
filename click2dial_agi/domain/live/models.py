"""Agents and calls as the API, its stream and their notifications show them, as models."""

from typing import Literal

from pydantic import BaseModel, Field

from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.domain.record_models import (
    AGENT_EXAMPLE,
    AT,
    CALL_REF,
    CALLEE_EXAMPLE,
    REF,
    Integer,
    Message,
)

__all__ = ["AgentAnswer", "AgentChange", "CallChange", "DeviceAnswer", "LiveCall", "Snapshot"]


class DeviceAnswer(BaseModel):
    """A phone's endpoint on a PBX."""

    device: str = Field(examples=["PJSIP/1000"])
    pbx: str = Field(examples=["asterisk"])
    state: str = Field(description="Asterisk's device state.", examples=["NOT_INUSE"])


class AgentAnswer(BaseModel):
    """An agent, now."""

    extension: str = Field(examples=[AGENT_EXAMPLE])
    state: AgentState
    since: Integer = Field(description="Unix time; 0 while unknown.", examples=[1795444038])
    call_ref: str = Field(
        description="The call that the agent has, empty without one.",
        examples=["bde674e2-eeaf-4355-b32c-664a82256e11"],
    )
    devices: list[DeviceAnswer]


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
