"""The kinds of notification: what makes them, which lists they go to, and what they are called.

A further kind is a line here, one more if the dialplan tells of it, and what CONTRIBUTING.md says.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

__all__ = ["Event", "Notification", "NotificationKind"]


class Event(StrEnum):
    """What the dialplan tells of: also the name of the AGI script that takes it."""

    JOINED = "joined"
    ENDED = "ended"
    EMERGENCY = "emergency"


class NotificationKind(StrEnum):
    """What a notification tells of; its list is ``<key_prefix>:<kind>``."""

    CDR = "cdr"  # a call has ended
    INBOUND = "inbound"  # an agent has answered a call from outside
    JOINED = "c2d"  # the callee of an agent's call has answered
    EMERGENCY = "emergency"  # somebody calls for help
    LISTEN = "listen"  # a supervisor's phone is rung, to hear a call
    STATE = "state"  # an agent or a call is in another state

    @property
    def type(self) -> str:
        """The envelope's ``type``."""
        joined = self in (NotificationKind.INBOUND, NotificationKind.JOINED)
        return "call" if joined else self.value


class HasLists(Protocol):
    """An integrator, as far as its lists go."""

    @property
    def key_prefix(self) -> str: ...

    @property
    def copies(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Notification:
    """One JSON text for one Redis list.

    ``call_ref`` is what makes pushing it twice harmless: a list takes one notification for each.
    """

    list_name: str
    call_ref: str
    body: str

    @classmethod
    def of(
        cls, kind: NotificationKind, list_name: str, call_ref: str, payload: Mapping[str, object]
    ) -> "Notification":
        """Put a payload into the envelope of its kind."""
        body = json.dumps({"type": kind.type, "payload": payload})
        return cls(list_name, call_ref, body)

    def for_all_lists(self, owner: HasLists) -> "tuple[Notification, ...]":
        """Return itself and a copy for each of the owner's further prefixes."""
        name = self.list_name.removeprefix(owner.key_prefix)
        return (self, *(replace(self, list_name=f"{copy}{name}") for copy in owner.copies))
