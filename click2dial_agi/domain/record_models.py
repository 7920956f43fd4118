"""A record as it is pushed, posted, streamed and shown, as models; and what others have of it.

AsyncAPI and OpenAPI are made from them, and the tests hold them to the payloads themselves.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from click2dial_agi.domain.calls import CallDirection, CallType
from click2dial_agi.domain.dispositions import EndReason

__all__ = [
    "AGENT_EXAMPLE",
    "AT",
    "CALLEE_EXAMPLE",
    "CALL_REF",
    "CDR",
    "CDR2",
    "CDR3",
    "CDR4",
    "REF",
    "SECONDS",
    "Integer",
    "Message",
]

AGENT_EXAMPLE, CALLEE_EXAMPLE = "1000", "0820000100"

# Which of JSON's numbers a client's language may take for them.
Integer = Annotated[int, Field(json_schema_extra={"format": "int64"})]
CALL_REF = Field(examples=["bde674e2-eeaf-4355-b32c-664a82256e11"])
AT = Field(description="Unix time.", examples=[1795444038])
SECONDS = Field(description="Seconds.", examples=[5])
REF = Literal["click-dial"]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _CDR(Message):
    extension: str = Field(examples=[AGENT_EXAMPLE])
    dial_number: str = Field(examples=["27110001234"])
    call_ref: str = CALL_REF
    contact_ref: str = Field(examples=["client-4711"])
    dialed_at: Integer = AT
    end_reason: EndReason
    end_code: Integer = Field(description="Q.850 cause.", examples=[16])
    call_time: Integer = SECONDS
    hold_time: Integer = SECONDS
    call_dir: CallDirection
    recording_url: str = Field(description="A reference; empty without a recording.", examples=[""])


class CDR2(_CDR):
    """A call has ended; ``payload_version: 2``."""

    ref: str = Field(description="The client's number.", examples=[CALLEE_EXAMPLE])


class CDR3(_CDR):
    """A call has ended; ``payload_version: 3``."""

    number: str = Field(description="The client's.", examples=[CALLEE_EXAMPLE])
    ref: REF


class CDR4(CDR3):
    """A call has ended; ``payload_version: 4``."""

    answered_at: Integer = Field(description="Unix time; 0 if nobody answered.")
    talk_time: Integer = SECONDS
    ring_time_extension: Integer = SECONDS
    ring_time_number: Integer = SECONDS
    hold_time_number: Integer = SECONDS
    call_type: CallDirection | CallType
    call_trail_ref: str = CALL_REF
    call_trail_number: Integer = Field(examples=[1])
    recording_pauses: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(
        description="From and to, in seconds of the recording.", examples=[[[31.2, 58.9]]]
    )


#: As its integrator's ``payload_version`` was when the call ended.
CDR = CDR4 | CDR3 | CDR2
