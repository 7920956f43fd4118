"""What is told of a supervisor who hears a call."""

from pydantic import Field

from click2dial_agi.domain.calls import Call
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.notifications import Notification, NotificationKind
from click2dial_agi.domain.record_models import (
    AGENT_EXAMPLE,
    AT,
    CALL_REF,
    REF,
    Integer,
    Message,
)
from click2dial_agi.domain.steering import Listening, ListenMode

__all__ = ["ListenedTo", "listen_notification"]


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


def listen_notification(
    call: Call, agent: str, listening: Listening, integrator: Integrator, at: int, listen_ref: str
) -> Notification:
    """Return it; ``at`` is in Unix seconds, ``listen_ref`` what tells this use from others."""
    kind = NotificationKind.LISTEN
    payload: dict[str, object] = {
        "listen_ref": listen_ref,
        "extension": listening.extension,
        "mode": listening.mode.value,
        "agent": agent,
        "call_ref": call.call_ref,
        "contact_ref": call.contact_ref,
        "at": at,
        "ref": "click-dial",
    }
    return Notification.of(kind, integrator.list_of(kind), listen_ref, payload)
