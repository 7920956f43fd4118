"""What the WebSocket edge reads of a SIP message, and the one thing it ever writes into one.

No Asterisk can put a header of ours on the response that refuses a call, so the edge adds the
error headers to it on its way to the browser (docs/contract.md).  Each WebSocket message is one
whole SIP message (RFC 7118 section 5), so there is no stream to cut.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["FinalError", "add_headers", "is_sign_of_phone", "read_final_error"]

_STATUS = re.compile(rb"SIP/2\.0 ([3-6][0-9][0-9])[ \r]")
_END = b"\r\n\r\n"

# A line that starts with white space goes on with the header above it (RFC 3261 section 7.3.1).
_FOLD = re.compile(rb"\r\n[ \t]+")
_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
# Greedy: what a phone wrote into the To of its request comes before the tag that Asterisk adds.
_TO_TAG = re.compile(rb"\r\n(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^\s;]+)", re.IGNORECASE)
_SIGN = re.compile(rb"SIP/2\.0 (?:(1)|2)[0-9][0-9][ \r]")
_CSEQ_REGISTER = re.compile(
    rb"\r\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+REGISTER[ \t]*(?:\r|$)", re.IGNORECASE
)
_CSEQ_INVITE = re.compile(rb"\r\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+INVITE[ \t]*(?:\r|$)", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:", re.IGNORECASE)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class FinalError(NamedTuple):
    """A response that ends an INVITE without a call: its status, and which call it was.

    The Call-ID is the phone's choice, the To tag Asterisk's, which no other phone knows.
    """

    status: int
    call_id: str
    to_tag: str

    @property
    def dialog(self) -> str:
        """What names the call in the AGI session too, see ``variables.SIP_DIALOG``."""
        return f"{self.to_tag};{self.call_id}"


def is_sign_of_phone(message: bytes) -> bool:
    """Tell whether Asterisk shows by a message that it knows the phone.

    It took its REGISTER (2xx), or an INVITE of its has got past authentication: 100 and up, for to
    others Asterisk says 401 and nothing before.
    """
    sign = _SIGN.match(message)
    if sign is None:
        return False
    head = _FOLD.sub(b" ", message.partition(_END)[0])
    return bool(_CSEQ_INVITE.search(head) or (not sign[1] and _CSEQ_REGISTER.search(head)))


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
    to_tag = _TO_TAG.search(head)
    return FinalError(
        int(status[1]),
        call_id[1].strip().decode("utf-8", "replace"),
        to_tag[1].decode("utf-8", "replace") if to_tag is not None else "",
    )


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
