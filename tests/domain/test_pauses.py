"""Pauses of a recording, as the channel holds them and the record tells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.facts import decode, encode
from click2dial_agi.domain.pauses import MAX_PAUSES, NO_PAUSES, Pauses

moments = st.lists(st.integers(0, 9_999_999_999), max_size=2 * MAX_PAUSES).map(sorted)


def made(times: list[int]) -> Pauses:
    pauses = NO_PAUSES
    for number, now in enumerate(times):
        pauses = pauses.resume(now) if number % 2 else pauses.pause(now)
    return pauses


@given(moments)
def test_what_is_written_is_read(times: list[int]) -> None:
    pauses = made(times)
    text = pauses.text()
    assert Pauses.parse(text) == pauses
    assert len(text) < 950  # a line of the manager
    assert decode(encode({"pauses": text})).get("pauses", "") == text
    # No character is written otherwise.
    assert encode({"pauses": text}) == (f"pauses={text}" if text else "")
    assert (pauses.open_from is not None) == bool(len(times) % 2)


@given(st.text())
def test_anything_else_is_no_pause(text: str) -> None:
    pauses = Pauses.parse(text)
    assert pauses.text() in ("", text)


@pytest.mark.parametrize(
    "text", ["1", "-", "1-2_", "_1-2", "1-_2-3", "1-2\n", "\u0661-2", "1-2-3", "x"]
)
def test_broken_texts(text: str) -> None:
    assert Pauses.parse(text) == NO_PAUSES


@given(moments, st.integers(0, 9_999_999_999))
def test_asked_for_twice_is_asked_for_once(times: list[int], now: int) -> None:
    pauses = made(times)
    assert pauses.pause(now).pause(now + 1) == pauses.pause(now)
    assert pauses.resume(now).resume(now + 1) == pauses.resume(now)


def test_in_seconds() -> None:
    pauses = Pauses.parse("1200-3449_5000-")
    assert pauses.seconds(9000) == [[1.2, 3.4], [5.0, 9.0]]
    assert pauses.seconds(4000) == [[1.2, 3.4], [5.0, 5.0]]  # never ends before it begins
    assert NO_PAUSES.seconds(9000) == []
