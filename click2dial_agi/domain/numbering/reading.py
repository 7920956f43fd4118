"""Numbers of any country, read and written with libphonenumber's data."""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat

from click2dial_agi.domain.numbering.diagnosis import diagnose, diagnose_parsing
from click2dial_agi.domain.numbering.number import Misread, NumberFormat
from click2dial_agi.domain.numbering.written import Written, read_digits, read_written

__all__ = [
    "Understood",
    "describe",
    "example_number",
    "is_country",
    "load_countries",
    "read_dialled",
    "read_number",
    "read_prefix",
    "read_zeros",
    "write_number",
]

# Country codes that independent countries share (North America and the Caribbean; Russia and
# Kazakhstan).  All others are shared with territories that one calls as at home.
_SHARED_CODES = frozenset({1, 7})

# Some 500 bytes each; what an office dials in a day is read once.
_CACHED = 8192

# What people write still, though their country has given it up: Mexico's 1 of mobile numbers, and
# 01, 044 and 045 before them, since 2019-08-03.
_GIVEN_UP = {52: re.compile(r"(?:1|01|04[45])([0-9]{10})")}

_ZEROS = Misread("unclear after 00: write + before the country code")
_AMBIGUOUS = Misread(
    "it can be read with and without the country code: "
    "write + before the country code, or the number in full as dialled in the country"
)


@dataclass(frozen=True, slots=True)
class Understood:
    """A valid number; ``abroad`` is seen from the country that it was read in."""

    e164: str
    abroad: bool


def is_country(region: str) -> bool:
    """Tell whether libphonenumber knows the numbers of a country (ISO 3166, two capitals)."""
    return region in phonenumbers.SUPPORTED_REGIONS


def load_countries() -> None:
    """Load the data of all countries, so that no call waits for a file to be read.

    Their patterns are compiled when they are needed, and then kept: the 512 that Python keeps are
    too few for all countries.
    """
    PhoneMetadata.load_all()
    phonenumbers.enable_pattern_cache()


def read_number(text: str, region: str, *, formatted: bool = True) -> Understood | Misread:
    """Read a number as it is written in ``region``, of any country.

    ``formatted`` is whether it may be as people write it, or digits only, after a plus or not.
    """
    # What people write is bounded first, so that nothing large is kept.
    written = read_written(text) if formatted else read_digits(text)
    return written if isinstance(written, Misread) else _read(written, region)


def read_dialled(digits: str, region: str) -> str:
    """Return the E.164 digits of a number as an exchange of ``region`` reads it, empty if none.

    It may begin with a plus, and is never ambiguous.
    """
    written = read_digits(digits)
    number = written if isinstance(written, Misread) else _parse(written, region)
    return "" if isinstance(number, Misread) else _digits(number, PhoneNumberFormat.E164)


def read_zeros(digits: str) -> str:
    """Return the E.164 digits of a number that 00 begins, as it does nearly everywhere.

    Empty if there is none: also where more than these digits would have to be left out.
    """
    if not digits.startswith("00"):
        return ""
    e164 = digits[2:]
    return e164 if read_dialled(f"+{e164}", "ZZ") == e164 else ""


@lru_cache(_CACHED)
def _read(written: Written, region: str) -> Understood | Misread:
    number = _parse(written, region)
    e164 = "" if isinstance(number, Misread) else _digits(number, PhoneNumberFormat.E164)
    if not written.plus and read_zeros(written.digits) not in ("", e164):
        return _ZEROS
    if isinstance(number, Misread):
        return number
    if not written.plus and _reads_otherwise(written, number, e164, region):
        return _AMBIGUOUS
    return Understood(e164, _is_abroad(number, region))


def _parse(written: Written, region: str) -> PhoneNumber | Misread:
    try:
        number = phonenumbers.parse(written.text, region)
    except NumberParseException as error:
        return diagnose_parsing(error, region)
    if not phonenumbers.is_valid_number(number):
        number = _as_today(number)
    if not phonenumbers.is_valid_number(number):
        return diagnose(number, region, home=not written.plus)
    return number


@lru_cache(_CACHED)
def write_number(e164: str, region: str, form: NumberFormat) -> str:
    """Write a valid number, given as digits that begin with its country code, as a trunk of
    ``region`` wants it.
    """
    if form is NumberFormat.E164:
        return e164
    if form is NumberFormat.PLUS:
        return f"+{e164}"
    if form is NumberFormat.ZEROS:
        return f"00{e164}"
    number = phonenumbers.parse(f"+{e164}")
    if number.country_code == _calling_code(region):
        return _digits(number, PhoneNumberFormat.NATIONAL)
    dialled = phonenumbers.format_out_of_country_calling_number(number, region)
    # Where each carrier of a country has its own prefix, none can be said to be the country's.
    return f"00{e164}" if dialled.startswith("+") else _only_digits(dialled)


def describe(e164: str) -> tuple[str, str]:
    """Write a number for the eye, and name its country; the latter is empty where it has none."""
    try:
        number = phonenumbers.parse(f"+{e164}")
    except NumberParseException:
        return e164, ""
    written = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return written, phonenumbers.region_code_for_number(number) or ""


def example_number(region: str) -> str:
    """Return a number of a country, as it is written there."""
    number = phonenumbers.example_number(region)
    if number is None:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def read_prefix(text: str, region: str) -> str | Misread:
    """Read the beginning of numbers, as ``region`` writes them, as digits after a plus would be."""
    written = read_written(text)
    if isinstance(written, Misread) or written.plus:
        return written if isinstance(written, Misread) else written.digits
    digits, code = written.digits, str(_calling_code(region))
    pattern, usual = _international_prefix(region)
    if usual and digits.startswith(usual):
        return digits.removeprefix(usual)
    if digits.startswith("00"):
        return _ZEROS  # of a carrier's prefix (0049 of SG), or of none (US)
    abroad = re.match(pattern, digits)
    if abroad:
        return digits[abroad.end() :]
    trunk_prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True)
    if trunk_prefix and digits.startswith(trunk_prefix):
        return f"{code}{digits.removeprefix(trunk_prefix)}"
    if not digits.startswith(code):
        return f"{code}{digits}"
    return digits if trunk_prefix else _AMBIGUOUS


def _as_today(number: PhoneNumber) -> PhoneNumber:
    """Leave out what the number's country has given up."""
    given_up = _GIVEN_UP.get(number.country_code or 0)
    match = given_up and given_up.fullmatch(phonenumbers.national_significant_number(number))
    return phonenumbers.parse(f"+{number.country_code}{match[1]}") if match else number


def _is_abroad(number: PhoneNumber, region: str) -> bool:
    if number.country_code != _calling_code(region):
        return True
    return number.country_code in _SHARED_CODES and not phonenumbers.is_valid_number_for_region(
        number, region
    )


def _reads_otherwise(written: Written, number: PhoneNumber, e164: str, region: str) -> bool:
    """Tell whether digits without a plus are also a number with the country code before it.

    Digits that are the whole number as the country writes it need nothing more to be clear.
    """
    if not written.digits.startswith(str(_calling_code(region))) or written.digits == e164:
        return False
    if written.digits == _digits(number, PhoneNumberFormat.NATIONAL):
        return False
    try:
        other = phonenumbers.parse(f"+{written.digits}")
    except NumberParseException:
        return False
    return phonenumbers.is_valid_number(other) and other != number


@lru_cache
def _international_prefix(region: str) -> tuple[str, str]:
    """Return the pattern of what begins calls abroad, and what usually does if that is one text."""
    metadata = PhoneMetadata.metadata_for_region(region)
    pattern = metadata.international_prefix or "00" if metadata else "00"
    usual = metadata.preferred_international_prefix if metadata else None
    return pattern, _only_digits(usual) if usual else pattern if pattern.isdigit() else ""


@lru_cache
def _calling_code(region: str) -> int:
    return phonenumbers.country_code_for_region(region)


def _digits(number: PhoneNumber, form: int) -> str:
    return _only_digits(phonenumbers.format_number(number, form))


def _only_digits(text: str) -> str:
    return "".join(char for char in text if "0" <= char <= "9")
