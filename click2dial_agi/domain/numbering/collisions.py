"""Extensions that are numbers, too."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from click2dial_agi.domain.numbering.number import Number
from click2dial_agi.domain.numbering.plan import NumberPlan

__all__ = ["ExtensionRange", "number_collision"]

# Of a range of extensions so many are tried, evenly spread: what begins like numbers of a country
# shows in a few already.
_TRIED = 200


class ExtensionRange(Protocol):
    """Extensions of one length, ``first`` to ``last``, both included."""

    @property
    def first(self) -> str: ...

    @property
    def last(self) -> str: ...


def number_collision(plan: NumberPlan, ranges: Sequence[ExtensionRange]) -> str:
    """Return an extension that is also a number of the plan, which nobody could call then."""
    for one in ranges:
        for extension in _some(one):
            if isinstance(plan.read(extension), Number):
                return extension
    return ""


def _some(one: ExtensionRange) -> Iterator[str]:
    first, last = int(one.first), int(one.last)
    step = max(1, (last - first) // _TRIED)
    for number in islice(range(first, last + 1, step), _TRIED + 1):
        yield f"{number:0{len(one.first)}}"
