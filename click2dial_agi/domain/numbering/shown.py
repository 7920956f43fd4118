"""Which caller IDs a country forbids its companies."""

from collections.abc import Iterator

import phonenumbers
from phonenumbers import NumberParseException

from click2dial_agi.domain.numbering.kinds import Kind, kind_of

__all__ = ["mobile_rule"]

# Where calls to customers may not show a mobile number, and which rule says so.
_NO_MOBILE = {
    "ES": "Orden TDF/149/2025, article 9",  # since 2025-06-07
    "FR": "ARCEP's decision 2022-1583",  # since 2023-01-01, for calls that a platform places
}
# A national number has up to so many digits; what is missing of one may be any digits.
_LONGEST = 12
_FILLERS = "0123456789"


def mobile_rule(e164: str, *, prefix: bool = False) -> str:
    """Return the rule by which a number may not be shown as it is a mobile one, empty if none.

    ``prefix`` is whether these are the first digits of numbers, all of which are then mobile ones.
    """
    numbers = _completed(e164) if prefix else iter([e164])
    rules = {_rule(number) for number in numbers if _is_valid(number)}
    return rules.pop() if len(rules) == 1 else ""


def _completed(digits: str) -> Iterator[str]:
    for count in range(1, _LONGEST + 1):
        for filler in _FILLERS:
            yield digits + filler * count


def _is_valid(e164: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{e164}"))
    except NumberParseException:
        return False


def _rule(e164: str) -> str:
    if kind_of(e164) is not Kind.MOBILE:
        return ""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(f"+{e164}"))
    return _NO_MOBILE.get(region or "", "")
