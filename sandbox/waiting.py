"""Deadlines of all who wait for something that must come: one factor stretches them all.

A deadline that is not met fails a test, so it costs nothing to have it far away.  How long nothing
may come is another matter, and is not stretched.
"""

from __future__ import annotations

import os

#: Two cores that others use, too, were seen to take three times as long as when they are idle.
#: `C2D_WAIT_FACTOR=10` is for a slower machine.
FACTOR = float(os.environ.get("C2D_WAIT_FACTOR", "4"))


def patience(seconds: float) -> float:
    """Return how long to wait for what usually takes less than so many seconds."""
    return seconds * FACTOR
