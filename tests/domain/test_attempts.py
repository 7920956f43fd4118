"""Which attempts to bring a call to an Asterisk may have been given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.attempts import late_attempt

NAME = "0123456789abcdef" * 4
seconds = st.integers(0, 10**12 - 1)


@given(seconds, seconds)
def test_whatever_began_in_a_later_second_may_be_late(sent: int, began: int) -> None:
    told = {"attempt": f"{sent} {NAME}", "dialed_at": str(began)}
    assert late_attempt(told) == (NAME if began > sent else "")


@given(st.text(), st.text())
def test_anything_else_is_in_time(attempt: str, dialed_at: str) -> None:
    assert late_attempt({"attempt": attempt, "dialed_at": dialed_at}) == ""


@pytest.mark.parametrize(
    "attempt",
    [
        f"1 {NAME}\n",
        f"1 {NAME}0",
        f"1 {NAME[:-1]}",
        f"1 {NAME.upper()}",
        f" 1 {NAME}",
        f"-1 {NAME}",
        f"\u0661 {NAME}",
        f"1:{NAME}",
        NAME,
    ],
)
def test_another_form(attempt: str) -> None:
    assert late_attempt({"attempt": attempt, "dialed_at": "1700000000"}) == ""


def test_a_call_that_came_by_no_kamailio() -> None:
    assert late_attempt({"dialed_at": "1700000000"}) == ""
    assert late_attempt({"attempt": f"1 {NAME}"}) == ""
