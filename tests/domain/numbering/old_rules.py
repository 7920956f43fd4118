"""The rules of numbers as version 0.1 had them, which the plan ``teleforge`` must equal."""

from __future__ import annotations

import re
from collections.abc import Iterable

_EXTENSION = re.compile(r"[0-9]{3,4}")
_NUMBER = re.compile(r"0[0-9]{9}|27[0-9]{9}|00[0-9]{11,14}")
_OUTBOUND_NUMBER = re.compile(r"0[0-9]{9}|27[0-9]{9}")
_TRUNK_NUMBER = re.compile(r"[0-9]{3,16}")


def is_extension(value: str) -> bool:
    return len(value) <= 4 and _EXTENSION.fullmatch(value) is not None


def is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None


def is_outbound_number(value: str) -> bool:
    return _OUTBOUND_NUMBER.fullmatch(value) is not None


def read_trunk_number(value: str) -> str:
    if value.startswith("+"):
        value = value[1:] if value.startswith("+27") else f"00{value[1:]}"
    return value if _TRUNK_NUMBER.fullmatch(value) else ""


def same_number(number: str) -> str:
    return f"27{number[1:]}" if number.startswith("0") else number


def covers(entries: Iterable[str], number: str) -> bool:
    number = same_number(number)
    return any(
        number.startswith(entry[:-1]) if entry.endswith("*") else number == entry
        for entry in entries
    )


def overlap(one: str, other: str) -> bool:
    first, second = one.rstrip("*"), other.rstrip("*")
    return (
        first == second
        or (one.endswith("*") and second.startswith(first))
        or (other.endswith("*") and first.startswith(second))
    )
