"""How many calls of a day showed each caller ID, for ``caller_ids.calls_per_day``.

In memory, so that no call waits for anybody; what the servers have counted is put together in Redis
(:mod:`click2dial_agi.app.shown_sharing`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

__all__ = ["ShownToday"]

_Counts = defaultdict[str, Counter[str]]


def _today() -> date:
    return datetime.now(UTC).date()


class ShownToday:
    """The calls of this day by integrator and caller ID, an E.164 number.

    ``today`` gives the day, which begins at midnight UTC like the one of the draw.
    """

    def __init__(self, today: Callable[[], date] = _today) -> None:
        self._today = today
        self.day = today()
        self._shown: _Counts = defaultdict(Counter)
        self._untold: _Counts = defaultdict(Counter)

    def count(self, integrator: str, caller_id: str) -> None:
        """Count a call that shows a caller ID."""
        self._turn()
        self._shown[integrator][caller_id] += 1
        self._untold[integrator][caller_id] += 1

    def spent(self, integrator: str, calls_per_day: int | None) -> frozenset[str]:
        """Return the caller IDs that have been shown so often today; none without a limit."""
        if calls_per_day is None:
            return frozenset()
        self._turn()
        shown = self._shown[integrator].items()
        return frozenset(number for number, calls in shown if calls >= calls_per_day)

    def untold(self, integrator: str) -> Mapping[str, int]:
        """Return what was counted since the others were told of it last."""
        self._turn()
        return dict(self._untold[integrator])

    def learn(
        self, integrator: str, day: date, told: Mapping[str, int], shown: Mapping[str, int]
    ) -> None:
        """Take what all servers have counted on a day, in which is what was ``told``."""
        self._turn()
        if day != self.day:
            return
        self._untold[integrator] -= Counter(told)
        self._shown[integrator] = Counter(shown) + self._untold[integrator]

    def _turn(self) -> None:
        day = self._today()
        if day != self.day:
            self.day = day
            self._shown.clear()
            self._untold.clear()
