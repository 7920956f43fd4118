"""The scripted phones themselves, two of them without a PBX between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import sdp, sip_text
from sandbox.sdp import Direction
from sandbox.sip import Message
from sandbox.ua import UA, answer, forward, refuse, ring
from sandbox.wire import Address


@asynccontextmanager
async def two_phones() -> AsyncIterator[tuple[UA, UA]]:
    """Each takes the other for its PBX."""
    first, second = UA("1000", 0), UA("1001", 0)
    try:
        await first.open()
        await second.open()
        first.dial_through(second.wire.port)
        second.dial_through(first.wire.port)
        yield first, second
    finally:
        await first.close()
        await second.close()


def run(play: Callable[[UA, UA], Awaitable[None]]) -> None:
    async def both() -> None:
        async with two_phones() as (first, second):
            await play(first, second)
            assert first.errors == second.errors == []

    asyncio.run(both())


def lose(phone: UA, wanted: Callable[[Message], bool]) -> list[Message]:
    """Lose the first such message that a phone sends; return what was lost."""
    lost: list[Message] = []
    send = phone.wire.transmit

    def transmit(raw: bytes, hop: Address | None = None) -> None:
        message = Message(raw=raw, at=0.0, sent=True)
        if not lost and wanted(message):
            lost.append(message)
        else:
            send(raw, hop)

    phone.wire.transmit = transmit  # type: ignore[method-assign]
    return lost


def test_a_call_is_answered_heard_and_ended() -> None:
    async def play(first: UA, second: UA) -> None:
        call = await first.call("1001", [("X-Test", "1")])
        other = await second.next_call()
        assert other.invite
        assert other.invite.header("X-Test") == "1"
        await call.up()
        await asyncio.gather(call.media.hear("1001"), other.media.hear("1000"))
        await call.hold()
        assert not other.media.speaks
        await call.hold(Direction.BOTH)
        await other.hang_up()
        await call.over(1)
        assert call.ended_at >= other.ended_at

    run(play)


def test_a_call_is_given_up() -> None:
    async def play(first: UA, second: UA) -> None:
        second.rule = ring()
        call = await first.call("1001")
        await call.wait_status(180)
        call.cancel()
        assert (await call.final()).status == 487
        assert second.incoming[0].final_status == 487

    run(play)


@pytest.mark.parametrize(
    ("rule", "status", "contact"),
    [(refuse(603, "Decline"), 603, None), (forward("<sip:x%40y@z>"), 302, "<sip:x%40y@z>")],
)
def test_a_call_is_refused(rule: Callable[..., Awaitable[None]], status: int, contact: str) -> None:
    async def play(first: UA, second: UA) -> None:
        second.rule = rule
        final = await (await first.call("1001")).final()
        assert final.status == status
        assert contact in (None, final.header("Contact"))

    run(play)


@pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE"])
def test_a_lost_request_is_sent_again(method: str) -> None:
    async def play(first: UA, second: UA) -> None:
        lost = lose(first, lambda m: m.method == method)
        call = await first.call("1001")
        await call.up()
        await call.hang_up()
        await second.incoming[0].over()
        assert len(lost) == 1
        assert len(second.incoming) == 1  # copies are no calls

    run(play)


@pytest.mark.parametrize("status", [200, 486])
def test_a_lost_response_is_sent_again(status: int) -> None:
    async def play(first: UA, second: UA) -> None:
        second.rule = answer() if status == 200 else refuse(status)
        lost = lose(second, lambda m: m.status == status and m.cseq_method == "INVITE")
        call = await first.call("1001")
        assert (await call.final()).status == status
        assert len(lost) == 1

    run(play)


@given(st.integers(1, 65535), st.sampled_from(Direction))
def test_what_is_described_is_read(port: int, direction: Direction) -> None:
    body = sdp.describe(port, 1, direction).encode()
    assert sdp.address(body) == ("127.0.0.1", port)
    answered = sdp.answer_to(body)
    assert sdp.answer_to(sdp.describe(port, 1, answered).encode()) is direction


@given(st.binary(max_size=300))
def test_any_bytes_are_read(raw: bytes) -> None:
    sdp.address(raw)
    sdp.answer_to(raw)
    message = Message(raw=raw, at=0.0, sent=False)
    sip_text.progress_of(message)
    sip_text.tag_of(message.header("To"))
    sip_text.branch_of(message)
