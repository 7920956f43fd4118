"""The door: who gets a seat, who gives it up, and what is closed unheard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import pytest

from click2dial_agi.domain.config_types import Address
from click2dial_agi.io.door import BACKLOG, Door, Seated, Standing
from click2dial_agi.io.listeners import Listeners
from tests.io.running import run


class Guest(Seated):
    """A connection that says what it is: `b` busy, `k` known; it is told if it is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"full" if self.seat.is_extra else b"seat")

    def data_received(self, data: bytes) -> None:
        self.seat.standing = {b"b": Standing.BUSY, b"k": Standing.KNOWN}[data]


@contextlib.asynccontextmanager
async def door(**bounds: Any) -> AsyncIterator[Door]:
    """Open a door with so many seats."""
    bounds = {"in_all": 3, "per_address": 100, **bounds}
    listener = Listeners().listen("test", Address("127.0.0.1", 0), BACKLOG)
    opened = Door("test", [listener], Guest, **bounds)
    try:
        yield opened
    finally:
        await opened.close()
        opened.send_all_away()
        for visitor in Visitor.all:
            visitor.writer.close()
            with contextlib.suppress(ConnectionError):
                await visitor.writer.wait_closed()
        Visitor.all.clear()


class Visitor:
    """A client, from an address of its own where one is given."""

    all: ClassVar[list[Visitor]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.all.append(self)

    @classmethod
    async def come(cls, door: Door, says: bytes = b"", source: str = "127.0.0.1") -> Visitor:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", door.port, local_addr=(source, 0)
        )
        visitor = cls(reader, writer)
        visitor.greeting = await reader.read(4)
        if says:
            writer.write(says)
            await asyncio.sleep(0.02)
        return visitor

    greeting = b""

    async def is_gone(self) -> bool:
        try:
            async with asyncio.timeout(0.2):
                return await self.reader.read(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True


async def gone(visitors: list[Visitor]) -> list[bool]:
    return [await visitor.is_gone() for visitor in visitors]


@pytest.mark.case("A3")
def test_who_has_shown_least_goes_first_and_the_oldest_of_those() -> None:
    async def test() -> None:
        async with door() as opened:
            says = (b"k", b"", b"b")
            visitors = [await Visitor.come(opened, one) for one in says]
            for expected in ([0, 1, 0], [1, 1, 0]):
                new = await Visitor.come(opened, b"b")
                assert new.greeting == b"seat"
                assert await gone(visitors) == [bool(one) for one in expected]
            last = await Visitor.come(opened)
            assert last.greeting == b"full"
            assert opened.taken == 4

    run(test())


@pytest.mark.case("A3")
def test_an_address_takes_no_others_seats() -> None:
    async def test() -> None:
        async with door(in_all=100, per_address=2) as opened:
            honest = await Visitor.come(opened, source="127.0.0.5")
            flood = [await Visitor.come(opened) for _ in range(10)]
            assert await gone(flood) == [True] * 8 + [False] * 2
            assert not await honest.is_gone()
            assert opened.taken == 3

    run(test())


@pytest.mark.slow
@pytest.mark.case("C13")
def test_a_proxy_connects_for_many() -> None:
    async def test() -> None:
        is_proxy: Callable[[str], bool] = lambda address: address == "127.0.0.1"  # noqa: E731
        async with door(in_all=100, per_address=2, is_exempt=is_proxy) as opened:
            visitors = [await Visitor.come(opened) for _ in range(10)]
            assert not any(await gone(visitors))

    run(test())


def test_within_its_grace_nobody_is_sent_away() -> None:
    async def test() -> None:
        async with door(in_all=1, grace=0.3) as opened:
            first = await Visitor.come(opened)
            assert (await Visitor.come(opened)).greeting == b"full"
            await asyncio.sleep(0.35)
            assert (await Visitor.come(opened)).greeting == b"seat"
            assert await first.is_gone()

    run(test())


@pytest.mark.slow
def test_a_flood_of_busy_ones_is_cut_off() -> None:
    async def test() -> None:
        async with door(in_all=1) as opened:
            first = await Visitor.come(opened, b"b")
            flood = [await Visitor.come(opened, b"b") for _ in range(64)]
            assert {one.greeting for one in flood} == {b"full"}
            assert (await Visitor.come(opened)).greeting == b""
            first.writer.close()
            await asyncio.sleep(0.05)
            assert opened.taken == 64

    run(test())


def test_a_deadline_ends_a_connection() -> None:
    async def test() -> None:
        async with door() as opened:
            visitor = await Visitor.come(opened)
            [seat] = opened._seats
            seat.deadline = asyncio.get_running_loop().time()
            assert await visitor.reader.read() == b""
            assert opened.taken == 0

    run(test())
