"""SIP over a bare UDP socket, for bytes that no SIP stack would send."""

from __future__ import annotations

import secrets
import socket
import time

from sandbox.calls import Pbx
from sandbox.result import CallResult
from sandbox.sip import Message


def answers_options(port: int, timeout: float = 1.0) -> bool:
    """Say whether whatever listens on the port answers an OPTIONS request, with any status."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(timeout)
        phone.connect(("127.0.0.1", port))
        own = phone.getsockname()[1]
        try:
            phone.send(
                f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK-ready-{own}\r\n"
                f"From: <sip:1000@127.0.0.1>;tag=ready\r\nTo: <sip:127.0.0.1>\r\n"
                f"Call-ID: ready-{own}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
            )
            return phone.recv(65536).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def datagram(pbx: Pbx, data: bytes) -> None:
    """Send any bytes to the SIP port and wait for nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(data, ("127.0.0.1", pbx.sip_port))


def raw_invite(
    pbx: Pbx,
    *,
    lines: bytes = b"",
    agent: bytes = b"1000",
    callee: bytes | None = b"0820000100",
    display: bytes = b"",
    update: bytes = b"",
    timeout: float = 5.0,
) -> CallResult:
    """Send one INVITE with these bytes in it, ACK its final response, hang up if it is answered.

    `lines` are whole header lines, each ended by CR LF; `update` are those of an UPDATE that is
    sent during the call. Without a callee the URI has no user. A result with status 0 means that
    nothing final came in time, which is a fair answer to bytes that are no SIP.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(0.1)
        phone.connect(("127.0.0.1", pbx.sip_port))
        dialog = _Dialog(phone, agent=agent, callee=callee, display=display)
        dialog.send(b"INVITE", 1, lines=lines + b"Content-Type: application/sdp\r\n", body=_SDP)
        result = CallResult(dialog.messages)
        final = dialog.final("INVITE", timeout)
        if final is not None:
            tag = dialog.acknowledge(final)
            if final.status < 300:
                if update:
                    dialog.send(b"UPDATE", 2, to_tag=tag, branch=b"update", lines=update)
                    dialog.final("UPDATE", timeout)
                dialog.leave(tag, timeout)
    return result


def cancelled_invite(
    pbx: Pbx, callee: str, *, agent: str, lines: bytes = b"", after: float = 0.0
) -> CallResult:
    """Send an INVITE, and a CANCEL so many seconds after its 100; ACK what it is answered, or BYE.

    No phone has a key that is pressed as fast, but a program may be, and a PBX as slow.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(0.1)
        phone.connect(("127.0.0.1", pbx.sip_port))
        dialog = _Dialog(phone, agent=agent.encode(), callee=callee.encode(), display=b"")
        dialog.send(b"INVITE", 1, lines=lines + b"Content-Type: application/sdp\r\n", body=_SDP)
        if dialog.answer("INVITE", 5.0, least=100) is not None:
            time.sleep(after)
            dialog.send(b"CANCEL", 1)
        final = dialog.final("INVITE", 5.0)
        if final is not None:
            tag = dialog.acknowledge(final)
            if final.status < 300:  # it was answered before the CANCEL
                dialog.leave(tag, 5.0)
    return CallResult(dialog.messages)


_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0\r\n"
)


class _Dialog:
    """The few fields that the requests of one call share."""

    def __init__(
        self, phone: socket.socket, *, agent: bytes, callee: bytes | None, display: bytes
    ) -> None:
        self._phone = phone
        self._token = secrets.token_hex(8).encode()
        self._own = b"127.0.0.1:%d" % phone.getsockname()[1]
        self._agent, self._callee, self._display = agent, callee, display
        self.messages: list[Message] = []

    def send(
        self,
        method: bytes,
        cseq: int,
        *,
        to_tag: bytes = b"",
        branch: bytes = b"invite",
        lines: bytes = b"",
        body: bytes = b"",
    ) -> None:
        host = b"127.0.0.1:%d" % self._phone.getpeername()[1]
        uri = b"sip:" + (host if self._callee is None else b"%b@%b" % (self._callee, host))
        data = (
            b"%b %b SIP/2.0\r\n" % (method, uri)
            + b"Via: SIP/2.0/UDP %b;branch=z9hG4bK-%b-%b\r\n" % (self._own, self._token, branch)
            + b"Max-Forwards: 70\r\n"
            + b"From: %b<sip:%b@%b>;tag=%b\r\n"
            % (self._display, self._agent, self._own, self._token)
            + b"To: <%b>%b\r\n" % (uri, b";" + to_tag if to_tag else b"")
            + b"Call-ID: raw-%b\r\nCSeq: %d %b\r\n" % (self._token, cseq, method)
            + b"Contact: <sip:phone@%b>\r\n" % self._own
            + lines
            + b"Content-Length: %d\r\n\r\n" % len(body)
            + body
        )
        self._phone.send(data)
        self.messages.append(Message(raw=data, at=time.time(), sent=True))

    def acknowledge(self, final: Message) -> bytes:
        """Send the ACK of a final response to our INVITE; return the tag of who has answered."""
        tag = (final.header("To") or "").partition(";")[2].encode("utf-8", "surrogateescape")
        self.send(b"ACK", 1, to_tag=tag, branch=b"ack" if final.status < 300 else b"invite")
        return tag

    def leave(self, to_tag: bytes, timeout: float) -> None:
        self.send(b"BYE", 3, to_tag=to_tag, branch=b"bye")
        self.final("BYE", timeout)

    def final(self, method: str, timeout: float) -> Message | None:
        """Return the final response to a request, None if none came in time."""
        return self.answer(method, timeout, least=200)

    def answer(self, method: str, timeout: float, *, least: int) -> Message | None:
        """Return the first response with such a status or more, None if none came in time."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                data = self._phone.recv(65536)
            except OSError:  # nothing yet, or nobody listens
                continue
            message = Message(raw=data, at=time.time(), sent=False)
            self.messages.append(message)
            if message.status >= least and message.cseq_method == method:
                return message
        return None
