"""The two families of SIP headers that carry a call's settings (CONTRACT section 2)."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CallHeaders", "read_headers"]

# The facts that the dialplan reads from each header; see dialplan/click2dial.conf.
TELEFORGE_OUTBOUND_ID = "teleforge_outbound_id"  # X-Teleforge-Outbound-ID
TELEFORGE_CONTACT_REF = "teleforge_contact_ref"  # X-Teleforge-Contact-Ref
PLATFORMA_OUTBOUND_ID = "platforma_outbound_id"  # X-Platforma-Outbound-ID
PLATFORMA_CONTACT_REF = "platforma_contact_ref"  # X-Platforma-Contact-Ref
# X-Platforma-Call-Ref, in early drafts.  No other name may end in call_ref: see io/spool.py.
PLATFORMA_CALL_REF = "platforma_early_ref"

TELEFORGE_ERROR = "X-Teleforge-Error"
PLATFORMA_ERROR = "X-Platforma-Error"


class CallHeaders(NamedTuple):
    """The values that count, and the names under which errors are reported."""

    outbound_id: str
    contact_ref: str
    error_headers: tuple[str, ...]


def read_headers(facts: Mapping[str, str]) -> CallHeaders:
    """Choose between the families: Teleforge wins where both carry a value.

    An empty header counts as absent.  Errors go to the family that the INVITE used, to both if it
    used both, to Teleforge if it used none.
    """
    teleforge_outbound_id = facts.get(TELEFORGE_OUTBOUND_ID, "")
    teleforge_contact_ref = facts.get(TELEFORGE_CONTACT_REF, "")
    platforma_outbound_id = facts.get(PLATFORMA_OUTBOUND_ID, "")
    platforma_contact_ref = facts.get(PLATFORMA_CONTACT_REF, "") or facts.get(
        PLATFORMA_CALL_REF, ""
    )
    platforma = bool(platforma_outbound_id or platforma_contact_ref)
    teleforge = bool(teleforge_outbound_id or teleforge_contact_ref) or not platforma
    return CallHeaders(
        outbound_id=teleforge_outbound_id or platforma_outbound_id,
        contact_ref=teleforge_contact_ref or platforma_contact_ref,
        error_headers=(TELEFORGE_ERROR,) * teleforge + (PLATFORMA_ERROR,) * platforma,
    )
