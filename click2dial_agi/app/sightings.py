"""For how long a server has known of created calls, whatever is done to its clock."""

import time
from collections.abc import Callable, Iterable

from click2dial_agi.domain.live_calls import LiveCall

__all__ = ["Sightings"]


class Sightings:
    """Since when each call was seen, in seconds that only go forward.

    When a call began stands in it by the clock of the server that created it, which may be another
    one, or have been set since.  That counts for calls alone that are older than this: else each
    start would have lost ones hold their agents anew.  ``wall`` gives Unix seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._since: dict[str, float] = {}
        self._found: frozenset[str] | None = None

    def note(self, calls: Iterable[str]) -> None:
        """Take which calls there are now."""
        now = self._clock()
        self._since = {one: self._since.get(one, now) for one in calls}
        if self._found is None:
            self._found = frozenset(self._since)

    def is_old(self, call: LiveCall, seconds: float) -> bool:
        """Tell whether a call that was noted began so long ago."""
        if self._clock() - self._since[call.call_ref] >= seconds:
            return True
        before_us = self._found is not None and call.call_ref in self._found
        return before_us and self._wall() - call.at >= seconds
