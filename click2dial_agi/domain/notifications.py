"""A notification: one JSON text, in the envelope of its kind, for one list and its copies."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from click2dial_agi.domain.names import NotificationKind

__all__ = ["Notification"]


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
