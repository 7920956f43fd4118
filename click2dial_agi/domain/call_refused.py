"""A call that is not placed, and why, in the words of the domain: no protocol's."""

from enum import StrEnum

from click2dial_agi.domain.numbers import FieldError

__all__ = ["CallRefused", "Why"]


class Why(StrEnum):
    """What stands in the way of a call."""

    WRONG = "wrong"  # values that no rule allows
    FORBIDDEN = "forbidden"  # good values, which this integrator may not dial
    NOT_THERE = "not there"  # the agent has no phone that could ring
    BUSY = "busy"  # the agent has a call
    LIMIT = "limit"  # there are as many calls as may be


class CallRefused(Exception):
    """A call that is not placed; ``retry_after`` is in seconds, None where waiting is no help."""

    def __init__(
        self, why: Why, errors: tuple[FieldError, ...], retry_after: int | None = None
    ) -> None:
        self.why = why
        self.errors = errors
        self.retry_after = retry_after
        super().__init__("; ".join(error.message for error in errors))
