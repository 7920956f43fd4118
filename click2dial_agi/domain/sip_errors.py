"""What the WebSocket edge reads of a SIP message, and the one thing it ever writes into one.

No Asterisk can put a header of ours on the response that refuses a call, so the edge adds the
error headers to it on its way to the browser (CONTRACT section 2).  Each WebSocket message is one
whole SIP message (RFC 7118 section 5), so there is no stream to cut.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["FinalError", "add_headers", "read_final_error"]

_STATUS = re.compile(rb"SIP/2\.0 ([3-6][0-9][0-9])[ \r]")
_END = b"\r\n\r\n"

# A line that starts with white space goes on with the header above it (RFC 3261 section 7.3.1).
_FOLD = re.compile(rb"\r\n[ \t]+")
_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CSEQ_INVITE = re.compile(rb"\r\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+INVITE[ \t]*(?:\r|$)", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:", re.IGNORECASE)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class FinalError(NamedTuple):
    """A response that ends an INVITE without a call: its status, and which call it was."""

    status: int
    call_id: str


def read_final_error(message: bytes) -> FinalError | None:
    """Return what a final error response (300-699) to an INVITE says, None for anything else.

    Bytes of the Call-ID that are not UTF-8 become U+FFFD, as they do on the way through AGI.
    """
    status = _STATUS.match(message)
    end = message.find(_END)
    if status is None or end < 0:
        return None
    head = _FOLD.sub(b" ", message[:end])
    call_id = _CALL_ID.search(head)
    if call_id is None or _CSEQ_INVITE.search(head) is None:
        return None
    return FinalError(int(status[1]), call_id[1].strip().decode("utf-8", "replace"))


def add_headers(message: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return ``message`` with header lines added before Content-Length; all else stays as it is.

    A message without Content-Length gets them as its last headers.  A control character in a
    value becomes a blank, so that no value can add a line of its own.
    """
    end = message.find(_END)
    if end < 0:
        return message
    content_length = _CONTENT_LENGTH.search(message, 0, end)
    at = content_length.start() if content_length else end
    lines = "".join(f"\r\n{name}: {_CONTROL.sub(' ', value)}" for name, value in headers)
    return message[:at] + lines.encode("utf-8", "replace") + message[at:]
