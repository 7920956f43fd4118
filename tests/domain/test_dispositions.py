"""How a call ended, row by row of the contract's table (docs/contract.md)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.dispositions import EndedBy, EndReason, dispose

#: What app_dial.c says, but for INVALIDARGS, with which nothing was dialled.
_STATUSES = ("", "ANSWER", "CANCEL", "BUSY", "DONTCALL", "NOANSWER", "CONGESTION", "CHANUNAVAIL")

AGENT, CALLEE = EndedBy.AGENT, EndedBy.CALLEE


@pytest.mark.parametrize(
    ("dialstatus", "cause", "reason", "code"),
    [
        # hungup | ANSWER, CANCEL | 0, 16
        ("ANSWER", 0, "hungup", 0),
        ("ANSWER", 16, "hungup", 16),
        ("ANSWER", 31, "hungup", 16),
        ("CANCEL", 0, "hungup", 0),
        ("CANCEL", 16, "hungup", 16),
        ("CANCEL", 127, "hungup", 16),
        # busy | BUSY | 17
        ("BUSY", 17, "busy", 17),
        ("BUSY", 0, "busy", 17),
        ("BUSY", 16, "busy", 17),
        ("BUSY", 23, "busy", 17),
        # reject | DONTCALL, or any status with cause 21 or 22 | 19, 21, 22
        ("DONTCALL", 0, "reject", 21),
        ("DONTCALL", 19, "reject", 21),
        ("DONTCALL", 21, "reject", 21),
        ("DONTCALL", 22, "reject", 22),
        ("BUSY", 21, "reject", 21),
        ("CHANUNAVAIL", 21, "reject", 21),
        ("CONGESTION", 22, "reject", 22),
        ("NOANSWER", 21, "reject", 21),
        ("ANSWER", 21, "reject", 21),
        ("CANCEL", 22, "reject", 22),
        # timeout | NOANSWER | 18, 102 (and 19 with NOANSWER)
        ("NOANSWER", 18, "timeout", 18),
        ("NOANSWER", 102, "timeout", 102),
        ("NOANSWER", 19, "timeout", 19),
        ("NOANSWER", 0, "timeout", 19),
        ("NOANSWER", 16, "timeout", 19),
        # error | CONGESTION, CHANUNAVAIL, TORTURE, everything else | 28; 34, 42; all others
        ("CONGESTION", 34, "error", 34),
        ("CONGESTION", 42, "error", 42),
        ("CONGESTION", 0, "error", 34),
        ("CHANUNAVAIL", 0, "error", 34),
        ("CHANUNAVAIL", 16, "error", 34),
        ("CHANUNAVAIL", 20, "error", 20),
        ("CHANUNAVAIL", 17, "busy", 17),
        ("CHANUNAVAIL", 18, "timeout", 18),
        ("CHANUNAVAIL", 102, "timeout", 102),
        ("CONGESTION", 19, "timeout", 19),
        ("CHANUNAVAIL", 28, "error", 28),
        ("TORTURE", 16, "error", 34),
        ("TORTURE", 1, "error", 1),
        ("SOMETHING NEW", 127, "error", 127),
        ("answer", 16, "error", 34),
        # failed | INVALIDARGS
        ("INVALIDARGS", 0, "failed", 42),
        ("INVALIDARGS", 16, "failed", 42),
        # Nothing, when the call ended before Dial() ran: the cause alone tells.
        ("", 0, "hungup", 0),
        ("", 16, "hungup", 16),
        ("", 17, "busy", 17),
        ("", 23, "busy", 17),  # a 302 that nobody follows
        ("", 18, "timeout", 18),
        ("", 19, "timeout", 19),
        ("", 102, "timeout", 102),
        ("", 21, "reject", 21),
        ("", 22, "reject", 22),
        ("", 34, "error", 34),
        ("", 127, "error", 127),
    ],
)
def test_the_contracts_table(dialstatus: str, cause: int, reason: str, code: int) -> None:
    disposition = dispose(dialstatus, cause)
    assert (disposition.reason.value, disposition.code) == (reason, code)


@pytest.mark.parametrize(
    ("dialstatus", "ended_by", "reason"),
    [
        ("ANSWER", AGENT, "agent_hungup"),
        ("ANSWER", CALLEE, "callee_hungup"),
        ("ANSWER", None, "hungup"),
        ("CANCEL", AGENT, "agent_hungup"),
        ("CANCEL", CALLEE, "callee_hungup"),
        ("CANCEL", None, "hungup"),
        ("", AGENT, "agent_hungup"),
        ("BUSY", CALLEE, "busy"),
        ("NOANSWER", CALLEE, "timeout"),
        ("CONGESTION", CALLEE, "error"),
    ],
)
def test_detailed_end_reasons_tell_who_hung_up(
    dialstatus: str, ended_by: EndedBy | None, reason: str
) -> None:
    assert dispose(dialstatus, 16, ended_by=ended_by).reason.value == reason


@pytest.mark.case("T7")
@pytest.mark.parametrize(
    ("sip_status", "cause", "reason", "code"),
    [
        (401, 21, "error", 57),
        (403, 21, "error", 57),
        (407, 21, "error", 57),
        (603, 21, "reject", 21),
        (0, 21, "reject", 21),
        (403, 22, "reject", 22),
    ],
)
def test_our_own_providers_refusal_is_nobodys_word(
    sip_status: int, cause: int, reason: str, code: int
) -> None:
    disposition = dispose("CHANUNAVAIL", cause, sip_status=sip_status)
    assert (disposition.reason.value, disposition.code) == (reason, code)


@pytest.mark.case("T8")
@given(st.sampled_from(_STATUSES), st.integers(0, 130), st.sampled_from(_STATUSES))
def test_a_code_never_stands_under_two_reasons(one: str, cause: int, other: str) -> None:
    first, second = dispose(one, cause), dispose(other, cause)
    if first.code == second.code:
        assert first.reason == second.reason


@given(st.text(max_size=20), st.integers(0, 10**12), st.sampled_from([None, *EndedBy]))
def test_whatever_asterisk_says_has_an_end_reason_and_a_code(
    dialstatus: str, cause: int, ended_by: EndedBy | None
) -> None:
    reason, code = dispose(dialstatus, cause, ended_by=ended_by)
    assert reason in EndReason
    assert code >= 0


def test_the_end_reasons_are_the_contracts() -> None:
    assert {reason.value for reason in EndReason} == {
        *("hungup", "agent_hungup", "callee_hungup"),
        *("busy", "reject", "timeout", "error", "failed"),
    }
