"""The protocol of one call of a scripted phone (RFC 3261): who says what when, and is answered."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from sandbox import sdp, sip_text
from sandbox.digest import digest
from sandbox.ladder import Ladder
from sandbox.media import Media
from sandbox.sdp import Direction
from sandbox.sip import Message
from sandbox.sip_text import Headers, branch_of, number_of, tag_of, uri_of

if TYPE_CHECKING:
    from sandbox.ua import UA


class Dialog:
    """A call, from either side's INVITE to its end; what a phone does with it is PhoneCall's.

    Every message stays in `ladder`.
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
        self.answered_at = 0.0
        self.ended_at = 0.0
        self.final_status = 0
        self.cancelled = False  # by us
        self.uri = self.branch = ""  # of our INVITE
        self.invite_cseq = 1
        self._invited: tuple[str, str, Headers] = ("", "", ())
        self.routes: list[str] = []  # through which proxies requests go
        self.cseq = self._version = 0
        if invite is not None:
            self.routes = sip_text.routes_of(invite)
            self.local = f"{invite.header('To')};tag={self.tag}"
            self.remote = invite.header("From") or ""
            self._learn(invite)

    # What happened

    @property
    def number(self) -> str:
        """What the other side dialled to reach us."""
        return self.invite.uri_user if self.invite else ""

    # What it may send

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

    async def request(
        self, method: str, headers: Headers = (), *, body: str = "", timeout: float = 5.0
    ) -> Message:
        """Send a request within the call and return the final response to it.

        A phone with a password logs in if it is asked to.
        """
        response = await self._ask(method, headers, body, timeout)
        login = self._login(response, self.target)
        if login:
            response = await self._ask(method, [*headers, *login], body, timeout)
        return response

    async def _ask(self, method: str, headers: Headers, body: str, timeout: float) -> Message:
        self.cseq += 1
        cseq = f"{self.cseq} {method}"
        branch = self.send(method, cseq, headers, body)
        try:
            return await self.answer_to(cseq, timeout)
        finally:
            self.ua.wire.stop((branch, method))

    def _login(self, challenge: Message, uri: str) -> Headers:
        """Return the header that answers a challenge; nothing where there is none to answer."""
        if challenge.status != 401 or self.ua.password is None:
            return []
        value = challenge.header("WWW-Authenticate") or ""
        name = self.ua.login or self.ua.name
        return [
            (
                "Authorization",
                digest(value, challenge.cseq_method, uri, name, self.ua.password, self.ua.ha1),
            )
        ]

    def invite_now(self, uri: str, caller: str, display: str = "", headers: Headers = ()) -> None:
        """Send the INVITE that begins this call."""
        self.target = self.uri = uri
        self.local = f"{display}<sip:{caller}@127.0.0.1>;tag={self.tag}"
        self.remote = f"<{uri}>"
        self.cseq = self.invite_cseq = 1
        self._invited = (uri, self.describe(), headers)
        self.began_at = time.time()
        self.branch = self.send("INVITE", "1 INVITE", headers, self._invited[1])

    def bye(self, headers: Headers = ()) -> str:
        """Hang up, do not wait, and return the request's CSeq; the call is over at once."""
        self.cseq += 1
        cseq = f"{self.cseq} BYE"
        self.send("BYE", cseq, headers)
        self._end()
        return cseq

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
        first = number_of(message) == str(self.invite_cseq) and self.invite is None
        if first and self._logs_in(message):
            return
        if first and tag_of(message.header("To")):
            self.remote = message.header("To") or ""
        if message.status < 300:
            self._learn(message)
            if first:
                self.routes = sip_text.routes_of(message)[::-1]
        if message.status < 200:
            return
        self._acknowledge(message)
        if first and not self.final_status:
            self.final_status = message.status
            if message.status < 300:
                self.go_up()
            else:
                self._end()

    def is_challenge(self, response: Message) -> bool:
        """Tell whether our first INVITE goes on with a login after this response."""
        logged_in = any(name == "Authorization" for name, _ in self._invited[2])
        return response.status == 401 and self.ua.password is not None and not logged_in

    def _logs_in(self, challenge: Message) -> bool:
        """Answer a challenge to our first INVITE by a second one, if it is one."""
        if not self.is_challenge(challenge):
            return False
        uri, body, headers = self._invited
        login = self._login(challenge, uri)
        self._acknowledge(challenge)
        self.cseq += 1
        self.invite_cseq = self.cseq
        self._invited = (uri, body, [*headers, *login])
        self.branch = self.send("INVITE", f"{self.cseq} INVITE", self._invited[2], body)
        return True

    def _acknowledge(self, final: Message) -> None:
        cseq = f"{number_of(final)} ACK"
        if final.status < 300:
            self.send("ACK", cseq)
        else:
            uri = self.uri if number_of(final) == str(self.invite_cseq) else self.target
            self.send("ACK", cseq, branch=branch_of(final), remote=final.header("To"), uri=uri)

    def _take_request(self, message: Message) -> None:
        offer = bool(message.body) and message.method in ("INVITE", "UPDATE")
        body = ""
        if message.method == "INVITE" or offer:
            direction = sdp.answer_to(message.body)
            self.media.speaks = direction.sends
            self._learn(message)
            body = self.describe(direction)
        self.respond(message, 200, "OK", body=body, repeat=message.method == "INVITE")
        if message.method == "BYE":
            self._end()
        elif message.method == "CANCEL" and not self.final_status:
            self.reply(487, "Request Terminated")

    # How it is written

    def send(
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
        headers = [*[("Route", route) for route in self.routes], *headers]
        text = sip_text.request(
            f"{method} {uri or self.target}",
            identity,
            via=f"SIP/2.0/UDP 127.0.0.1:{self.ua.wire.port};branch={branch}",
            contact=self.ua.contact,
            headers=headers,
            body=body,
        )
        wire, hop = self.ua.wire, sip_text.hop_of(self.routes)
        sent = wire.send(text, hop) if method == "ACK" else wire.repeat((branch, method), text, hop)
        self.ladder.add(sent)
        return branch

    async def answer_to(self, cseq: str, timeout: float) -> Message:
        """Return the final response to a request of ours, such as `2 BYE`."""
        return await self.ladder.wait(
            lambda m: not m.sent and m.status >= 200 and m.header("CSeq") == cseq,
            f"the answer to {cseq}",
            timeout,
        )

    def describe(self, direction: Direction = Direction.BOTH) -> str:
        """Return our next SDP."""
        self._version += 1
        return sdp.describe(self.media.port, self._version, direction)

    def _ack_key(self, message: Message) -> tuple[str, str, str]:
        return ("ACK", self.call_id, number_of(message))

    def _learn(self, message: Message) -> None:
        """Take over where the other side wants requests and audio."""
        self.target = uri_of(message.header("Contact")) or self.target
        self.media.peer = sdp.address(message.body) or self.media.peer

    def go_up(self) -> None:
        """The call is answered."""
        if not self.ended.is_set():
            self.answered_at = self.answered_at or time.time()
            self.answered.set()
            self.media.start()

    def _end(self) -> None:
        if not self.ended.is_set():
            self.ended_at = time.time()
            self.ended.set()
            self.media.close()
