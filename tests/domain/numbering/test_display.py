"""How numbers are grouped for the eye."""

from __future__ import annotations

import re

from phonenumbers import PhoneNumberFormat

from click2dial_agi.domain.numbering import TELEFORGE, country_plan
from click2dial_agi.domain.numbering.plan import Grouping
from tests.domain.numbering.countries import digits, every_country, examples


def grouped(text: str, patterns: tuple[Grouping, ...]) -> str:
    """Do what the softphone does in JavaScript."""
    for pattern, replacement in patterns:
        if re.search(pattern, text):
            return re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", replacement), text)
    return text


@every_country
def test_as_libphonenumber_groups_them(country: str) -> None:
    patterns = country_plan(country).groupings
    shown = 0
    for example in examples(country):
        national = example.written(PhoneNumberFormat.NATIONAL)
        international = example.written(PhoneNumberFormat.INTERNATIONAL)
        assert grouped(f"+{example.e164}", patterns) == international
        text = grouped(digits(national), patterns)
        assert digits(text) == digits(national) or text.startswith("+")
        shown += text == national
        assert digits(grouped(example.e164, patterns)) == example.e164
    assert shown


def test_teleforge() -> None:
    patterns = TELEFORGE.groupings
    assert grouped("0820001234", patterns) == "082 000 1234"
    assert grouped("27820001234", patterns) == "27 82 000 1234"
    assert grouped("00442070313000", patterns) == "00442070313000"
