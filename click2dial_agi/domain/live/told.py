"""What is told of a change of state, where ``state_notifications`` asks for it."""

from uuid import uuid4

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.live.views import AgentView, CallView
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.notifications import Notification

__all__ = ["agents_channel", "state_notification"]


def state_notification(view: AgentView | CallView, integrator: Integrator) -> Notification:
    """Return it: what the stream of events has, and which of its events this is."""
    kind = NotificationKind.STATE
    event = "agent" if isinstance(view, AgentView) else "call"
    payload = {"event": event, **view.shown(), "ref": "click-dial"}
    return Notification.of(kind, integrator.list_of(kind), str(uuid4()), payload)


def agents_channel(integrator: Integrator) -> str:
    """Return what stands before an extension in the Redis channel of an agent, or nothing."""
    return f"{integrator.key_prefix}:agents:" if integrator.agents_pubsub else ""
