"""One call of a scripted phone, with what its user may do: answer, hold, transfer, hang up."""

from __future__ import annotations

import asyncio
import contextlib
import time

from sandbox import sip_text
from sandbox.dialog import Dialog
from sandbox.sdp import Direction
from sandbox.sip import Message
from sandbox.sip_text import Headers, tag_of
from sandbox.waiting import patience


class PhoneCall(Dialog):
    """A call; UA makes them.

    Of a call that a phone received, the phone's rule, or the test itself, calls `ring`, `answer`
    and `reply`.
    """

    async def wait_status(self, status: int, timeout: float = 5.0) -> Message:
        """Return the response of this status to our INVITE."""
        return await self.ladder.wait(
            lambda m: not m.sent and m.status == status and m.cseq_method == "INVITE",
            str(status),
            timeout,
        )

    async def final(self, timeout: float = 10.0) -> Message:
        """Return the final response to our first INVITE, after the login if there was one."""
        return await self.ladder.wait(
            lambda m: (
                not m.sent
                and m.status >= 200
                and m.header("CSeq") == f"{self.invite_cseq} INVITE"
                and not self.is_challenge(m)
            ),
            "the answer to INVITE",
            timeout,
        )

    async def up(self, timeout: float = 10.0) -> None:
        """Return when the call is answered."""
        await self.ladder.happened(self.answered, "the answer", timeout)

    async def over(self, timeout: float = 5.0) -> None:
        """Return when the call has ended, whoever ended it."""
        await self.ladder.happened(self.ended, "the end", timeout)

    # What a called phone may do

    def ring(self) -> None:
        self.reply(180, "Ringing")

    def answer(self, headers: Headers = ()) -> None:
        self.reply(200, "OK", headers, body=self.describe())
        self.go_up()

    # What both sides may do

    def cancel(self, headers: Headers = ()) -> None:
        """Give our call up before its answer."""
        self.cancelled = True
        cseq, remote = f"{self.invite_cseq} CANCEL", f"<{self.uri}>"
        self.send("CANCEL", cseq, headers, branch=self.branch, remote=remote, uri=self.uri)

    async def hang_up(self) -> None:
        """Hang up, and wait for the answer."""
        await self.answer_to(self.bye(), 5.0)

    async def hold(self, direction: Direction = Direction.SEND) -> None:
        """Put the other side on hold, or take it back with Direction.BOTH."""
        self.media.speaks = direction is Direction.BOTH
        for _ in range(5):
            response = await self.request("INVITE", body=self.describe(direction))
            if response.status != 491:
                break
            await asyncio.sleep(0.2)  # both sides wanted to change the call at once
        assert response.status == 200, response.start_line

    async def refer(self, target: str, headers: Headers = ()) -> Message:
        """Send REFER and return the answer to it; how it went on is told by NOTIFY."""
        return await self.request("REFER", self.refer_headers(target, headers))

    def refer_now(self, target: str) -> None:
        """Send REFER and do not wait."""
        self.cseq += 1
        self.send("REFER", f"{self.cseq} REFER", self.refer_headers(target))

    def refer_headers(self, target: str, headers: Headers = ()) -> Headers:
        by = f"<sip:{self.ua.name}@127.0.0.1>"
        return [("Refer-To", target), ("Referred-By", by), *headers]

    async def send_to(self, user: str) -> None:
        """Transfer the other side to an extension or number without asking there first.

        The PBX refuses it in the moment of the answer, before it has joined the two ("Where it
        ends" in docs/transfers.md): then it is asked again, as whoever sees it fail would.
        """
        answer = await self.ladder.wait(
            lambda m: m.status == 200 and m.cseq_method == "INVITE", "the answer"
        )
        while not await self._sends(user):
            is_new = time.time() < answer.at + patience(1)
            assert is_new, f"the PBX says that it failed\n{self.ladder}"
            await asyncio.sleep(0.1)

    async def _sends(self, user: str) -> bool:
        asked = time.time()
        response = await self.refer(f"<{self.ua.uri(user)}>")
        assert response.status == 202, response.start_line
        return await self.leave(asked)

    async def leave(self, asked: float = 0) -> bool:
        """Hang up after a transfer, as phones do: when the PBX says how it went, or soon.

        A transfer (one asked for since ``asked``) that the PBX says has failed leaves
        the other side with this phone: False.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                told = await self.ladder.wait(
                    lambda m: (
                        m.method == "BYE"
                        or (m.at >= asked and sip_text.progress_of(m)[:1] in ("2", "3", "4"))
                    ),
                    "NOTIFY",
                )
            if sip_text.progress_of(told)[:1] in ("3", "4"):
                return False
        if not self.ended.is_set():
            await self.hang_up()
        return True

    def replaces(self) -> str:
        """Return the value of a Replaces header that names this call."""
        remote, local = tag_of(self.remote), tag_of(self.local)
        assert remote, f"{self.ua.name} knows no tag of the other side\n{self.ladder}"
        return f"{self.call_id};to-tag={remote};from-tag={local}"
