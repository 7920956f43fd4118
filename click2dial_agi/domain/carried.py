"""Which call a channel carries, as the channel says itself (``C2D_<uniqueid>``)."""

import re
from typing import NamedTuple

from click2dial_agi.domain import variables
from click2dial_agi.domain.facts import MAX_FACTS
from click2dial_agi.domain.names import Fact
from click2dial_agi.domain.numbers import CALL_REF_PATTERN

__all__ = ["Carried", "read_carried"]

_CARRIED = re.compile(f"([a-z])(call_ref=({CALL_REF_PATTERN}).*)", re.S)

# What facts hold once the call is decided; before, they will change.
_DECIDED = re.compile(rf"&(?:{Fact.CALL_DIR}|{Fact.EMERGENCY})=")


class Carried(NamedTuple):
    """What a channel tells of a call: its role in it, the call_ref, and the facts as text."""

    role: str
    call_ref: str
    facts: str

    @property
    def is_decided(self) -> bool:
        """Whether the facts stay as they are."""
        return _DECIDED.search(self.facts) is not None

    @property
    def is_agents(self) -> bool:
        """Whether the channel is an agent's, or rings him."""
        return self.role in variables.ROLES_OF_AGENTS


def read_carried(told: str) -> Carried | None:
    """Read the variable's value; None for what is none of ours."""
    found = _CARRIED.match(told) if len(told) <= MAX_FACTS else None
    return Carried(found[1], found[3], found[2]) if found else None
