"""Lists of numbers and beginnings of numbers: which are owned, which are dialled from outside."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from click2dial_agi.domain.numbering.number import Misread
from click2dial_agi.domain.numbering.plan import NumberPlan

__all__ = ["NumberList", "overlapping"]


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
    def of(cls, plan: NumberPlan, entries: Iterable[str]) -> "NumberList":
        """Read a list as an operator writes it.

        What is no number of the plan is kept as it is, from 3 digits on: a trunk may name a DID in
        a way of its own.

        Raises :exc:`ValueError` for anything else, with what was expected.
        """
        read = tuple(_entry(plan, entry) for entry in entries)
        return cls(
            read,
            frozenset(one.digits for one in read if not one.prefix),
            tuple(one.digits for one in read if one.prefix),
        )

    def __bool__(self) -> bool:
        return bool(self._entries)

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


def _entry(plan: NumberPlan, written: str) -> _Entry:
    lenient = replace(plan, formatted=True)
    if written.endswith("*"):
        digits = lenient.read_prefix(written[:-1])
        if isinstance(digits, str):
            return _Entry(digits, True, written)
        raise ValueError(_expected(digits))
    number = lenient.read(written)
    if not isinstance(number, Misread):
        return _Entry(number.e164, False, written)
    raw = plan.read_trunk(written)
    if raw is None:
        raise ValueError(_expected(number))
    return _Entry(raw.e164, False, written)


def _expected(misread: Misread) -> str:
    detail = f" ({misread.detail})" if misread.detail else ""
    return f'a quoted number, or the start of numbers with *, such as "2782*"{detail}'
