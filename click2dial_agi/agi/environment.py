"""The block of ``agi_*`` lines with which Asterisk opens every session."""

from collections.abc import Mapping
from dataclasses import dataclass

from click2dial_agi.agi import limits
from click2dial_agi.exceptions import LimitExceeded, MalformedEnvironment

__all__ = ["Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """What Asterisk says of the channel and the script it asks for.

    ``variables`` maps names (``agi_uniqueid``) to text.  Bytes that are not
    UTF-8 arrive as U+FFFD, since a caller's name may hold any bytes (``setup_env`` in res_agi.c
    writes them as they are).
    """

    variables: Mapping[str, str]

    @classmethod
    def parse(cls, block: bytes) -> "Environment":
        """Read the lines before the empty line.

        A name that comes twice means that a value held a newline and forged a line, so such a
        block is refused: there is no telling which of the two Asterisk meant.
        """
        text = block.decode("utf-8", "replace")
        lines = text.split("\n")
        if len(lines) > limits.MAX_ENVIRONMENT_LINES:
            raise LimitExceeded("lines of the AGI environment", limits.MAX_ENVIRONMENT_LINES)
        try:
            variables = dict([line.split(": ", 1) for line in lines])
        except ValueError:
            variables = {}
        if not variables or text.startswith("agi_") + text.count("\nagi_") != len(lines):
            bad = next(line for line in lines if line[:4] != "agi_" or ": " not in line)
            raise MalformedEnvironment(f"not an AGI environment line: {bad[:80]!r}")
        if len(variables) != len(lines):
            raise MalformedEnvironment("a variable of the AGI environment comes twice")
        return cls(variables)

    @property
    def script(self) -> str:
        """The path asked for, without slashes at its start: ``outbound``."""
        return self._get("agi_network_script").lstrip("/")

    @property
    def channel(self) -> str:
        """The channel's name, such as ``PJSIP/1000-00000001``; for logs only."""
        return self._get("agi_channel")

    def argument(self, number: int) -> str:
        """The AGI application's argument ``number``, counted from 1; empty if it was not given."""
        return self._get(f"agi_arg_{number}")

    def _get(self, name: str) -> str:
        return self.variables.get(name, "").strip()
