"""SIP messages as the tests look at them, and the file in which SIPp keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

# -trace_msg, SIPp socket.cpp; "UDP message sent (9 bytes):" (3.7: "sent [9] bytes:") and
# "UDP message received [9] bytes :".
_TRACE = re.compile(
    rb"-{47} (\d+-\d+-\d+)[\tT ](\d+:\d+:\d+\.\d+)[^\n]*\n"
    rb"\w+ (?:control )?message (sent|received) [\[(](\d+)\]? bytes\)? ?:\n\n"
)
_USER = re.compile(r"sips?:([^@;>]*)@")


@dataclass(frozen=True)
class Message:
    """One SIP message off the wire.

    Header values are UTF-8 with surrogateescape: `value.encode("utf-8", "surrogateescape")` gives
    back the bytes, whatever they were.
    """

    raw: bytes
    at: float  # Unix time
    sent: bool  # by the side that kept it

    @cached_property
    def _head(self) -> list[str]:
        head = self.raw.partition(b"\r\n\r\n")[0]
        return head.decode("utf-8", "surrogateescape").split("\r\n")

    @property
    def start_line(self) -> str:
        return self._head[0]

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """All header lines in their order; a value keeps all but the blank after the colon."""
        pairs = (line.partition(":") for line in self._head[1:])
        return [(name.strip(), value.removeprefix(" ")) for name, _, value in pairs]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        return found

    def header_all(self, name: str) -> list[str]:
        """Return every value of a header, its name in any case."""
        return list(self._by_name.get(name.lower(), ()))

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next(iter(self.header_all(name)), None)

    @cached_property
    def status(self) -> int:
        """Status code of a response, 0 for a request, and for what is neither."""
        version, _, rest = self.start_line.partition(" ")
        code = rest.partition(" ")[0]
        return int(code) if version == "SIP/2.0" and code.isascii() and code.isdigit() else 0

    @property
    def phrase(self) -> str:
        """Reason phrase of a response, empty for a request."""
        return "".join(self.start_line.split(" ", 2)[2:]) if self.status else ""

    @property
    def method(self) -> str:
        """Method of a request, empty for a response."""
        return "" if self.status else self.start_line.split(" ")[0]

    @property
    def cseq_method(self) -> str:
        """Method of the transaction that a request or a response belongs to."""
        return (self.header("CSeq") or "").rpartition(" ")[2]

    @property
    def call_id(self) -> str:
        return self.header("Call-ID") or ""

    @property
    def uri_user(self) -> str:
        """User part of the request URI: what was dialled."""
        found = _USER.search(self.start_line)
        return found[1] if found else ""

    @property
    def from_user(self) -> str:
        found = _USER.search(self.header("From") or "")
        return found[1] if found else ""

    @property
    def from_display(self) -> str:
        """Display name of From without its quotes."""
        return (self.header("From") or "").partition("<")[0].strip().strip('"')


def read_trace(trace: Path, offset: int = 0) -> tuple[list[Message], int]:
    """Return the whole messages in a SIPp trace from an offset on, and the offset after them."""
    try:
        with trace.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:  # SIPp makes it when it starts
        return [], offset
    messages: list[Message] = []
    position = 0
    while found := _TRACE.search(data, position):
        end = found.end() + int(found[4])
        if end > len(data):  # SIPp is still writing this one
            break
        at = datetime.fromisoformat(f"{found[1].decode()}T{found[2].decode()}").replace(tzinfo=UTC)
        raw = data[found.end() : end]
        messages.append(Message(raw=raw, at=at.timestamp(), sent=found[3] == b"sent"))
        position = end
    return messages, offset + position
