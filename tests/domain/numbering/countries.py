"""libphonenumber's example numbers, and independent words about what it says of a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
# Shared codes, trunk prefixes of each sort and none: what `make check` tries of all 245.
_SOME = {"AR", "BR", "DE", "GB", "HU", "IT", "KZ", "MX", "NO", "RU", "SG", "US", "ZA"}
every_country = pytest.mark.parametrize(
    "country",
    [one if one in _SOME else pytest.param(one, marks=pytest.mark.slow) for one in COUNTRIES],
)


class Example(NamedTuple):
    """A number of a country, and its E.164 digits."""

    country: str
    number: PhoneNumber
    e164: str

    def written(self, form: int) -> str:
        return phonenumbers.format_number(self.number, form)


def examples(country: str) -> Iterator[Example]:
    """Return a number of each kind that a country has."""
    for kind in PhoneNumberType.values():
        number = phonenumbers.example_number_for_type(country, kind)
        if number is not None:
            written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            yield Example(country, number, written[1:])


def digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")
