"""A softphone over WebSocket that speaks SIP byte by byte: what a browser sends, without one."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.typing import Subprotocol

from sandbox.sip import Message
from sandbox.waiting import patience

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 0\r\n"
)
TIMEOUT = patience(5.0)


class WebPhone:
    """One WebSocket to `url`; the From user of its requests is `agent`."""

    def __init__(self, websocket: Connection, agent: str) -> None:
        self.websocket = websocket
        self.agent = agent
        self._tag = secrets.token_hex(4)

    def send(
        self,
        method: str,
        callee: str,
        call_id: str,
        *,
        cseq: int = 1,
        to_tag: str = "",
        lines: Sequence[str] = (),
        body: str = "",
        contact: str | None = "",
        uri: str = "",
    ) -> None:
        """Send one request; `lines` are whole header lines without their ends.

        Without a Contact if that is None.
        """
        if contact == "":
            contact = f"sip:{self.agent}@phone.invalid;transport=ws"
        to = f"<sip:{callee}@pbx.invalid>" + (f";tag={to_tag}" if to_tag else "")
        head = [
            f"{method} {uri or f'sip:{callee}@pbx.invalid'} SIP/2.0",
            f"Via: SIP/2.0/WS phone.invalid;branch=z9hG4bK{secrets.token_hex(6)}",
            "Max-Forwards: 70",
            f"From: <sip:{self.agent}@pbx.invalid>;tag={self._tag}",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            *([f"Contact: <{contact}>"] if contact is not None else []),
            *(["Content-Type: application/sdp"] if body else []),
            *lines,
            f"Content-Length: {len(body)}",
        ]
        self.websocket.send("\r\n".join(head) + "\r\n\r\n" + body)

    def receive(self) -> Message:
        """Return the next message."""
        message = self.websocket.recv(TIMEOUT)
        assert isinstance(message, str)
        return Message(raw=message.encode(), at=time.time(), sent=False)

    def final(self, method: str) -> Message:
        """Return the next final response to such a request."""
        while True:
            message = self.receive()
            if message.status >= 200 and message.cseq_method == method:
                return message

    def options(self) -> Message:
        """Ask for a sign of life; return the answer."""
        self.send("OPTIONS", "1000", secrets.token_hex(16))
        return self.final("OPTIONS")

    def invite(self, callee: str, *lines: str, call_id: str = "") -> Message:
        """Place a call; return the final response, acknowledged."""
        call_id = call_id or secrets.token_hex(16)
        self.send("INVITE", callee, call_id, lines=lines, body=SDP)
        response = self.final("INVITE")
        tag = (response.header("To") or "").partition(";tag=")[2]
        self.send("ACK", callee, call_id, to_tag=tag)
        return response


@contextlib.contextmanager
def web_phone(url: str, agent: str = "1000", **options: Any) -> Iterator[WebPhone]:
    """Connect as a softphone does; options are the WebSocket's."""
    with connect(
        url,
        subprotocols=[Subprotocol("sip")],
        compression=None,
        proxy=None,
        close_timeout=1,
        **options,
    ) as websocket:
        yield WebPhone(websocket, agent)
