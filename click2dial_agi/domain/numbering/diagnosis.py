"""What is wrong with a number, said without a digit of it."""

from collections.abc import Iterable, Iterator

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult

from click2dial_agi.domain.numbering.kinds import Kind, kind_of
from click2dial_agi.domain.numbering.number import Misread

__all__ = ["diagnose", "diagnose_parsing"]

# How many digits somebody may have forgotten or typed twice.
_SLIPS = ("one digit", "two digits")
# A forgotten digit may be any, but those of subscribers hardly tell a kind from another.
_FILLERS = "015"

_PARSING = {
    NumberParseException.INVALID_COUNTRY_CODE: "no country has this country code",
    NumberParseException.NOT_A_NUMBER: "no number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too short after the prefix for calls abroad",
    NumberParseException.TOO_SHORT_NSN: "too short after the country code",
    NumberParseException.TOO_LONG: "too long for a number of any country",
}

_NO_COUNTRY = "001"  # libphonenumber's name for what satellites and other networks have


def diagnose_parsing(error: NumberParseException, region: str) -> Misread:
    """Say why digits that were read in ``region`` do not even look like a number."""
    if error.error_type == NumberParseException.NOT_A_NUMBER:
        return Misread(f"too short for a number of {region}")
    return Misread(_PARSING[error.error_type])


def diagnose(number: PhoneNumber, region: str, *, home: bool) -> Misread:
    """Say why a number that could be read in ``region`` is not valid in its country.

    ``home`` is whether it may have been meant for that region's own exchange.
    """
    country = _country(number, region)
    if home and phonenumbers.is_valid_short_number_for_region(number, region):
        return Misread(f"a short code of {region}, and only full numbers are dialled")
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return Misread(f"the area code is missing for a number{country}")
    for slip, kinds in _mended(number, reason):
        if kinds:
            kind = f"{kinds.pop().words} number" if len(kinds) == 1 else "number"
            return Misread(f"{slip} for a {kind}{country}")
    if reason == ValidationResult.IS_POSSIBLE:
        return Misread(f"as long as a number{country}, but no number there begins like this")
    if reason == ValidationResult.INVALID_LENGTH:
        return Misread(f"no number{country} has this length")
    much = "long" if reason == ValidationResult.TOO_LONG else "short"
    return Misread(f"too {much} for a number{country}")


def _mended(number: PhoneNumber, reason: int) -> Iterator[tuple[str, set[Kind]]]:
    """Return what the number would be with a digit or two more, or less."""
    whole = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    for count, slip in enumerate(_SLIPS, start=1):
        if reason != ValidationResult.TOO_LONG:
            yield f"{slip} too few", _kinds(whole + filler * count for filler in _FILLERS)
        if reason != ValidationResult.TOO_SHORT:
            yield f"{slip} too many", _kinds([whole[:-count]])


def _kinds(numbers: Iterable[str]) -> set[Kind]:
    """Return the kinds of those that are valid."""
    return {kind_of(number) for number in numbers if _is_valid(number)}


def _is_valid(e164: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{e164}"))
    except NumberParseException:
        return False


def _country(number: PhoneNumber, home: str) -> str:
    """Name the number's country: of those that share its code the one that it was read in."""
    if number.country_code == phonenumbers.country_code_for_region(home):
        return f" of {home}"
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return "" if region == _NO_COUNTRY else f" of {region}"
