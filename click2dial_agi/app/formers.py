"""Integrators that a reload took out: whose the calls are that had begun by then."""

import time
from collections.abc import Callable

from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.pbx_runs import CLOCKS
from click2dial_agi.domain.told import KnownCall

__all__ = ["Formers"]

# A mistake is mended within this, in seconds; then the records are put aside, for the operator.
_AWAITED = 60.0


class Formers:
    """What they were, and when they went; of each the last time, and only while it is away.

    ``clock`` gives Unix seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._gone: dict[str, tuple[Integrator, float]] = {}

    def note(self, before: Config, after: Config) -> None:
        """Take note of a reload."""
        for one in after.integrators:
            self._gone.pop(one.name, None)
        for one in before.integrators:
            if after.integrator(one.name) is None:
                self._gone[one.name] = one, self._clock()

    def is_awaited(self, name: str) -> bool:
        """Tell whether one went so short a time ago that its records may wait for it."""
        return name in self._gone and self._clock() < self._gone[name][1] + _AWAITED

    def owner(self, known: KnownCall) -> str:
        """Return whose a call from outside was when it began; empty for nobody's."""
        for name, (integrator, went) in self._gone.items():
            if known.did and known.dialed_at <= went + CLOCKS and integrator.takes(known.did):
                return name
        return ""
