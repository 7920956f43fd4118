"""One run of a PBX, from its start to its end: what a call cannot outlive."""

import re
from dataclasses import dataclass
from datetime import datetime

from click2dial_agi.domain.live_calls import LiveCall

__all__ = ["CLOCKS", "PBXRun"]

_RUN = re.compile(r"([0-9A-Za-z:._-]{1,64})/([0-9T:.+Z-]{1,40})")

#: Seconds that the clocks of a PBX and of a server may differ: calls are dated by the server's.
CLOCKS = 5.0


@dataclass(frozen=True, slots=True)
class PBXRun:
    """What ``GET /asterisk/info`` tells that no other PBX does, as two texts.

    ``entity_id`` is usually a network card's address, which containers share; ``started`` has
    milliseconds.  Both are empty where a PBX does not tell.
    """

    entity_id: str = ""
    started: str = ""

    def __str__(self) -> str:
        return f"{self.entity_id}/{self.started}" if self.entity_id else ""

    @classmethod
    def parse(cls, text: str) -> "PBXRun":
        """Read what ``str`` returned; anything else tells nothing."""
        match = _RUN.fullmatch(text)
        return cls(match[1], match[2]) if match else cls()

    def follows(self, name: str | None, call: LiveCall) -> bool:
        """Tell whether the PBX of a call may have been started anew, and this is it now.

        ``name`` is what the configuration calls this one.  Names tell PBXs apart; where one has
        none, entity ids do.  One that was up already when the call began is another one.
        """
        before = PBXRun.parse(call.run)
        same = call.pbx == name if call.pbx and name else before.entity_id == self.entity_id
        return same and bool(self.entity_id) and self._began > call.at - CLOCKS

    @property
    def _began(self) -> float:
        """Unix seconds; 0 for what is no time."""
        try:
            return datetime.fromisoformat(self.started).timestamp()
        except (ValueError, OverflowError):
            return 0.0
