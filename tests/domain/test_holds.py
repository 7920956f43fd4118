"""For how long the API kept a client on hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.holds import NO_HOLDS, Holds

moments = st.integers(0, 10**9)


@given(st.integers(0, 10**9 - 1), st.none() | moments.filter(bool))
def test_what_the_dialplan_writes_is_read(over: int, since: int | None) -> None:
    text = f"{over}" if since is None else f"{over:03d}-{since}"
    assert Holds.parse(text) == Holds(over, since or 0)


@given(st.text())
def test_anything_else_is_no_hold(text: str) -> None:
    holds = Holds.parse(text)
    assert holds == NO_HOLDS or text.strip("0123456789-") == ""


@pytest.mark.parametrize("text", ["", "-", "-5", "5-", "1-2-3", "1\n", "\u0661", "1" * 10, "x"])
def test_broken_texts(text: str) -> None:
    assert Holds.parse(text) == NO_HOLDS


@given(moments, moments, moments, moments)
def test_it_is_never_longer_than_the_call_nor_less_than_nothing(
    over: int, since: int, begin: int, end: int
) -> None:
    seconds = Holds(over, since).seconds(begin, end)
    assert 0 <= seconds <= max(end - begin, 0)


def test_in_seconds() -> None:
    assert Holds(12).seconds(100, 200) == 12
    assert Holds(12, 150).seconds(100, 200) == 62
    assert Holds(0, 50).seconds(100, 130) == 30  # a clock that was set back
    assert NO_HOLDS.seconds(100, 200) == 0
