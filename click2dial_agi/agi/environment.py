"""The block of ``agi_*`` lines with which Asterisk opens every session."""

from typing import NamedTuple

from click2dial_agi.agi import limits
from click2dial_agi.exceptions import LimitExceeded, MalformedEnvironment

__all__ = ["Environment"]


class Environment(NamedTuple):
    """What Asterisk says of the channel and the script it asks for.

    Only what stands ahead of anything that a phone has a say in is offered.  Caller, diversion and
    dialled number come behind (``setup_env`` in res_agi.c), and a newline in one of them forges
    lines, or ends the block early.
    """

    script: str
    """The path asked for, without slashes at its start: ``outbound``."""

    query: str
    """What follows the question mark in the path asked for; the only arguments there are."""

    channel: str
    """The channel's name, such as ``PJSIP/1000-00000001``."""

    uniqueid: str = ""
    """The channel's id on its PBX, such as ``1795444038.1``."""

    @classmethod
    def parse(cls, block: bytes) -> "Environment":
        """Read the lines before the empty line; bytes that are not UTF-8 become U+FFFD.

        Raises :exc:`MalformedEnvironment` for a block that does not begin as Asterisk's does, and
        :exc:`LimitExceeded` for one of too many lines.
        """
        if not block.startswith(b"agi_network: yes\n"):
            start = block[:80].decode("utf-8", "replace")
            raise MalformedEnvironment(f"not the start of a FastAGI environment: {start!r}")
        if block.count(b"\n") >= limits.MAX_ENVIRONMENT_LINES:
            raise LimitExceeded("lines of the AGI environment", limits.MAX_ENVIRONMENT_LINES)
        script, _, query = _first(block, b"\nagi_network_script: ").partition("?")
        channel, uniqueid = _first(block, b"\nagi_channel: "), _first(block, b"\nagi_uniqueid: ")
        return cls(script.lstrip("/"), query, channel, uniqueid)


def _first(block: bytes, name: bytes) -> str:
    """Return the value on the first line that begins so, empty if there is none."""
    start = block.find(name)
    if start < 0:
        return ""
    start += len(name)
    end = block.find(b"\n", start)
    return block[start : end if end >= 0 else None].decode("utf-8", "replace")
