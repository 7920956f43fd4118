"""What a number plan makes of a text: a number in all its forms, or why it is none."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Misread", "Number", "NumberFormat", "is_recorded"]

# The longest is a number abroad, behind the longest prefix for such calls.
_RECORDED = re.compile(r"\+?[0-9]{2,20}")


class NumberFormat(StrEnum):
    """How a number is written for a trunk, a phone's display or a record (docs/numbers.md)."""

    E164 = "e164"  # 27820001234
    PLUS = "plus"  # +27820001234
    NATIONAL = "national"  # 0820001234, and abroad what one dials from home: 00442070313000
    ZEROS = "00"  # 0027820001234


class Number(NamedTuple):
    """A number that a plan understood, in each form that somebody needs.

    ``e164`` is digits alone: the form in which numbers are compared and counted.  ``dialled``
    stands for ``{number}`` in ``trunk_dial``, ``shown`` is the form of a caller ID, ``recorded``
    the one of a notification.  ``abroad`` tells whether ``destinations.international`` has a say.
    """

    e164: str
    dialled: str
    shown: str
    recorded: str
    abroad: bool


@dataclass(frozen=True, slots=True)
class Misread:
    """A text that is no number.

    ``detail`` says what was understood of it and what is missing, without a character of it; it is
    empty where no more can be said than what is allowed.
    """

    detail: str = ""


def is_recorded(text: str) -> bool:
    """Tell whether a record may have a text for a number or an extension, whatever the plan."""
    return _RECORDED.fullmatch(text) is not None
