"""What is told in notifications (docs/contract.md): of records in full, records.py tells.

The payload of each kind and its model stand side by side, and the tests hold the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self
from uuid import uuid4

from pydantic import BaseModel, Field

from click2dial_agi.domain.calls import Call, CallDirection
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.facts import decode
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.live.models import AgentChange, CallChange
from click2dial_agi.domain.live.views import AgentView, CallView
from click2dial_agi.domain.names import Event, Fact, NotificationKind
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.record_models import (
    AGENT_EXAMPLE,
    AT,
    CALL_REF,
    CALLEE_EXAMPLE,
    CDR2,
    CDR3,
    CDR4,
    REF,
    SECONDS,
    Integer,
    Message,
)
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.domain.seal import unseal
from click2dial_agi.domain.steering import Listening, ListenMode
from click2dial_agi.domain.told import KnownCall, event_of, read_known
from click2dial_agi.exceptions import MalformedFacts

__all__ = [
    "PAYLOADS",
    "Emergency",
    "EmergencyCall",
    "Joined2",
    "Joined3",
    "JoinedCall",
    "ListenedTo",
    "Notified",
    "listen_notification",
    "read_line",
    "read_told",
    "state_notification",
]


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


@dataclass(frozen=True, slots=True)
class JoinedCall:
    """A call whose two sides are being joined."""

    known: KnownCall

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> "JoinedCall":
        """Build it from what the answering channel, or a spool line, says.

        Raises :exc:`MalformedFacts` when the facts do not make one.
        """
        known = read_known(facts, config)
        if not known.joined_at:
            raise MalformedFacts(Fact.JOINED_AT, "when somebody answered")
        return cls(known)

    @property
    def call(self) -> Call:
        """Who talks to whom for whom."""
        return self.known.call

    @property
    def hold_time(self) -> int:
        """How long the caller waited in a queue, in whole seconds; 0 without one."""
        return max(self.known.joined_at - self.known.queued_at, 0) if self.known.queued_at else 0

    def notification(self, integrator: Integrator) -> Notification:
        """Return the notification for the integrator that the call belongs to."""
        call, inbound = self.call, self.call.call_dir is CallDirection.INBOUND
        payload: dict[str, object] = {
            "number": call.number,
            "dial_number": call.dial_number,
            "hold_time": self.hold_time,
            "call_ref": call.call_ref,
            "contact_ref": call.contact_ref,
            "campaign_ref" if integrator.payload_version == 2 else "call_dir": call.call_dir.value,
            "ref": call.extension,
        }
        kind = NotificationKind.INBOUND if inbound else NotificationKind.JOINED
        return Notification.of(kind, integrator.list_of(kind), call.call_ref, payload)


class Emergency(Message):
    """Somebody calls for help: told when the call begins."""

    extension: str = Field(examples=[AGENT_EXAMPLE])
    number: str = Field(examples=["112"])
    call_ref: str = CALL_REF
    dialed_at: Integer = AT
    ref: REF


@dataclass(frozen=True, slots=True)
class EmergencyCall:
    """Somebody calls for help: told when it begins."""

    known: KnownCall

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> "EmergencyCall":
        """Build it from what the caller's channel, or a spool line, says.

        Raises :exc:`MalformedFacts` when the facts do not make one.
        """
        return cls(read_known(facts, config))

    @property
    def call(self) -> Call:
        """Who calls which number."""
        return self.known.call

    def notification(self, integrator: Integrator) -> Notification:
        """Return the notification for the integrator whose agent calls."""
        call, kind = self.call, NotificationKind.EMERGENCY
        payload: dict[str, object] = {
            "extension": call.extension,
            "number": call.number,
            "call_ref": call.call_ref,
            "dialed_at": self.known.dialed_at,
            "ref": "click-dial",
        }
        return Notification.of(kind, integrator.list_of(kind), call.call_ref, payload)


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
    """Return what is told of a supervisor who hears a call.

    ``at`` is in Unix seconds, ``listen_ref`` what tells this use from others.
    """
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


def state_notification(view: AgentView | CallView, integrator: Integrator) -> Notification:
    """Return what is told of an agent or a call in another state.

    It is what the stream of events has, and which of its events this is.
    """
    kind = NotificationKind.STATE
    event = "agent" if isinstance(view, AgentView) else "call"
    payload = {"event": event, **view.shown(), "ref": "click-dial"}
    return Notification.of(kind, integrator.list_of(kind), str(uuid4()), payload)


class Notified(Protocol):
    """What an event tells of: a call, and the notification that is made of it."""

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> Self:
        """Build it from what a channel, or a spool line, says.

        Raises :exc:`MalformedFacts` when the facts do not make one.
        """

    @property
    def known(self) -> KnownCall:
        """What is known of the call."""

    @property
    def call(self) -> Call:
        """Who calls whom for whom."""

    def notification(self, integrator: Integrator) -> Notification:
        """Return the notification for the integrator that the call belongs to."""


_MAKERS: Mapping[Event, type[Notified]] = {
    Event.ENDED: CallRecord,
    Event.JOINED: JoinedCall,
    Event.EMERGENCY: EmergencyCall,
}

#: What the notifications of each kind tell of, on lists and to webhooks, and the models of their
#: payloads: AsyncAPI and OpenAPI are made from them.
PAYLOADS: dict[NotificationKind, tuple[str, tuple[type[BaseModel], ...]]] = {
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


def read_told(event: Event, facts: Mapping[str, str], config: Config) -> Notified:
    """Return what an event tells of.  Raises :exc:`MalformedFacts` when facts do not make one."""
    return _MAKERS[event].from_facts(facts, config)


def read_line(line: str, config: Config) -> Notified:
    """Return what a line of the spool tells of, which the dialplan sealed as it does for a server.

    Raises :exc:`MalformedFacts` when it tells of nothing, or was not sealed by us.
    """
    facts = decode(line)
    event = event_of(facts)
    unseal(config.agi.secret, event, line)
    return read_told(event, facts, config)
