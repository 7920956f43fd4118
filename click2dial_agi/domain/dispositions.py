"""How a call ended, in the contract's words (docs/contract.md, "How a call ended").

Asterisk tells it in two values: DIALSTATUS, what Dial() saw, and HANGUPCAUSE, a Q.850 number.  The
code says which reason it is, the same on both sides of a call.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

__all__ = ["Q850", "Disposition", "EndReason", "EndedBy", "dispose"]


class EndReason(StrEnum):
    """``end_reason`` of a cdr."""

    HUNGUP = "hungup"
    AGENT_HUNGUP = "agent_hungup"
    CALLEE_HUNGUP = "callee_hungup"
    BUSY = "busy"
    REJECT = "reject"
    TIMEOUT = "timeout"
    ERROR = "error"
    FAILED = "failed"


class EndedBy(StrEnum):
    """Who hung up: the agent's side, or the other one."""

    AGENT = "agent"
    CALLEE = "callee"


class Q850(IntEnum):
    """The Q.850 causes that mean something here; any other number may come, too."""

    NONE = 0
    NORMAL_CLEARING = 16
    USER_BUSY = 17
    NO_USER_RESPONDING = 18
    NO_ANSWER = 19
    SUBSCRIBER_ABSENT = 20
    CALL_REJECTED = 21
    NUMBER_CHANGED = 22
    REDIRECTED = 23
    INVALID_NUMBER_FORMAT = 28
    FACILITY_REJECTED = 29
    NO_CIRCUIT = 34
    SWITCHING_CONGESTION = 42
    BEARER_CAPABILITY_NOT_AUTHORIZED = 57
    RECOVERY_ON_TIMER_EXPIRE = 102


class Disposition(NamedTuple):
    """``end_reason`` and ``end_code`` of a cdr."""

    reason: EndReason
    code: int


# The code gives the reason; every other code is an error.
_REASONS: dict[int, EndReason] = {
    Q850.NONE: EndReason.HUNGUP,
    Q850.NORMAL_CLEARING: EndReason.HUNGUP,
    Q850.USER_BUSY: EndReason.BUSY,
    Q850.CALL_REJECTED: EndReason.REJECT,
    Q850.NUMBER_CHANGED: EndReason.REJECT,
    Q850.NO_USER_RESPONDING: EndReason.TIMEOUT,
    Q850.NO_ANSWER: EndReason.TIMEOUT,
    Q850.RECOVERY_ON_TIMER_EXPIRE: EndReason.TIMEOUT,
}

# The code to report for a DIALSTATUS with which Asterisk gives a cause of another reason.
# app_dial.c reports NOANSWER with cause 0 or 16 when its own timer ran out: that is the Q.850 "no
# answer from user (user alerted)".  A channel that ended before Dial() ran has no DIALSTATUS; its
# cause alone tells what happened.
_USUAL: dict[str, int] = {
    "ANSWER": Q850.NORMAL_CLEARING,
    "CANCEL": Q850.NORMAL_CLEARING,
    "BUSY": Q850.USER_BUSY,
    "DONTCALL": Q850.CALL_REJECTED,
    "NOANSWER": Q850.NO_ANSWER,
}

# What our own provider answers to a wrong password or a caller ID that is not ours.  Asterisk makes
# cause 21 of each, "call rejected", but nobody was there who could have rejected it.
_NOT_AUTHORIZED = (401, 403, 407)


def dispose(
    dialstatus: str,
    hangup_cause: int,
    *,
    sip_status: int = 0,
    ended_by: EndedBy | None = None,
) -> Disposition:
    """Return how a call ended.

    ``dialstatus`` is empty for a call that ended before Dial() ran.  ``sip_status`` is what the
    provider answered, 0 where that is not known or the call did not go to one.  ``ended_by`` splits
    ``hungup`` by who ended the call; None leaves it whole.
    """
    if dialstatus == "INVALIDARGS":
        return Disposition(EndReason.FAILED, Q850.SWITCHING_CONGESTION)
    if hangup_cause == Q850.CALL_REJECTED and sip_status in _NOT_AUTHORIZED:
        return Disposition(EndReason.ERROR, Q850.BEARER_CAPABILITY_NOT_AUTHORIZED)
    code = _code(dialstatus, hangup_cause)
    reason = _REASONS.get(code, EndReason.ERROR)
    if reason is EndReason.HUNGUP and ended_by:
        reason = EndReason.AGENT_HUNGUP if ended_by is EndedBy.AGENT else EndReason.CALLEE_HUNGUP
    return Disposition(reason, code)


def _code(dialstatus: str, cause: int) -> int:
    """Return the code of a call that ended with this status and cause."""
    if cause == Q850.REDIRECTED:  # a 302 that is not followed
        cause = Q850.USER_BUSY
    said = _REASONS.get(cause)
    if said is EndReason.REJECT:  # the network's or the phone's own word
        return cause
    usual = _USUAL.get(dialstatus)
    if usual is not None:
        return cause if said is _REASONS[usual] else usual
    # Nothing, CHANUNAVAIL, CONGESTION, TORTURE and what later versions of Asterisk may add.
    return Q850.NO_CIRCUIT if dialstatus and said is EndReason.HUNGUP else cause
