"""Which values are accepted (docs/contract.md)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.numbering import TELEFORGE, Number
from click2dial_agi.domain.numbers import (
    RANDOM,
    FieldError,
    campaign_name,
    is_call_ref,
    is_contact_ref,
)
from tests.domain.examples import CALL_REF

is_extension = TELEFORGE.is_extension

EXTENSIONS = ["100", "1000", "000", "9999"]
TEN_DIGITS = ["0820000100", "0000000000", "0012345678", "0999999999"]
ELEVEN_DIGITS = ["27820001234", "27000000000"]
INTERNATIONAL = ["00" + "4" * count for count in range(11, 15)]
NO_NUMBERS = [
    "",
    "0",
    "10",
    "10000",
    "082000010",  # nine digits
    "1820000100",  # ten, not starting 0
    "08200001000",  # eleven, not starting 27
    "28820001234",
    "278200012345",  # twelve
    "00" + "4" * 10,  # twelve, starting 00
    "00" + "4" * 15,  # seventeen
    "0144444444444",  # thirteen, not starting 00
    "+27820001234",
    "27 82 000 1234",
    "082-000-0100",
    "082000010a",
    "sip:0820000100",
    "0820000100\n",
    "\n0820000100",
    "1000\n",
    "0820000100\0",
    "\uff10\uff18\uff12" + "0" * 7,  # full-width digits
    "\u0660" * 10,  # Arabic digits
    "\u0661\u0660\u0660\u0660",
    "082000010\u00b2",  # superscript two
]
REFERENCES = ["a", "Z", "0", ".", "-", "_", "~", "Case.7-b_c~d", "x" * 1000]
NO_REFERENCES = [
    "",
    " ",
    "a b",
    "a\n",
    "é",
    "a/b",
    "a:b",
    "a,b",
    "a+b",
    "%20",
    "$x",
    "\uff10",
    "a\0",
]
NO_OUTBOUND_IDS = [
    "Random",
    "RANDOM",
    "random\n",
    " random",
    "tvc_",
    "tvc_a b",
    "tvc_\n",
    "tvc_a\n",
]


def is_number(value: str) -> bool:
    return isinstance(TELEFORGE.read(value), Number)


def is_outbound_number(value: str) -> bool:
    return isinstance(TELEFORGE.read_caller_id(value), Number)


def is_outbound_id(value: str) -> bool:
    return is_outbound_number(value) or value == RANDOM or campaign_name(value) is not None


def read_trunk_number(value: str) -> str:
    number = TELEFORGE.read_trunk(value)
    return number.recorded if number else ""


@pytest.mark.parametrize("value", EXTENSIONS)
def test_an_extension_has_3_or_4_digits(value: str) -> None:
    assert is_extension(value)
    assert not is_number(value)


@pytest.mark.parametrize("value", TEN_DIGITS + ELEVEN_DIGITS + INTERNATIONAL)
def test_a_full_number_may_be_dialled(value: str) -> None:
    assert is_number(value)
    assert not is_extension(value)


@pytest.mark.parametrize("value", TEN_DIGITS + ELEVEN_DIGITS)
def test_a_national_number_may_be_shown(value: str) -> None:
    assert is_outbound_number(value)
    assert is_outbound_id(value)


@pytest.mark.parametrize("value", INTERNATIONAL + EXTENSIONS)
def test_an_international_number_or_an_extension_may_not_be_shown(value: str) -> None:
    assert not is_outbound_number(value)
    assert not is_outbound_id(value)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_anything_else_is_no_number(value: str) -> None:
    assert not is_extension(value)
    assert not is_number(value)
    assert not is_outbound_number(value)
    assert not is_outbound_id(value)


@given(st.text(st.characters(categories=["Nd"]), min_size=3, max_size=17))
def test_only_ascii_digits_count(value: str) -> None:
    if is_extension(value) or is_number(value) or is_outbound_id(value):
        assert value.isascii()


@given(st.from_regex(r"[0-9]{1,18}", fullmatch=True))
def test_a_number_has_one_of_the_three_forms(value: str) -> None:
    forms = (
        len(value) == 10 and value[0] == "0",
        len(value) == 11 and value[:2] == "27",
        13 <= len(value) <= 16 and value[:2] == "00",
    )
    assert is_number(value) == any(forms)
    assert is_outbound_number(value) == any(forms[:2])


@pytest.mark.parametrize("name", ["spring", "A", "0", "a_b-c", "_", "-", "x" * 64])
def test_a_campaign_is_named_after_tvc(name: str) -> None:
    assert campaign_name(f"tvc_{name}") == name
    assert is_outbound_id(f"tvc_{name}")


@pytest.mark.parametrize("value", ["random", "tvc", "TVC_spring", "spring", "tvc_" + "x" * 65])
def test_no_campaign_is_found_elsewhere(value: str) -> None:
    assert campaign_name(value) is None


def test_random_is_an_outbound_id() -> None:
    assert is_outbound_id("random")


@pytest.mark.parametrize("value", NO_OUTBOUND_IDS)
def test_an_outbound_id_is_matched_whole(value: str) -> None:
    assert not is_outbound_id(value)


@pytest.mark.parametrize("value", REFERENCES)
def test_a_contact_ref_is_unreserved_characters(value: str) -> None:
    assert is_contact_ref(value)


@pytest.mark.parametrize("value", NO_REFERENCES)
def test_a_contact_ref_has_no_other_character(value: str) -> None:
    assert not is_contact_ref(value)


@given(st.text(max_size=20))
def test_a_contact_ref_is_what_a_url_needs_no_escape_for(value: str) -> None:
    unreserved = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    assert is_contact_ref(value) == (value != "" and set(value) <= unreserved)


def test_a_call_ref_is_a_lower_case_uuid() -> None:
    assert is_call_ref(CALL_REF)
    for wrong in ("", CALL_REF.upper(), CALL_REF + "\n", CALL_REF[:-1], CALL_REF.replace("-", "")):
        assert not is_call_ref(wrong)


@pytest.mark.case("T41")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0820001234", "0820001234"),
        ("27820001234", "27820001234"),
        ("+27820001234", "27820001234"),
        ("+442071838750", "00442071838750"),
        ("00442071838750", "00442071838750"),
        ("112", "112"),
        ("1" * 16, "1" * 16),
        ("+" + "4" * 14, "00" + "4" * 14),
        ("+27-83-123-4567", "27831234567"),
        ("(083)123.4567", "0831234567"),
        *((wrong, "") for wrong in ("", "+", "12", "1" * 17, "+" + "4" * 15, "anonymous")),
        *(
            (wrong, "")
            for wrong in ("0820001234\n", "082 000 1234", "++27820001234", "\u0660" * 10)
        ),
    ],
)
def test_a_trunk_may_write_numbers_in_its_own_way(written: str, read: str) -> None:
    assert read_trunk_number(written) == read


@given(st.text(max_size=20) | st.from_regex(r"\A\+?[0-9]{0,18}\Z"))
def test_what_a_trunk_wrote_is_digits_or_nothing(written: str) -> None:
    read = read_trunk_number(written)
    assert re.fullmatch(r"(?:[0-9]{3,16})?", read)
    assert read_trunk_number(read) == read


def test_an_error_names_its_field_and_what_is_allowed() -> None:
    error = FieldError("callee", "3-4 digits")
    assert error.message == "callee: 3-4 digits"
    assert not error.forbidden
    assert re.fullmatch(r"[a-z_]+: .+", error.message)
