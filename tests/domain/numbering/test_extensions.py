"""Which digits may be an extension."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.numbering import USUAL_EXTENSIONS, ExtensionForm


@given(st.sets(st.integers(2, 7)), st.text(max_size=9) | st.from_regex(r"\A[0-9]{1,9}\n?\Z"))
def test_3_and_4_digits_and_those_that_are_configured(lengths: set[int], text: str) -> None:
    form = ExtensionForm.of(lengths)
    expected = re.fullmatch(r"[0-9]+", text) is not None and len(text) in {3, 4, *lengths}
    assert form.matches(text) == expected


@pytest.mark.parametrize(
    ("lengths", "allowed"),
    [
        ((), "3-4 digits"),
        ((5,), "3-5 digits"),
        ((2,), "2-4 digits"),
        ((7,), "3-4 or 7 digits"),
        ((6, 7), "3-4 or 6-7 digits"),
    ],
)
def test_an_error_tells_how_many(lengths: tuple[int, ...], allowed: str) -> None:
    assert ExtensionForm.of(lengths).allowed == allowed


@pytest.mark.parametrize("length", [1, 8])
def test_no_extension_is_shorter_or_longer(length: int) -> None:
    with pytest.raises(ValueError, match="2 to 7 digits"):
        ExtensionForm.of([length])


@pytest.mark.parametrize("text", ["\u0661\u0660\u0660\u0660", "100\n", "10", "10000", ""])
def test_the_usual_form(text: str) -> None:
    assert not USUAL_EXTENSIONS.matches(text)
