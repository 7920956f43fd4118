"""Which number of a pool a callee is shown."""

from collections.abc import Sequence
from datetime import date
from hashlib import blake2b

from click2dial_agi.domain.numbering.number import Number

__all__ = ["draw_nearest"]


def draw_nearest(pool: Sequence[Number], callee: Number, day: date) -> Number:
    """Choose a number of the callee's area: of those that begin most like the callee's.

    The same callee is shown the same number all day, by whichever server, as long as the pool
    stays the same: the day and the callee decide, not chance.
    """
    most = max(_in_common(one.e164, callee.e164) for one in pool)
    nearest = sorted(
        (one for one in pool if _in_common(one.e164, callee.e164) == most),
        key=lambda one: one.e164,
    )
    drawn = blake2b(f"{callee.e164} {day.isoformat()}".encode(), digest_size=8).digest()
    return nearest[int.from_bytes(drawn, "big") % len(nearest)]


def _in_common(one: str, other: str) -> int:
    """Return how many digits two numbers begin with alike."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
