"""One call of a scripted phone, as the phone sees it: what it said, what it heard, how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sandbox import sdp
from sandbox.media import Media
from sandbox.sdp import Direction
from sandbox.sip import Message
from sandbox.waiting import patience

if TYPE_CHECKING:
    from sandbox.ua import UA

Headers = Iterable[tuple[str, str]]

_TAG = re.compile(r";tag=([^;>\s]+)")
_URI = re.compile(r"<([^>]*)>")
_ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, REFER, NOTIFY, INFO\r\n"


class Dialog:
    """A call, from either side's INVITE to its end; UA makes them.

    Every message stays in `messages`; `wait` returns one that is there or comes. Of a call that a
    phone received, the phone's rule calls `ring`, `answer` and `refuse`.
    """

    def __init__(self, ua: UA, call_id: str, invite: Message | None = None) -> None:
        self.ua = ua
        self.call_id = call_id
        self.invite = invite  # the other side's
        self.media = Media(ua.name)
        self.messages: list[Message] = []
        self.tag = secrets.token_hex(6)
        self.local = self.remote = self.target = ""
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.ended_by_us = False
        self.began_at = time.time()
        self.ended_at = 0.0
        self.final_status = 0
        self._first_remote = self._branch = ""
        self._cseq = 0
        self._version = 0
        self._waiting: list[tuple[Callable[[Message], bool], asyncio.Future[Message]]] = []
        if invite is not None:
            self.local = f"{invite.header('To')};tag={self.tag}"
            self.remote = invite.header("From") or ""
            self._learn_target(invite)
            self.media.peer = sdp.address(invite.body)

    # What happened

    @property
    def number(self) -> str:
        """What the other side dialled to reach us."""
        return self.invite.uri_user if self.invite else ""

    def seen(self, test: Callable[[Message], bool]) -> Message | None:
        """Return the first message that passes, None if there is none yet."""
        return next((message for message in self.messages if test(message)), None)

    async def wait(
        self, test: Callable[[Message], bool], what: str, timeout: float = 5.0
    ) -> Message:
        """Return the first message that passes; TimeoutError shows all there were."""
        if message := self.seen(test):
            return message
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append((test, future))
        try:
            return await asyncio.wait_for(future, patience(timeout))
        except TimeoutError:
            raise TimeoutError(f"{self.ua.name} waits for {what}\n{self.ladder()}") from None

    async def wait_status(self, status: int, timeout: float = 5.0) -> Message:
        """Return the response of this status to our INVITE."""
        return await self.wait(
            lambda m: not m.sent and m.status == status and m.cseq_method == "INVITE",
            str(status),
            timeout,
        )

    async def final(self, timeout: float = 10.0) -> Message:
        """Return the final response to our first INVITE."""
        return await self.wait(
            lambda m: not m.sent and m.status >= 200 and m.header("CSeq") == "1 INVITE",
            "a final response",
            timeout,
        )

    async def up(self, timeout: float = 10.0) -> None:
        """Return when the call is answered."""
        try:
            await asyncio.wait_for(self.answered.wait(), patience(timeout))
        except TimeoutError:
            raise TimeoutError(f"{self.ua.name}'s call is not up\n{self.ladder()}") from None

    async def over(self, timeout: float = 5.0) -> None:
        """Return when the call has ended, whoever ended it."""
        try:
            await asyncio.wait_for(self.ended.wait(), patience(timeout))
        except TimeoutError:
            raise TimeoutError(f"{self.ua.name}'s call goes on\n{self.ladder()}") from None

    @property
    def is_up(self) -> bool:
        return self.answered.is_set() and not self.ended.is_set()

    def ladder(self) -> str:
        """Return the call's messages, one a line, for a failure's text."""
        return "\n".join(
            f"  {m.at:.2f} {'>' if m.sent else '<'} {m.start_line} {_told(m)}"
            for m in self.messages
        )

    # What a called phone may do

    def reply(
        self, status: int, phrase: str = "-", headers: Headers = (), *, body: str = ""
    ) -> None:
        """Answer the first INVITE with any status; a final one is repeated until its ACK."""
        assert self.invite is not None
        text = self._response(self.invite, status, phrase, headers, body)
        self._note(self.ua.wire.answer(self.invite, text))
        if status >= 200 and not self.final_status:
            self.final_status = status
            self.ua.wire.repeat(self._ack_key(self.invite), text)
            if status >= 300:
                self._end()

    def respond(self, request: Message, status: int) -> None:
        """Answer a request that is not the first INVITE."""
        self._note(self.ua.wire.answer(request, self._response(request, status, "-")))

    def ring(self) -> None:
        self.reply(180, "Ringing")

    def answer(self, headers: Headers = ()) -> None:
        self.reply(200, "OK", headers, body=self._sdp())
        self._go_up()

    # What both sides may do

    async def request(
        self, method: str, headers: Headers = (), *, body: str = "", timeout: float = 5.0
    ) -> Message:
        """Send a request within the call and return the final response to it."""
        self._cseq += 1
        cseq = f"{self._cseq} {method}"
        branch = self._send(method, cseq, headers, body)
        try:
            return await self.wait(
                lambda m: not m.sent and m.status >= 200 and m.header("CSeq") == cseq,
                f"the answer to {cseq}",
                timeout,
            )
        finally:
            self.ua.wire.stop((branch, method))

    def invite_now(self, uri: str, caller: str, display: str = "", headers: Headers = ()) -> None:
        """Send the INVITE that begins this call."""
        self.target = uri
        self.local = f"{display}<sip:{caller}@127.0.0.1>;tag={self.tag}"
        self.remote = self._first_remote = f"<{uri}>"
        self._cseq = 1
        self._branch = self._send("INVITE", "1 INVITE", headers, self._sdp())

    def cancel(self) -> None:
        """Give our call up before its answer."""
        self._send("CANCEL", "1 CANCEL", branch=self._branch, remote=self._first_remote)

    async def hang_up(self) -> None:
        """Send BYE; the call is over at once, the answer is waited for."""
        self.bye()
        cseq = f"{self._cseq} BYE"
        await self.wait(
            lambda m: not m.sent and m.status >= 200 and m.header("CSeq") == cseq,
            f"the answer to {cseq}",
        )

    def bye(self) -> None:
        """Send BYE and do not wait."""
        self._cseq += 1
        self.ended_by_us = not self.ended.is_set()
        self._send("BYE", f"{self._cseq} BYE")
        self._end()

    async def hold(self, direction: Direction = Direction.SEND) -> None:
        """Put the other side on hold, or take it back with Direction.BOTH."""
        self.media.speaks = direction is Direction.BOTH
        for _ in range(5):
            response = await self.request("INVITE", body=self._sdp(direction))
            if response.status != 491:
                break
            await asyncio.sleep(0.2)  # both sides wanted to change the call at once
        assert response.status == 200, response.start_line

    async def refer(self, target: str, headers: Headers = ()) -> Message:
        """Send REFER and return the answer to it; NOTIFYs are in `messages`."""
        by = f"<sip:{self.ua.name}@127.0.0.1>"
        return await self.request("REFER", [("Refer-To", target), ("Referred-By", by), *headers])

    async def leave(self) -> None:
        """Hang up after a transfer, as phones do: when the PBX says how it went, or soon."""
        with contextlib.suppress(TimeoutError):
            await self.wait(lambda m: not m.sent and _told(m)[:1] in ("2", "B"), "NOTIFY", 0.5)
        if not self.ended.is_set():
            await self.hang_up()

    def replaces(self) -> str:
        """Return the value of a Replaces header that names this call."""
        remote, local = _TAG.search(self.remote), _TAG.search(self.local)
        assert remote, f"{self.ua.name} knows no tag of the other side\n{self.ladder()}"
        assert local
        return f"{self.call_id};to-tag={remote[1]};from-tag={local[1]}"

    # What comes in

    def receive(self, message: Message) -> None:
        """Take a message of this call; UA calls it."""
        if message.status:
            self._take_response(message)
        elif message.method == "ACK":
            self.ua.wire.stop(self._ack_key(message))
        else:
            self._take_request(message)
        self._note(message)

    def _take_response(self, message: Message) -> None:
        method = message.cseq_method
        via = re.search(r"branch=([^;,\s]+)", message.header("Via") or "")
        if via and (message.status >= 200 or method == "INVITE"):
            self.ua.wire.stop((via[1], method))
        if method != "INVITE" or message.status == 100:
            return
        first = message.header("CSeq") == "1 INVITE" and self.invite is None
        if first and _TAG.search(message.header("To") or ""):
            self.remote = message.header("To") or ""
        if message.status < 300:
            if address := sdp.address(message.body):
                self.media.peer = address
            self._learn_target(message)
        if message.status < 200:
            return
        self._acknowledge(message, via[1] if via else "")
        if first and not self.final_status:
            self.final_status = message.status
            if message.status < 300:
                self._go_up()
            else:
                self._end()

    def _acknowledge(self, final: Message, branch: str) -> None:
        number = (final.header("CSeq") or "").partition(" ")[0]
        if final.status < 300:
            self._send("ACK", f"{number} ACK")
        else:
            uri = self._uri_of_invite if number == "1" else self.target
            self._send("ACK", f"{number} ACK", branch=branch, remote=final.header("To"), uri=uri)

    def _take_request(self, message: Message) -> None:
        if message.method == "INVITE":
            direction = sdp.answer_to(message.body)
            if address := sdp.address(message.body):
                self.media.peer = address
            self.media.speaks = direction.sends
            text = self._response(message, 200, "OK", body=self._sdp(direction))
            self._note(self.ua.wire.answer(message, text))
            self.ua.wire.repeat(self._ack_key(message), text)
            return
        body = self._sdp() if message.method == "UPDATE" and message.body else ""
        self._note(self.ua.wire.answer(message, self._response(message, 200, "OK", body=body)))
        if message.method == "BYE":
            self._end()
        elif message.method == "CANCEL" and not self.final_status:
            self.reply(487, "Request Terminated")

    # How it is written

    @property
    def _uri_of_invite(self) -> str:
        return self._first_remote.strip("<>")

    def _send(
        self,
        method: str,
        cseq: str,
        headers: Headers = (),
        body: str = "",
        *,
        branch: str = "",
        remote: str | None = None,
        uri: str = "",
    ) -> str:
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        if method == "CANCEL":
            uri = self._uri_of_invite
        text = (
            f"{method} {uri or self.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.ua.wire.port};branch={branch}\r\n"
            f"Max-Forwards: 70\r\nFrom: {self.local}\r\nTo: {remote or self.remote}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq}\r\n"
            f"{self._common(headers)}{_content(body)}"
        )
        wire = self.ua.wire
        self._note(wire.send(text) if method == "ACK" else wire.repeat((branch, method), text))
        return branch

    def _response(
        self, request: Message, status: int, phrase: str, headers: Headers = (), body: str = ""
    ) -> str:
        copied = "".join(
            f"{name}: {value}\r\n"
            for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
            for value in request.header_all(name)
        )
        to = request.header("To") or ""
        if status > 100 and not _TAG.search(to):
            to = f"{to};tag={self.tag}"
        return (
            f"SIP/2.0 {status} {phrase}\r\n{copied}To: {to}\r\n"
            f"{self._common(headers)}{_content(body)}"
        )

    def _common(self, headers: Headers) -> str:
        """Return the caller's headers and those that it did not replace."""
        given = list(headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in given)
        if not any(name.lower() == "contact" for name, _ in given):
            lines += f"Contact: <sip:{self.ua.name}@127.0.0.1:{self.ua.wire.port}>\r\n"
        return f"{lines}{_ALLOW}Supported: replaces\r\n"

    def _sdp(self, direction: Direction = Direction.BOTH) -> str:
        self._version += 1
        return sdp.describe(self.media.port, self._version, direction)

    def _ack_key(self, message: Message) -> tuple[str, str, str]:
        return ("ACK", self.call_id, (message.header("CSeq") or "").partition(" ")[0])

    def _learn_target(self, message: Message) -> None:
        if found := _URI.search(message.header("Contact") or ""):
            self.target = found[1]

    def _go_up(self) -> None:
        if not self.ended.is_set():
            self.answered.set()
            self.media.start()

    def _end(self) -> None:
        if not self.ended.is_set():
            self.ended_at = time.time()
            self.ended.set()
            self.media.close()

    def _note(self, message: Message) -> None:
        self.messages.append(message)
        for entry in list(self._waiting):
            test, future = entry
            if test(message):
                self._waiting.remove(entry)
                if not future.done():
                    future.set_result(message)


def _told(message: Message) -> str:
    """Return what a NOTIFY says of a transfer, `200 OK`; `BYE` of a BYE, nothing of others."""
    if message.method == "NOTIFY":
        line = message.body.decode("utf-8", "replace").partition("\r\n")[0]
        return line.removeprefix("SIP/2.0 ")
    return message.method if message.method == "BYE" else ""


def _content(body: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
