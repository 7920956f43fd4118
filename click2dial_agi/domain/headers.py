"""The two families of SIP headers that carry a call's settings (docs/contract.md)."""

from collections.abc import Mapping
from typing import NamedTuple

from click2dial_agi.domain.names import Fact

__all__ = ["CallHeaders", "cut_header", "read_headers"]

# So many characters of a reference the dialplan tells: more than count, and they fit in its line.
_TOLD = 256

# Which header each fact comes from, the one that counts first.
_CONTACT_REFS = {
    Fact.TELEFORGE_CONTACT_REF: "X-Teleforge-Contact-Ref",
    Fact.PLATFORMA_CONTACT_REF: "X-Platforma-Contact-Ref",
    Fact.PLATFORMA_EARLY_REF: "X-Platforma-Call-Ref",
}

_TELEFORGE = (Fact.TELEFORGE_OUTBOUND_ID, Fact.TELEFORGE_CONTACT_REF)
_PLATFORMA = (
    Fact.PLATFORMA_OUTBOUND_ID,
    Fact.PLATFORMA_CONTACT_REF,
    Fact.PLATFORMA_EARLY_REF,
)

TELEFORGE_ERROR = "X-Teleforge-Error"
PLATFORMA_ERROR = "X-Platforma-Error"


class CallHeaders(NamedTuple):
    """The values that count, and the names under which errors are reported."""

    outbound_id: str
    contact_ref: str
    error_headers: tuple[str, ...]


def read_headers(facts: Mapping[str, str]) -> CallHeaders:
    """Choose between the families: Teleforge wins where both carry a value.

    An empty header has no value, and is of its family all the same: errors go to the family that
    the INVITE used, to both if it used both, to Teleforge if it used none.
    """
    teleforge_outbound_id = facts.get(Fact.TELEFORGE_OUTBOUND_ID, "")
    teleforge_contact_ref = facts.get(Fact.TELEFORGE_CONTACT_REF, "")
    platforma_outbound_id = facts.get(Fact.PLATFORMA_OUTBOUND_ID, "")
    platforma_contact_ref = facts.get(Fact.PLATFORMA_CONTACT_REF, "") or facts.get(
        Fact.PLATFORMA_EARLY_REF, ""
    )
    return CallHeaders(
        outbound_id=teleforge_outbound_id or platforma_outbound_id,
        contact_ref=teleforge_contact_ref or platforma_contact_ref,
        error_headers=_error_headers(facts),
    )


def _error_headers(facts: Mapping[str, str]) -> tuple[str, ...]:
    # The dialplan tells the headers of a family if any of them is there.  Where Asterisk lists none
    # (``unread``) it tells those of both, and what could be read says which; if nothing could, it
    # may have been either.
    unread = Fact.UNREAD in facts
    teleforge, platforma = (
        any(facts.get(name) if unread else name in facts for name in family)
        for family in (_TELEFORGE, _PLATFORMA)
    )
    if not (teleforge or platforma):
        teleforge, platforma = True, unread
    return (TELEFORGE_ERROR,) * teleforge + (PLATFORMA_ERROR,) * platforma


def cut_header(facts: Mapping[str, str]) -> tuple[Fact, str] | None:
    """Return the fact and the header of a reference that the dialplan may have cut, if it has.

    What was cut off counts for nothing but whether it may stand there.
    """
    for fact, header in _CONTACT_REFS.items():
        if value := facts.get(fact, ""):
            return (fact, header) if len(value) >= _TOLD else None
    return None
