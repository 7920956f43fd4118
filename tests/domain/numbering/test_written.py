"""Numbers as people write them, made into digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.numbering.number import Misread
from click2dial_agi.domain.numbering.written import (
    MAX_DIGITS,
    MAX_LENGTH,
    Written,
    read_digits,
    read_written,
)

#: What may stand between digits: blanks and dashes of all kinds, and marks without width.
FILLINGS = [
    *(" ", "\u00a0", "\u1680", "\u2003", "\u2009", "\u202f", "\u205f", "\u3000"),
    *("-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\uff0d"),
    *("\u00ad", "\u200b", "\u200e", "\u202a", "\u202c", "\u202d", "\u2060", "\ufeff"),
    *(".", "(", ")", ") ", " (", "!", "%20", "%28", "%29", "%2D"),
]
filling = st.lists(st.sampled_from(FILLINGS), max_size=3).map("".join)


@given(st.data(), st.from_regex(rf"\A[0-9]{{1,{MAX_DIGITS}}}\Z"), st.sampled_from(["", "+", "%2B"]))
@pytest.mark.case("C14")
def test_what_helps_the_eye_goes(data: st.DataObject, digits: str, plus: str) -> None:
    text = data.draw(filling) + plus
    for digit in digits:
        text += data.draw(filling) + digit
    text += data.draw(filling)
    read = read_written(text)
    if len(text.encode()) > MAX_LENGTH:
        assert isinstance(read, Misread)
    else:
        assert read == Written(digits, bool(plus))


@given(st.text(max_size=200) | st.from_regex(r"tel:[+0-9;=a-z%-]{0,60}"))
def test_whatever_comes_is_digits_or_told(text: str) -> None:
    for read in (read_written(text), read_digits(text)):
        if isinstance(read, Written):
            assert read.digits.isascii()
            assert read.digits.isdigit()
            assert len(read.digits) <= MAX_DIGITS
        else:
            assert not any(char.isdigit() for char in read.detail.replace("0-9", "")) or (
                f"at most {MAX_DIGITS}" in read.detail
            )


@pytest.mark.parametrize(
    "char",
    [
        *("\n", "\r", "\t", "\0", "\x7f", "\u2028", "\u0660", "\uff10", "\u00b2", "a", "x", "#"),
        *("*", ",", ";", "_", "'", '"', "$", "%", "%0A", "%00", "%252B", "\U0001f4de", "\ud800"),
    ],
)
def test_nothing_else_is_dropped(char: str) -> None:
    for text in (f"082 000 1234{char}", f"{char}082 000 1234", f"082{char}0001234"):
        assert isinstance(read_written(text), Misread)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("tel:+27-82-000-1234", Written("27820001234", True)),
        ("tel:0820001234", Written("0820001234", False)),
        ("Tel:0820001234", Written("0820001234", False)),
        ("tel:%2B27820001234", Written("27820001234", True)),
        ("tel:+27820001234;ext=12", Written("27820001234", True)),
        ("tel:+27820001234;EXT=1-2", Written("27820001234", True)),
        ("tel:+27820001234;isub=1411;x-crm=7", Written("27820001234", True)),
        ("tel:820001234;phone-context=+27", Written("27820001234", True)),
        ("tel:820001234;ext=5;phone-context=+2-7", Written("27820001234", True)),
        ("tel:0820001234;phone-context=example.com", Written("0820001234", False)),
    ],
)
def test_a_tel_uri_is_taken_apart(text: str, read: Written) -> None:
    assert read_written(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "tel:",
        "tel:;ext=5",
        "tel:abc",
        "tel:+27820001234;ext=",
        "tel:+27820001234;ext=abc",
        "tel:+27820001234;ext=" + "1" * 21,
        "tel:+27820001234;",
        "tel:+27820001234;=5",
        "tel:+27820001234;m-must=1",
        "tel:+27820001234;phone-context=+27",
        "tel:820001234;phone-context=",
        "tel:820001234;phone-context=+",
        "tel:820001234;phone-context=-example",
        "tel:820001234;phone-context=+27;phone-context=+44",
        "tel:" + "1" * 20 + ";phone-context=+27",
        "tel:tel:0820001234",
        "sip:0820001234@example.com",
    ],
)
def test_no_tel_uri(text: str) -> None:
    assert isinstance(read_written(text), Misread)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "+44 20 7946 0999 x22",
            "+442079460999x22",
            "+44 20 7946 0999 ext. 123",
            "+442079460999#1",
        ),
        *(
            "+44 20 7946 0999 Ext 1234567 ",
            "+44 20 7946 0999\u00a0extn: 5",
            "+442079460999 EXTENSION 5",
        ),
    ],
)
def test_an_extension_is_read_and_not_dialled(text: str) -> None:
    assert read_written(text) == Written("442079460999", True)


@pytest.mark.parametrize(
    "text",
    [
        *("082 000 1234 x", "x12", "082 x 0001234", "0820001234 x12345678", "0820001234 x1 x2"),
        *("0820001234 \u00d712", "0820001234 ex 12", "0820001234 x12a", "0820001234,,12"),
    ],
)
def test_what_is_no_extension(text: str) -> None:
    assert isinstance(read_written(text), Misread)


@pytest.mark.parametrize("text", ["021 555 1234/5", "021 555 1234/56", "0215551234 / 5 "])
def test_the_end_of_another_number_is_not_taken_for_this_ones(text: str) -> None:
    assert isinstance(read_written(text), Misread)


@pytest.mark.parametrize("text", ["030/123456", "030/123/456", "/0820001234", "0820001234/"])
def test_a_slash_may_part_a_number(text: str) -> None:
    assert isinstance(read_written(text), Written)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("+27820001234", Written("27820001234", True)),
        ("0820001234", Written("0820001234", False)),
        ("082 0001234", Misread()),
        ("0820001234\n", Misread()),
        ("+", Misread()),
        ("++27", Misread()),
    ],
)
def test_digits_alone(text: str, read: Written | Misread) -> None:
    assert read_digits(text) == read
    if isinstance(read, Written):
        assert read.text == text


@pytest.mark.parametrize("length", [MAX_DIGITS + 1, 1000, 1_000_000])
def test_what_is_too_long_is_not_looked_at(length: int) -> None:
    for read in (read_written("1" * length), read_digits("1" * length)):
        assert isinstance(read, Misread)
