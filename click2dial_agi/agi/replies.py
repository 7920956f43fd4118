"""What Asterisk answers to one command."""

import re
from typing import NamedTuple

from click2dial_agi.exceptions import (
    CommandRejected,
    DeadChannel,
    InvalidCommand,
    MalformedReply,
    UsageError,
)

__all__ = ["Reply", "ResultItem"]

_REJECTIONS = {510: InvalidCommand, 511: DeadChannel, 520: UsageError}

# Codes are three digits; "520-" opens a usage text of several lines (res_agi.c,
# agi_handle_command).
_REPLY = re.compile(r"([0-9]{3})[ -](.*)", re.DOTALL)
_ITEM = re.compile(r"(\w+)=(\S*)(?:\s+\((.*)\))?")


class ResultItem(NamedTuple):
    """``result=<value> (<data>)``, in the shape that pystrix's actions read."""

    value: str
    data: str


class Reply(NamedTuple):
    """One reply: its code, and the text behind it.

    It can be handed to the ``process_response`` method of any pystrix action, which reads
    ``items``, ``code`` and ``raw``.
    """

    code: int
    raw: str

    @classmethod
    def parse(cls, line: str) -> "Reply":
        """Read one reply line, or the joined lines of a usage text."""
        if line.startswith("200 result="):  # as nearly every reply does
            return cls(200, line[4:])
        match = _REPLY.fullmatch(line)
        if match is None or match[1] == "200":
            raise MalformedReply(line)
        return cls(int(match[1]), match[2])

    @property
    def items(self) -> dict[str, ResultItem]:
        """The ``name=value (data)`` pairs; data runs to the last parenthesis."""
        if " " not in self.raw and self.raw.startswith("result="):  # as nearly every reply is
            return {"result": ResultItem(self.raw[7:], "")}
        return {
            match[1]: ResultItem(match[2], match[3] or "") for match in _ITEM.finditer(self.raw)
        }

    def raise_for_code(self) -> None:
        """Raise the :exc:`CommandRejected` that the code stands for; do nothing on 200."""
        if self.code != 200:
            raise _REJECTIONS.get(self.code, CommandRejected)(self.code, self.raw)
