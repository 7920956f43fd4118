"""How a call ended, in the contract's words (CONTRACT section 4).

Asterisk tells it in two values: DIALSTATUS, what Dial() saw, and HANGUPCAUSE, a Q.850 number.
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
    """Who hung up a call that was joined."""

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
    INVALID_NUMBER_FORMAT = 28
    NO_CIRCUIT = 34
    SWITCHING_CONGESTION = 42
    RECOVERY_ON_TIMER_EXPIRE = 102


class Disposition(NamedTuple):
    """``end_reason`` and ``end_code`` of a cdr."""

    reason: EndReason
    code: int


_REJECTS = (Q850.CALL_REJECTED, Q850.NUMBER_CHANGED)

# DIALSTATUS -> the reason, the causes that go with it, and the one to report when Asterisk gives
# another.  app_dial.c reports NOANSWER with cause 0 or 16 when its own timer ran out: that is the
# Q.850 "no answer from user (user alerted)".
_OUTCOMES: dict[str, tuple[EndReason, tuple[int, ...], int]] = {
    "ANSWER": (EndReason.HUNGUP, (Q850.NONE, Q850.NORMAL_CLEARING), Q850.NORMAL_CLEARING),
    "CANCEL": (EndReason.HUNGUP, (Q850.NONE, Q850.NORMAL_CLEARING), Q850.NORMAL_CLEARING),
    "BUSY": (EndReason.BUSY, (Q850.USER_BUSY,), Q850.USER_BUSY),
    "DONTCALL": (EndReason.REJECT, (Q850.NO_ANSWER, *_REJECTS), Q850.CALL_REJECTED),
    "NOANSWER": (
        EndReason.TIMEOUT,
        (Q850.NO_USER_RESPONDING, Q850.NO_ANSWER, Q850.RECOVERY_ON_TIMER_EXPIRE),
        Q850.NO_ANSWER,
    ),
}
_NOT_ERRORS = (Q850.NONE, Q850.NORMAL_CLEARING)


# A channel that ended before Dial() ran has no DIALSTATUS; its cause alone tells what happened.  So
# ends a created call whose agent did not answer (busy 17, declined 21, not answered in
# time 19, hung up 16), and a call that its phone gave up while the server decided.
_BEFORE_DIAL: dict[int, str] = {
    Q850.NONE: "CANCEL",
    Q850.NORMAL_CLEARING: "CANCEL",
    Q850.USER_BUSY: "BUSY",
    Q850.NO_USER_RESPONDING: "NOANSWER",
    Q850.NO_ANSWER: "NOANSWER",
    Q850.RECOVERY_ON_TIMER_EXPIRE: "NOANSWER",
}


def dispose(dialstatus: str, hangup_cause: int, *, ended_by: EndedBy | None = None) -> Disposition:
    """Return how a call ended.

    ``dialstatus`` is empty for a call that ended before Dial() ran.  ``ended_by`` splits ``hungup``
    by who ended a joined call; None leaves it whole.
    """
    if dialstatus == "INVALIDARGS":
        return Disposition(EndReason.FAILED, hangup_cause or Q850.SWITCHING_CONGESTION)
    if hangup_cause in _REJECTS:
        return Disposition(EndReason.REJECT, hangup_cause)
    if not dialstatus:
        dialstatus = _BEFORE_DIAL.get(hangup_cause, "CHANUNAVAIL")
    outcome = _OUTCOMES.get(dialstatus)
    if outcome is None:
        # CHANUNAVAIL, CONGESTION, TORTURE and what later versions of Asterisk may add.
        code = Q850.NO_CIRCUIT if hangup_cause in _NOT_ERRORS else hangup_cause
        return Disposition(EndReason.ERROR, code)
    reason, causes, usual = outcome
    if reason is EndReason.HUNGUP and dialstatus == "ANSWER" and ended_by:
        reason = EndReason.AGENT_HUNGUP if ended_by is EndedBy.AGENT else EndReason.CALLEE_HUNGUP
    return Disposition(reason, hangup_cause if hangup_cause in causes else usual)
