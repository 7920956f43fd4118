"""When a recording was paused: as a channel's variable holds it, and as a record tells it.

The text is ``from-to``, in milliseconds of the recording, joined by ``_``; a pause that goes on has
no ``to``.  It holds no character that the dialplan, the manager or a fact reads.
"""

import re
from typing import NamedTuple

__all__ = ["MAX_PAUSES", "NO_PAUSES", "Pauses"]

#: As many as a line of the manager takes; who pauses more often does not know what to record.
MAX_PAUSES = 40

_MOMENT = r"[0-9]{1,10}"
_PAUSES = re.compile(rf"(?:{_MOMENT}-{_MOMENT}_)*{_MOMENT}-(?:{_MOMENT})?")


class Pauses(NamedTuple):
    """The pauses of a recording in their order, as (from, to) in milliseconds.

    ``open_from`` is when the one began that goes on; None where it is recorded.
    """

    over: tuple[tuple[int, int], ...] = ()
    open_from: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Pauses":
        """Read the variable; what is none of ours is no pause."""
        if not _PAUSES.fullmatch(text):
            return cls()
        pairs = [one.split("-") for one in text.split("_")]
        *over, (last_from, last_to) = pairs
        closed = tuple((int(begin), int(end)) for begin, end in over)
        if last_to:
            return cls((*closed, (int(last_from), int(last_to))))
        return cls(closed, int(last_from))

    def text(self) -> str:
        """Write the variable."""
        parts = [f"{begin}-{end}" for begin, end in self.over]
        if self.open_from is not None:
            parts.append(f"{self.open_from}-")
        return "_".join(parts)

    @property
    def is_full(self) -> bool:
        """Whether there may be no more of them."""
        return len(self.over) >= MAX_PAUSES

    def pause(self, now: int) -> "Pauses":
        """Begin one, unless one goes on."""
        return self if self.open_from is not None else self._replace(open_from=now)

    def resume(self, now: int) -> "Pauses":
        """End the one that goes on."""
        if self.open_from is None:
            return self
        return Pauses((*self.over, (self.open_from, max(now, self.open_from))))

    def seconds(self, end: int) -> list[list[float]]:
        """Return them in seconds, to a tenth; one that goes on lasts until ``end`` (ms)."""
        return [[round(one / 1000, 1) for one in pause] for pause in self.resume(end).over]


NO_PAUSES = Pauses()
