"""Plans of countries: libphonenumber's own examples, and what people make of them."""

from __future__ import annotations

import random
from datetime import date
from functools import cache

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from click2dial_agi.domain.numbering import (
    CountryPlan,
    Misread,
    Number,
    NumberFormat,
    country_plan,
)
from tests.domain.numbering.countries import COUNTRIES, Example, digits, every_country, examples

MISSPELLINGS = 10_000
_OTHER_HOMES = ("GB", "US", "DE", "RU", "BR", "AU", "IT")
AMBIGUOUS = "it can be read with and without the country code"

#: What each verdict of libphonenumber's is told as.
TOLD = {
    ValidationResult.TOO_SHORT: ("too few", "too short"),
    ValidationResult.TOO_LONG: ("too many", "too long"),
    ValidationResult.INVALID_LENGTH: ("too few", "too many", "has this length"),
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: ("the area code is missing",),
    ValidationResult.IS_POSSIBLE: ("too few", "too many", "begins like this"),
    ValidationResult.INVALID_COUNTRY_CODE: ("country code",),
}


@cache
def plan(country: str, **formats: NumberFormat) -> CountryPlan:
    return country_plan(country, **formats)  # type: ignore[arg-type]


def writings(example: Example) -> list[str]:
    """Return a number as its country's people, their phones and their software write it."""
    international = example.written(PhoneNumberFormat.INTERNATIONAL)
    national = example.written(PhoneNumberFormat.NATIONAL)
    return [
        example.written(PhoneNumberFormat.E164),
        international,
        international.replace(" ", "\u00a0"),
        international.replace(" ", "-").replace("-", "\u2011"),
        international.replace(" ", "."),
        international.replace("+", "%2B"),
        f"\u202a{international}\u202c",
        example.written(PhoneNumberFormat.RFC3966),
        f"{example.written(PhoneNumberFormat.RFC3966)};ext=12",
        national,
        national.replace(" ", "\u2009"),
        digits(national),
        f"tel:{digits(national)};phone-context=example.com",
    ]


@pytest.mark.case("C14")
@every_country
def test_each_writing_of_each_example_is_one_number_and_dials_right(country: str) -> None:
    found = list(examples(country))
    assert found
    for form in NumberFormat:
        home = plan(country, dial_format=form, caller_id_format=form, record_format=form)
        for example in found:
            for text in writings(example):
                number = home.read(text)
                assert isinstance(number, Number), text
                assert number.e164 == example.e164
                assert not number.abroad
                assert number.dialled == number.shown == number.recorded
                dials_right(number.dialled, form, example, country)
            assert home.read_trunk(f"+{example.e164}") == number
            assert home.recall(number.recorded) == number
            assert home.read_caller_id(example.written(PhoneNumberFormat.E164)) == number


@pytest.mark.parametrize(
    "home", ["ZA", *(pytest.param(one, marks=pytest.mark.slow) for one in _OTHER_HOMES)]
)
def test_each_example_can_be_dialled_from_abroad(home: str) -> None:
    away = plan(home, dial_format=NumberFormat.NATIONAL, record_format=NumberFormat.NATIONAL)
    code = phonenumbers.country_code_for_region(home)
    for country in COUNTRIES:
        for example in examples(country):
            number = away.read(example.written(PhoneNumberFormat.INTERNATIONAL))
            assert isinstance(number, Number)
            assert number.e164 == example.e164
            assert number.abroad or example.number.country_code == code
            assert away.recall(number.recorded) == number
            if number.abroad and home == "BR":  # each carrier there has a prefix of its own
                assert number.dialled == f"00{example.e164}"
            else:
                dials_right(number.dialled, NumberFormat.NATIONAL, example, home)


def dials_right(dialled: str, form: NumberFormat, example: Example, country: str) -> None:
    """What an exchange of ``country`` makes of the digits is the number."""
    if form is NumberFormat.NATIONAL:
        assert dialled == digits(dialled)
        assert phonenumbers.parse(dialled, country) == example.number
    else:
        prefix = {NumberFormat.E164: "", NumberFormat.PLUS: "+", NumberFormat.ZEROS: "00"}[form]
        assert dialled == f"{prefix}{example.e164}"


def misspelt(chance: random.Random) -> tuple[str, str]:
    """Return a country and one of its numbers, with a slip of the finger in it."""
    country = chance.choice(COUNTRIES)
    example = chance.choice(list(examples(country)))
    text = example.written(chance.choice([*range(4)]))
    places = [index for index, char in enumerate(text) if char.isdigit()]
    at = chance.choice(places)
    match chance.randrange(5):
        case 0:
            text = text[:at] + text[at + 1 :]
        case 1:
            text = text[:at] + text[at] + text[at:]
        case 2:
            text = text[:at] + chance.choice("0123456789") + text[at + 1 :]
        case 3:
            text = text[: places[-1]]
        case 4:
            other = chance.choice(places)
            chars = list(text)
            chars[at], chars[other] = chars[other], chars[at]
            text = "".join(chars)
    return country, text


@pytest.mark.slow
def test_misspellings_are_judged_as_libphonenumber_does() -> None:
    chance = random.Random(18)
    accepted = ambiguous = 0
    for _ in range(MISSPELLINGS):
        country, text = misspelt(chance)
        read = plan(country).read(text)
        try:
            number = phonenumbers.parse(text, country)
        except NumberParseException:
            assert isinstance(read, Misread), text
            continue
        if isinstance(read, Number):
            accepted += 1
            if number.country_code == 52 and len(str(number.national_number)) > 10:
                continue  # as Mexico wrote numbers once
            assert phonenumbers.is_valid_number(number), text
            assert f"+{read.e164}" == phonenumbers.format_number(number, PhoneNumberFormat.E164)
        elif read.detail.startswith("unclear after 00"):
            ambiguous += 1
            other = phonenumbers.parse(f"+{digits(text).removeprefix('00')}")
            assert phonenumbers.is_valid_number(other)
            assert number != other
        elif read.detail.startswith(AMBIGUOUS):
            ambiguous += 1
            other = phonenumbers.parse(f"+{digits(text)}")
            assert phonenumbers.is_valid_number(number)
            assert phonenumbers.is_valid_number(other)
            assert number != other
        else:
            assert not phonenumbers.is_valid_number(number), text
            reason = phonenumbers.is_possible_number_with_reason(number)
            told = (*TOLD[reason], "a short code")
            assert any(words in read.detail for words in told), (text, read, reason)
    assert 1000 < accepted < 9000
    assert ambiguous < 100


@given(st.text(max_size=40) | st.from_regex(r"\A[+0-9 ()/.-]{0,24}\Z"), st.sampled_from(COUNTRIES))
def test_whatever_comes_is_a_number_or_told_without_it(text: str, country: str) -> None:
    home = plan(country)
    read = home.read(text)
    if isinstance(read, Number):
        assert home.read(read.recorded) == home.read(f"+{read.e164}")
    else:
        told = home.explain(read, extensions=True)
        assert told
        assert not any(run in told for run in text.split() if len(digits(run)) > 2)
    trunk = home.read_trunk(text)
    assert trunk is None or 3 <= len(trunk.e164) <= 16


@pytest.mark.parametrize(
    ("country", "text", "detail"),
    [
        ("ZA", "071 234 567", "one digit too few for a mobile number of ZA"),
        ("ZA", "082 000 12345", "one digit too many for a mobile number of ZA"),
        ("ZA", "0900 123 4567", "one digit too many for a premium number of ZA"),
        ("ZA", "020 703 1300", "as long as a number of ZA, but no number there begins like this"),
        ("ZA", "112", "a short code of ZA, and only full numbers are dialled"),
        ("FR", "36 31", "a short code of FR, and only full numbers are dialled"),
        ("FR", "+33 36 31", "too short for a number of FR"),
        ("ZA", "7", "too short for a number of ZA"),
        ("ZA", "+44 7911 12345", "one digit too few for a mobile number of GB"),
        ("ZA", "+881 6 123 4567", "one digit too few for a satellite number"),
        ("ZA", "+999 123 4567", "no country has this country code"),
        ("ZA", "00", "too short after the prefix for calls abroad"),
        ("ZA", "+27 8", "too short after the country code"),
        ("ZA", "1" * 20, "too long for a number of any country"),
        ("ZA", "1" * 21, "too long: at most 20 digits"),
        ("GB", "7031 3000", "the area code is missing for a number of GB"),
        ("US", "555-0123", "the area code is missing for a number of US"),
        ("JM", "523-0123", "the area code is missing for a number of JM"),
        ("CA", "(416) 555-012", "one digit too few for a fixed or mobile number of CA"),
        ("SG", "0065 6123 4567", "unclear after 00: write + before the country code"),
        ("SG", "0049 30 1234567", "unclear after 00: write + before the country code"),
        ("US", "00 44 20 7946 0999", "unclear after 00: write + before the country code"),
        ("US", "(201) 555-012", "one digit too few for a fixed or mobile number of US"),
        ("DE", "49 211 123456", AMBIGUOUS),
    ],
)
def test_an_error_says_what_is_missing(country: str, text: str, detail: str) -> None:
    read = plan(country).read(text)
    assert isinstance(read, Misread)
    assert read.detail.startswith(detail)
    assert plan(country).explain(read, extensions=True).startswith(detail)
    assert plan(country).explain_caller_id(read).startswith(detail)


@pytest.mark.parametrize(
    ("country", "text", "e164"),
    [
        ("DE", "04921 1123456", "4949211123456"),
        ("DE", "+49 211 123456", "49211123456"),
        ("IT", "+39 06 12345", "390612345"),
        ("IT", "390 612 345", "39390612345"),  # a mobile number in full, as there is no prefix
    ],
)
def test_what_is_ambiguous_can_be_written_clearly(country: str, text: str, e164: str) -> None:
    number = plan(country).read(text)
    assert isinstance(number, Number)
    assert number.e164 == e164


@pytest.mark.parametrize(
    ("country", "text", "e164"),
    [
        *(("MX", text, "525512345678") for text in ("+52 1 55 1234 5678", "5215512345678")),
        *(("MX", f"{old} 55 1234 5678", "525512345678") for old in ("044", "045", "01", "1")),
        ("US", "011 52 1 55 1234 5678", "525512345678"),
        ("AR", "+54 9 11 2345 6789", "5491123456789"),
        ("AR", "011 15 2345-6789", "5491123456789"),
        ("AR", "11 15 2345 6789", "5491123456789"),
        ("BR", "0 15 11 2345-6789", "551123456789"),
        ("BR", "00 15 44 20 7946 0999", "442079460999"),
        ("BR", "55 3412 1234", "555534121234"),  # 55 is an area, too
        ("IT", "+39 06 12345678", "390612345678"),
        ("IT", "+39 (0)6 1234 5678", "390612345678"),
        ("CI", "+225 07 01 23 45 67", "2250701234567"),
        ("SG", "001 44 20 7946 0999", "442079460999"),
        ("AU", "0011 44 20 7946 0999", "442079460999"),
        ("FR", "0 800 123 456", "33800123456"),
        ("GB", "(+44) 20 7946 0999", "442079460999"),
    ],
)
def test_what_people_write_elsewhere(country: str, text: str, e164: str) -> None:
    number = plan(country).read(text)
    assert isinstance(number, Number)
    assert number.e164 == e164


@every_country
def test_no_number_abroad_becomes_another_after_00(country: str) -> None:
    """00 is elsewhere what a carrier's prefix is here, or nothing at all."""
    home = plan(country)
    for other in ("GB", "US", "SG", "DE", "CH", "BR", "CO", "RU", "JP", "EG"):
        for example in examples(other):
            read = home.read(f"00{example.e164}")
            assert isinstance(read, Misread) or read.e164 == example.e164
            number = home.read_trunk(f"00{example.e164}")
            assert number or len(example.e164) > 14
            assert number is None or number.e164 == example.e164


def test_digits_only_where_the_configuration_says_so() -> None:
    strict = country_plan("GB", formatted=False)
    for text in ("02070313000", "+442070313000", "442070313000", "00442070313000"):
        assert isinstance(strict.read(text), Number)
    for text in ("020 7031 3000", "tel:+442070313000", "\uff10" * 11, "02070313000\n", "abc"):
        read = strict.read(text)
        assert isinstance(read, Misread)
        assert strict.explain(read, extensions=True) == (
            "3-4 digits, a number as written in GB, or with + and the country code"
        )
        assert strict.explain_caller_id(read).startswith("random, tvc_<campaign_name>, a number")


@pytest.mark.parametrize(
    ("country", "text", "abroad"),
    [
        ("GB", "+27 82 000 1234", True),
        ("GB", "+44 1534 456789", False),  # Jersey, called as at home
        ("US", "+1 876 523 0123", True),  # Jamaica, which shares the code and nothing else
        ("US", "+1 201 555 0123", False),
        ("US", "+1 800 234 5678", False),
        ("CA", "+1 800 234 5678", False),
        ("RU", "+7 712 345 6789", True),  # Kazakhstan
        ("ZA", "+881 61 123 4567", True),
    ],
)
def test_abroad(country: str, text: str, abroad: bool) -> None:
    number = plan(country).read(text)
    assert isinstance(number, Number)
    assert number.abroad == abroad


@pytest.mark.parametrize(
    ("country", "text", "prefix"),
    [
        ("ZA", "082", "2782"),
        ("ZA", "+27 82", "2782"),
        ("ZA", "2782", "2782"),
        ("ZA", "82", "2782"),
        ("ZA", "0044", "44"),
        ("GB", "(020)", "4420"),
        ("US", "212", "1212"),
        ("US", "1212", "1212"),
        ("US", "011 44", "44"),
        ("AU", "0011 44", "44"),
        ("RU", "810 44", "44"),
        ("SG", "018 44", "44"),
        ("IT", "06", "3906"),
        ("IT", "+39 06", "3906"),
    ],
)
def test_a_prefix(country: str, text: str, prefix: str) -> None:
    assert plan(country).read_prefix(text) == prefix


@pytest.mark.parametrize(
    ("country", "text"),
    [("IT", "390"), ("ZA", ""), ("ZA", "08a"), ("US", "0044"), ("SG", "0044"), ("BR", "0041")],
)
def test_no_prefix(country: str, text: str) -> None:
    assert isinstance(plan(country).read_prefix(text), Misread)


class TestTrunk:
    @pytest.mark.parametrize(
        "text", ["+442070313000", "00442070313000", "02070313000", "442070313000"]
    )
    @pytest.mark.case("T18")
    def test_each_writing_is_one_number(self, text: str) -> None:
        number = plan("GB", record_format=NumberFormat.PLUS).read_trunk(text)
        assert number
        assert (number.e164, number.recorded) == ("442070313000", "+442070313000")

    @pytest.mark.parametrize(
        ("form", "text", "recorded"),
        [
            (NumberFormat.E164, "1234", "1234"),
            (NumberFormat.PLUS, "1234", "1234"),
            (NumberFormat.E164, "+9991234", "9991234"),
            (NumberFormat.PLUS, "+9991234", "+9991234"),
            (NumberFormat.ZEROS, "+9991234", "009991234"),
            (NumberFormat.NATIONAL, "+9991234", "009991234"),
        ],
    )
    def test_what_no_country_has_is_kept(
        self, form: NumberFormat, text: str, recorded: str
    ) -> None:
        number = plan("GB", record_format=form).read_trunk(text)
        assert number
        assert number.recorded == recorded

    @pytest.mark.parametrize("form", NumberFormat)
    @pytest.mark.parametrize("text", ["1234", "+9991234", "0211123", "49211123456", "+49211123456"])
    def test_what_was_recorded_can_be_read_again(self, form: NumberFormat, text: str) -> None:
        number = plan("DE", record_format=form).read_trunk(text)
        assert number
        recalled = plan("DE", record_format=form).recall(number.recorded)
        assert recalled
        assert recalled.recorded == number.recorded

    @pytest.mark.parametrize("text", ["", "anonymous", "12", "1" * 17, "+", "020 7031 3000"])
    def test_anything_else_is_nobody(self, text: str) -> None:
        assert plan("GB").read_trunk(text) is None


def test_a_country_has_its_own_emergency_numbers() -> None:
    assert plan("ZA").emergency == ("112", "10111", "10177")
    assert plan("GB").emergency == ("112", "999")
    assert plan("US").emergency == ("112", "911")
    assert plan("GN").emergency == ("112", "911")  # of which nothing is known
    for country in COUNTRIES:
        for number in plan(country).emergency:
            assert number.isascii()
            assert number.isdigit()


def pool(*texts: str) -> list[Number]:
    numbers = [plan("GB").read(text) for text in texts]
    return [number for number in numbers if isinstance(number, Number)]


class TestDraw:
    LONDON, MANCHESTER, NEW_YORK = pool("020 7031 3000", "0161 496 0000", "+1 212 555 0100")
    POOL = (LONDON, MANCHESTER, NEW_YORK)

    @pytest.mark.parametrize(
        ("callee", "drawn"),
        [
            ("020 7946 0999", LONDON),
            ("0161 999 9999", MANCHESTER),
            ("+1 416 555 0100", NEW_YORK),
        ],
    )
    def test_a_number_of_the_callees_area(self, callee: str, drawn: Number) -> None:
        (called,) = pool(callee)
        for day in range(1, 29):
            assert plan("GB").draw(self.POOL, called, date(2026, 1, day)) == drawn

    def test_the_same_one_all_day(self) -> None:
        equals = pool(*(f"020 7031 300{digit}" for digit in range(10)))
        (callee,) = pool("+27 82 000 1234")
        days = {day: plan("GB").draw(equals, callee, date(2026, 1, day)) for day in range(1, 29)}
        for day, drawn in days.items():
            assert plan("GB").draw(equals[::-1], callee, date(2026, 1, day)) == drawn
        assert len(set(days.values())) > 3

    def test_many_callees_are_shown_the_whole_pool(self) -> None:
        equals = pool(*(f"020 7031 300{digit}" for digit in range(4)))
        callees = pool(*(f"+27 82 000 1{number:03}" for number in range(200)))
        drawn = [plan("GB").draw(equals, callee, date(2026, 1, 1)) for callee in callees]
        assert min(drawn.count(one) for one in equals) > 20

    def test_any_for_a_colleague(self) -> None:
        drawn = {plan("GB").draw(self.POOL, None, date(2026, 1, 1)) for _ in range(200)}
        assert drawn == set(self.POOL)
