"""Which call a channel carries: no event says so, and it is asked for, not too often."""

from typing import NamedTuple

from click2dial_agi.domain import variables
from click2dial_agi.domain.live.channels import Channel, Channels

__all__ = ["Question", "Questions"]

# How often a channel is asked which call it carries, if it carries none: once at each step of a
# call of the operator's own.
_MOST = 6


class Question(NamedTuple):
    """Which variable of which channel is wanted."""

    uniqueid: str
    channel: str
    variable: str


class Questions:
    """What is to be asked of channels, one question of each at a time."""

    def __init__(self) -> None:
        self._unasked: dict[str, None] = {}
        self._asking: dict[str, bool] = {}  # whether once more after the answer

    def ask(self, channel: Channel) -> None:
        """Have a channel asked, unless its call is known."""
        if channel.uniqueid in self._asking:  # the answer may be older than what happens now
            self._asking[channel.uniqueid] = True
            return
        known = channel.carries is not None and channel.carries.is_decided
        if not known and channel.asked < _MOST:
            channel.asked += 1
            self._unasked[channel.uniqueid] = None

    def take(self, channels: Channels) -> list[Question]:
        """Return what is to be asked now, of channels that are there yet."""
        if not self._unasked:
            return []
        asked, self._unasked = self._unasked, {}
        questions = [
            Question(channel.uniqueid, channel.name, variables.CARRIES.format(uniqueid=uniqueid))
            for uniqueid in asked
            if (channel := channels.get(uniqueid)) is not None
        ]
        self._asking |= {question.uniqueid: False for question in questions}
        return questions

    def answered(self, uniqueid: str) -> bool:
        """Take note of an answer; return whether the channel is to be asked once more."""
        return self._asking.pop(uniqueid, False)
