"""One call of a scripted phone, as the phone sees it: what it said, what it heard, how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import TYPE_CHECKING

from sandbox import sdp, sip_text
from sandbox.ladder import Ladder
from sandbox.media import Media
from sandbox.sdp import Direction
from sandbox.sip import Message
from sandbox.sip_text import Headers, branch_of, number_of, tag_of, uri_of

if TYPE_CHECKING:
    from sandbox.ua import UA


class Dialog:
    """A call, from either side's INVITE to its end; UA makes them.

    Every message stays in `ladder`. Of a call that a phone received, the phone's rule, or the test
    itself, calls `ring`, `answer` and `reply`.
    """

    def __init__(self, ua: UA, call_id: str, invite: Message | None = None) -> None:
        self.ua = ua
        self.call_id = call_id
        self.invite = invite  # the other side's
        self.media = Media(ua.name)
        self.ladder = Ladder(ua.name)
        self.tag = secrets.token_hex(6)
        self.local = self.remote = self.target = ""
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.began_at = time.time()
        self.ended_at = 0.0
        self.final_status = 0
        self.cancelled = False  # by us
        self._uri = self._branch = ""  # of our INVITE
        self._cseq = self._version = 0
        if invite is not None:
            self.local = f"{invite.header('To')};tag={self.tag}"
            self.remote = invite.header("From") or ""
            self._learn(invite)

    # What happened

    @property
    def number(self) -> str:
        """What the other side dialled to reach us."""
        return self.invite.uri_user if self.invite else ""

    async def wait_status(self, status: int, timeout: float = 5.0) -> Message:
        """Return the response of this status to our INVITE."""
        return await self.ladder.wait(
            lambda m: not m.sent and m.status == status and m.cseq_method == "INVITE",
            str(status),
            timeout,
        )

    async def final(self, timeout: float = 10.0) -> Message:
        """Return the final response to our first INVITE."""
        return await self._answer_to("1 INVITE", timeout)

    async def up(self, timeout: float = 10.0) -> None:
        """Return when the call is answered."""
        await self.ladder.happened(self.answered, "the answer", timeout)

    async def over(self, timeout: float = 5.0) -> None:
        """Return when the call has ended, whoever ended it."""
        await self.ladder.happened(self.ended, "the end", timeout)

    # What a called phone may do

    def reply(
        self, status: int, phrase: str = "-", headers: Headers = (), *, body: str = ""
    ) -> None:
        """Answer the first INVITE with any status; a final one is repeated until its ACK."""
        assert self.invite is not None
        final = status >= 200 and not self.final_status
        self.respond(self.invite, status, phrase, headers, body, repeat=final)
        if final:
            self.final_status = status
            if status >= 300:
                self._end()

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
            return await self._answer_to(cseq, timeout)
        finally:
            self.ua.wire.stop((branch, method))

    def invite_now(self, uri: str, caller: str, display: str = "", headers: Headers = ()) -> None:
        """Send the INVITE that begins this call."""
        self.target = self._uri = uri
        self.local = f"{display}<sip:{caller}@127.0.0.1>;tag={self.tag}"
        self.remote = f"<{uri}>"
        self._cseq = 1
        self.began_at = time.time()
        self._branch = self._send("INVITE", "1 INVITE", headers, self._sdp())

    def cancel(self) -> None:
        """Give our call up before its answer."""
        self.cancelled = True
        self._send(
            "CANCEL", "1 CANCEL", branch=self._branch, remote=f"<{self._uri}>", uri=self._uri
        )

    def bye(self) -> str:
        """Hang up, do not wait, and return the request's CSeq; the call is over at once."""
        self._cseq += 1
        cseq = f"{self._cseq} BYE"
        self._send("BYE", cseq)
        self._end()
        return cseq

    async def hang_up(self) -> None:
        """Hang up, and wait for the answer."""
        await self._answer_to(self.bye(), 5.0)

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
        """Send REFER and return the answer to it; how it went on is told by NOTIFY."""
        return await self.request("REFER", self.refer_headers(target, headers))

    def refer_now(self, target: str) -> None:
        """Send REFER and do not wait."""
        self._cseq += 1
        self._send("REFER", f"{self._cseq} REFER", self.refer_headers(target))

    def refer_headers(self, target: str, headers: Headers = ()) -> Headers:
        by = f"<sip:{self.ua.name}@127.0.0.1>"
        return [("Refer-To", target), ("Referred-By", by), *headers]

    async def leave(self) -> None:
        """Hang up after a transfer, as phones do: when the PBX says how it went, or soon."""
        with contextlib.suppress(TimeoutError):
            await self.ladder.wait(
                lambda m: m.method == "BYE" or sip_text.progress_of(m)[:1] in ("2", "3", "4"),
                "NOTIFY",
                0.5,
            )
        if not self.ended.is_set():
            await self.hang_up()

    def replaces(self) -> str:
        """Return the value of a Replaces header that names this call."""
        remote, local = tag_of(self.remote), tag_of(self.local)
        assert remote, f"{self.ua.name} knows no tag of the other side\n{self.ladder}"
        return f"{self.call_id};to-tag={remote};from-tag={local}"

    # What comes in

    def receive(self, message: Message) -> None:
        """Take a message of this call; UA calls it."""
        self.ladder.add(message)
        if message.status:
            self._take_response(message)
        elif message.method == "ACK":
            self.ua.wire.stop(self._ack_key(message))
        else:
            self._take_request(message)

    def respond(
        self,
        request: Message,
        status: int,
        phrase: str = "-",
        headers: Headers = (),
        body: str = "",
        *,
        repeat: bool = False,
    ) -> None:
        """Answer any request; with `repeat` again and again, until its ACK."""
        contact = self.ua.contact
        text = sip_text.response(
            request, status, phrase, tag=self.tag, contact=contact, headers=headers, body=body
        )
        self.ladder.add(self.ua.wire.answer(request, text))
        if repeat:
            self.ua.wire.repeat(self._ack_key(request), text)

    def _take_response(self, message: Message) -> None:
        method = message.cseq_method
        if message.status >= 200 or method == "INVITE":
            self.ua.wire.stop((branch_of(message), method))
        if method != "INVITE" or message.status == 100:
            return
        first = message.header("CSeq") == "1 INVITE" and self.invite is None
        if first and tag_of(message.header("To")):
            self.remote = message.header("To") or ""
        if message.status < 300:
            self._learn(message)
        if message.status < 200:
            return
        self._acknowledge(message)
        if first and not self.final_status:
            self.final_status = message.status
            if message.status < 300:
                self._go_up()
            else:
                self._end()

    def _acknowledge(self, final: Message) -> None:
        cseq = f"{number_of(final)} ACK"
        if final.status < 300:
            self._send("ACK", cseq)
        else:
            uri = self._uri if cseq == "1 ACK" else self.target
            self._send("ACK", cseq, branch=branch_of(final), remote=final.header("To"), uri=uri)

    def _take_request(self, message: Message) -> None:
        offer = bool(message.body) and message.method in ("INVITE", "UPDATE")
        body = ""
        if message.method == "INVITE" or offer:
            direction = sdp.answer_to(message.body)
            self.media.speaks = direction.sends
            self._learn(message)
            body = self._sdp(direction)
        self.respond(message, 200, "OK", body=body, repeat=message.method == "INVITE")
        if message.method == "BYE":
            self._end()
        elif message.method == "CANCEL" and not self.final_status:
            self.reply(487, "Request Terminated")

    # How it is written

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
        """Send a request, all but ACK until it is answered, and return its branch."""
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        identity = [("From", self.local), ("To", remote or self.remote)]
        identity += [("Call-ID", self.call_id), ("CSeq", cseq)]
        text = sip_text.request(
            f"{method} {uri or self.target}",
            identity,
            via=f"SIP/2.0/UDP 127.0.0.1:{self.ua.wire.port};branch={branch}",
            contact=self.ua.contact,
            headers=headers,
            body=body,
        )
        wire = self.ua.wire
        sent = wire.send(text) if method == "ACK" else wire.repeat((branch, method), text)
        self.ladder.add(sent)
        return branch

    async def _answer_to(self, cseq: str, timeout: float) -> Message:
        return await self.ladder.wait(
            lambda m: not m.sent and m.status >= 200 and m.header("CSeq") == cseq,
            f"the answer to {cseq}",
            timeout,
        )

    def _sdp(self, direction: Direction = Direction.BOTH) -> str:
        self._version += 1
        return sdp.describe(self.media.port, self._version, direction)

    def _ack_key(self, message: Message) -> tuple[str, str, str]:
        return ("ACK", self.call_id, number_of(message))

    def _learn(self, message: Message) -> None:
        """Take over where the other side wants requests and audio."""
        self.target = uri_of(message.header("Contact")) or self.target
        self.media.peer = sdp.address(message.body) or self.media.peer

    def _go_up(self) -> None:
        if not self.ended.is_set():
            self.answered.set()
            self.media.start()

    def _end(self) -> None:
        if not self.ended.is_set():
            self.ended_at = time.time()
            self.ended.set()
            self.media.close()
