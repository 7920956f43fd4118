"""A created call that has not ended, as all servers know it through Redis."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from click2dial_agi.domain.foreign_json import parse_json

__all__ = ["LiveCall"]

# Raised when what is written means something else, never for a field more: readers leave out what
# they do not know, and take what is missing as empty.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class LiveCall:
    """Who calls whom, from when the call was counted in (``at``, Unix seconds, by our clock).

    ``agent``, ``callee``, ``dial_number`` and ``contact_ref`` are those of the request, checked;
    ``agent_key`` is who has one call at a time, however the agent was written.  ``facts`` is what
    the record will be made of, as text (:mod:`click2dial_agi.domain.facts`).

    ``run`` is which PBX has it, as that says itself (:mod:`click2dial_agi.domain.pbx_runs`), empty
    until it was chosen and for calls of older versions; ``pbx`` is what the configuration calls it.
    ``away`` is not written: nobody has seen that PBX for a while, so the call holds neither its
    agent nor a place.
    """

    call_ref: str
    agent: str = ""
    callee: str = ""
    dial_number: str = ""
    contact_ref: str = ""
    at: float = 0.0
    facts: str = ""
    agent_key: str = ""
    pbx: str = ""
    run: str = ""
    away: bool = False

    def text(self) -> str:
        """Return it as Redis keeps it: a JSON object, with the version of its form."""
        told = asdict(self)
        del told["away"]
        return json.dumps({**told, "version": _VERSION})

    @classmethod
    def parse(cls, call_ref: str, text: str, *, away: bool = False) -> "LiveCall":
        """Read what any version has written, or anything else: what is wrong is empty."""
        try:
            known = parse_json(text)
        except ValueError:
            known = {}
        return cls(call_ref, away=away, **(_known(known) if isinstance(known, Mapping) else {}))


def _known(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        one.name: entry[one.name]
        for one in fields(LiveCall)[1:-1]
        if isinstance(entry.get(one.name), (int, float) if one.name == "at" else str)
    }
