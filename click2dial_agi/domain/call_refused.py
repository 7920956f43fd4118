"""A call that is not placed or not steered, and why, in the words of the domain."""

from enum import StrEnum

from click2dial_agi.domain.numbers import FieldError

__all__ = ["CallRefused", "Why"]


class Why(StrEnum):
    """What stands in the way of a call, or of what is asked of one."""

    WRONG = "wrong"  # values that no rule allows
    FORBIDDEN = "forbidden"  # good values, which this integrator may not dial
    NOT_THERE = "not there"  # the agent has no phone that could ring
    BUSY = "busy"  # the agent has a call
    LIMIT = "limit"  # there are as many calls as may be
    UNKNOWN = "unknown"  # this integrator has no such call
    NOT_NOW = "not now"  # the call is not at a point where that could be done
    NOT_SET_UP = "not set up"  # it takes a key of the configuration that is not there


class CallRefused(Exception):
    """A call that is not placed or not steered.

    ``retry_after`` is in seconds, None where waiting is no help.
    """

    def __init__(
        self, why: Why, errors: tuple[FieldError, ...], retry_after: int | None = None
    ) -> None:
        self.why = why
        self.errors = errors
        self.retry_after = retry_after
        super().__init__("; ".join(error.message for error in errors))
