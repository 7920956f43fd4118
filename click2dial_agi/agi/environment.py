"""The block of ``agi_*`` lines with which Asterisk opens every session."""

from dataclasses import dataclass

from click2dial_agi.agi import limits
from click2dial_agi.exceptions import LimitExceeded, MalformedEnvironment

__all__ = ["Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """What Asterisk says of the channel and the script it asks for.

    Only what stands ahead of anything that a phone has a say in is offered: the script with its
    query, and the channel.  Caller, diversion and dialled number come behind (``setup_env`` in
    res_agi.c), and a newline in one of them forges lines, or ends the block early.
    """

    text: str

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
        return cls(block.decode("utf-8", "replace"))

    @property
    def script(self) -> str:
        """The path asked for, without slashes at its start: ``outbound``."""
        return self._first("agi_network_script").partition("?")[0].lstrip("/")

    @property
    def query(self) -> str:
        """What follows the question mark in the path asked for; the only arguments there are."""
        return self._first("agi_network_script").partition("?")[2]

    @property
    def channel(self) -> str:
        """The channel's name, such as ``PJSIP/1000-00000001``."""
        return self._first("agi_channel")

    def _first(self, name: str) -> str:
        """Return the value on the first line of that name, empty if there is none."""
        _, found, rest = self.text.partition(f"\n{name}: ")
        return rest.partition("\n")[0] if found else ""
