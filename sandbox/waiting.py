"""Deadlines of the scripted phones: one factor stretches all of them on a slow machine."""

from __future__ import annotations

import os

#: `C2D_WAIT_FACTOR=3` gives everything three times as long before it counts as missing.
FACTOR = float(os.environ.get("C2D_WAIT_FACTOR", "1"))


def patience(seconds: float) -> float:
    """Return how long to wait for what usually takes less than so many seconds."""
    return seconds * FACTOR
