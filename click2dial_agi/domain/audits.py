"""What is told of a supervisor who hears a call."""

from click2dial_agi.domain.calls import Call
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.notifications import Notification, NotificationKind
from click2dial_agi.domain.steering import Listening

__all__ = ["listen_notification"]


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
