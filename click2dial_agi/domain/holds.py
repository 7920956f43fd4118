"""For how long the API kept a client on hold, as the dialplan leaves it with the client's channel.

The text is ``seconds`` of the holds that are over, and ``seconds-since`` while one goes on, which
is Unix time.
"""

import re
from typing import NamedTuple

__all__ = ["NO_HOLDS", "Holds"]

_HOLDS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,12}))?")


class Holds(NamedTuple):
    """The holds of one call: seconds of those that are over, and since when one goes on (or 0)."""

    over: int = 0
    since: int = 0

    @classmethod
    def parse(cls, text: str) -> "Holds":
        """Read what the dialplan left; what it cannot have left is no hold."""
        found = _HOLDS.fullmatch(text)
        return cls(int(found[1]), int(found[2] or 0)) if found else cls()

    def seconds(self, begin: int, end: int) -> int:
        """Return their length in a call from ``begin`` to ``end``, which none can outlast."""
        going_on = max(end - max(self.since, begin), 0) if self.since else 0
        return min(self.over + going_on, max(end - begin, 0))


NO_HOLDS = Holds()
