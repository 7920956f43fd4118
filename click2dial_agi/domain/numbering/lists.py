"""Lists of numbers and beginnings of numbers: which are owned, which are dialled from outside."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from click2dial_agi.domain.numbering.number import Misread, Number
from click2dial_agi.domain.numbering.plan import NumberPlan

__all__ = ["NumberList", "WrongEntry", "overlapping"]


class WrongEntry(ValueError):
    """An entry is neither a number nor the start of one; ``index`` is its place, from 0."""

    def __init__(self, index: int, misread: Misread) -> None:
        detail = f" ({misread.detail})" if misread.detail else ""
        super().__init__(f'a quoted number, or the start of one with *, such as "2782*"{detail}')
        self.index = index


@dataclass(frozen=True, slots=True)
class _Entry:
    digits: str
    prefix: bool
    written: str

    def overlaps(self, other: "_Entry") -> bool:
        """Tell whether a number could be of both."""
        if self.prefix and other.digits.startswith(self.digits):
            return True
        if other.prefix and self.digits.startswith(other.digits):
            return True
        return self.digits == other.digits


@dataclass(frozen=True, slots=True)
class NumberList:
    """Numbers and ``prefix*``, compared in E.164: one number however it is written."""

    _entries: tuple[_Entry, ...]
    _numbers: frozenset[str]
    _prefixes: tuple[str, ...]

    @classmethod
    def owned(cls, plan: NumberPlan, entries: Iterable[str]) -> "NumberList":
        """Read a list of caller IDs, as an operator writes it.

        Raises :exc:`WrongEntry`.
        """
        lenient = replace(plan, formatted=True)
        return cls._of(lenient, entries, lenient.read_caller_id)

    @classmethod
    def dids(cls, plan: NumberPlan, entries: Iterable[str]) -> "NumberList":
        """Read a list of DIDs, as an operator writes it.

        A trunk may name a DID in a way of its own, so what is no number of the plan is kept as it
        is, from 3 digits on.

        Raises :exc:`WrongEntry`.
        """
        lenient = replace(plan, formatted=True)

        def read(entry: str) -> Number | Misread:
            number = lenient.read(entry)
            return number if isinstance(number, Number) else plan.read_trunk(entry) or number

        return cls._of(lenient, entries, read)

    @classmethod
    def _of(
        cls, plan: NumberPlan, entries: Iterable[str], read: Callable[[str], Number | Misread]
    ) -> "NumberList":
        found = []
        for index, entry in enumerate(entries):
            number = plan.read_prefix(entry[:-1]) if entry.endswith("*") else read(entry)
            if isinstance(number, Misread):
                raise WrongEntry(index, number)
            digits = number.e164 if isinstance(number, Number) else number
            found.append(_Entry(digits, not isinstance(number, Number), entry))
        return cls(
            tuple(found),
            frozenset(one.digits for one in found if not one.prefix),
            tuple(one.digits for one in found if one.prefix),
        )

    def __bool__(self) -> bool:
        return bool(self._entries)

    def written(self) -> Iterator[tuple[str, str, bool]]:
        """Return each entry as it was written, with its digits and whether it is a prefix."""
        return ((one.written, one.digits, one.prefix) for one in self._entries)

    def covers(self, e164: str) -> bool:
        """Tell whether a number is in the list or begins with one of its prefixes."""
        return e164 in self._numbers or e164.startswith(self._prefixes)


def overlapping(one: NumberList, other: NumberList) -> tuple[str, str] | None:
    """Return two entries, as they were written, that a number could be of both; None if none."""
    for mine in one._entries:
        for theirs in other._entries:
            if mine.overlaps(theirs):
                return mine.written, theirs.written
    return None
