"""A browser at Kamailio, byte by byte: it logs in, calls, and is called."""

from __future__ import annotations

import asyncio
import secrets

from sandbox import sip_text
from sandbox.digest import digest
from sandbox.sdp import describe
from sandbox.sip import Message
from tests.e2e.webphone import WebPhone


class BrowserPhone:
    """What a page does on its WebSocket; each method waits for its answer."""

    def __init__(self, phone: WebPhone, password: str) -> None:
        self.phone = phone
        self.name = phone.agent
        self.contact = f"sip:{self.name}@{secrets.token_hex(6)}.invalid;transport=ws"
        self._password = password

    async def register(self, expires: int = 600) -> Message:
        """Register and return the last answer."""
        lines = [f"Expires: {expires}"]
        return await self._logged_in("REGISTER", self.name, secrets.token_hex(8), lines, "")

    async def who_is_there(self) -> str:
        """Ask who is registered, and return that Contact."""
        call_id = secrets.token_hex(8)
        answer = await self._logged_in("REGISTER", self.name, call_id, [], "", contact=None)
        assert answer.status == 200
        return answer.header("Contact") or ""

    async def invite(self, callee: str, call_id: str, lines: list[str]) -> Message:
        """Place a call and return the final response, acknowledged along its route."""
        final = await self._logged_in("INVITE", callee, call_id, lines, describe(6000))
        if final.status < 300:
            self.within("ACK", final, 2)
        return final

    def within(self, method: str, final: Message, cseq: int) -> None:
        """Send a request within a call that we placed, as its 2xx says."""
        routes = [f"Route: {route}" for route in sip_text.routes_of(final)[::-1]]
        target = sip_text.uri_of(final.header("Contact"))
        self.phone.send(
            method,
            target.removeprefix("sip:").partition("@")[0],
            final.call_id,
            cseq=cseq,
            to_tag=sip_text.tag_of(final.header("To")),
            lines=routes,
            uri=target,
        )

    async def request(self, method: str) -> Message:
        """Return the next request of this method."""
        while True:
            message = await asyncio.to_thread(self.phone.receive)
            if message.method == method:
                return message

    def answer(self, request: Message, status: int = 200, body: str = "") -> None:
        """Answer a request."""
        text = sip_text.response(
            request, status, "OK", tag="browser", contact=self.contact, body=body
        )
        self.phone.websocket.send(text)

    async def _logged_in(
        self,
        method: str,
        user: str,
        call_id: str,
        lines: list[str],
        body: str,
        *,
        contact: str | None = "",
    ) -> Message:
        def send(cseq: int, more: list[str]) -> None:
            self.phone.send(
                method,
                user,
                call_id,
                cseq=cseq,
                lines=[*lines, *more],
                body=body,
                contact=self.contact if contact == "" else contact,
            )

        send(1, [])
        challenge = await asyncio.to_thread(self.phone.final, method)
        assert challenge.status == 401, challenge.start_line
        if method == "INVITE":
            tag = sip_text.tag_of(challenge.header("To"))
            self.phone.send("ACK", user, call_id, to_tag=tag)
        uri = f"sip:{user}@pbx.invalid"
        value = challenge.header("WWW-Authenticate") or ""
        login = digest(value, method, uri, self.name, self._password)
        send(2, [f"Authorization: {login}"])
        return await asyncio.to_thread(self.phone.final, method)
