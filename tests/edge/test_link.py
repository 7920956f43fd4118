"""What passes between a browser and Asterisk, byte by byte, and what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.edge.rig import LONG, FakeAsterisk, pair, phone, run, running_edge, soon

REGISTER = "REGISTER sip:127.0.0.1 SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n\r\n"

MESSAGES: list[str | bytes] = [
    REGISTER,
    REGISTER.encode(),
    "",
    b"",
    "\r\n\r\n",
    "Zoë 日本語 🙂",
    bytes(range(256)),
    "a" * 65_536,
    b"\x00" * 65_536,
]


async def _closed(connection: ClientConnection | ServerConnection) -> tuple[int | None, str | None]:
    """Return code and reason when the other side has closed."""
    await soon(connection.wait_closed())
    return connection.close_code, connection.close_reason


def test_messages_pass_as_they_are_both_ways() -> None:
    async def test() -> None:
        async with pair() as (client, asterisk, _):
            for message in MESSAGES:
                await client.send(message)
                assert await soon(asterisk.recv()) == message
                await asterisk.send(message)
                assert await soon(client.recv()) == message
            assert asterisk.subprotocol == client.subprotocol == "sip"

    run(test())


def test_fragments_arrive_as_one_message() -> None:
    async def test() -> None:
        async with pair() as (client, asterisk, _):
            await client.send(["REG", "ISTER ", "sip:x"])
            assert await soon(asterisk.recv()) == "REGISTER sip:x"
            await asterisk.send([b"SIP/", b"2.0"])
            assert await soon(client.recv()) == b"SIP/2.0"

    run(test())


@pytest.mark.parametrize("message", ["a" * 65_537, b"a" * 65_537, ["a" * 40_000, "b" * 40_000]])
def test_a_message_over_the_limit_ends_only_its_sender(message: str | bytes | list[str]) -> None:
    async def test() -> None:
        async with (
            FakeAsterisk(echo=True) as asterisk,
            running_edge(asterisk.url) as edge,
            phone(edge) as greedy,
            phone(edge) as other,
        ):
            with contextlib.suppress(ConnectionClosed):
                await greedy.send(message)
            code, _ = await _closed(greedy)
            assert code == 1009
            await other.send(REGISTER)
            assert await soon(other.recv()) == REGISTER

    run(test())


def test_text_that_is_not_utf8_ends_only_its_sender() -> None:
    async def test() -> None:
        async with pair() as (client, asterisk, _):
            await client.send(b"\xff\xfe", text=True)
            assert await _closed(client) == (1007, "invalid start byte at position 0")
            assert await _closed(asterisk) == (1000, "")

    run(test())


@pytest.mark.parametrize("code", [1000, 1001, 3000])
def test_a_phone_that_leaves_takes_its_upstream_along(code: int) -> None:
    async def test() -> None:
        async with pair() as (client, asterisk, edge):
            assert edge.connections == 1
            await client.close(code)
            assert await _closed(asterisk) == (1000, "")

    run(test())


def test_a_phone_that_vanishes_takes_its_upstream_along() -> None:
    async def test() -> None:
        async with pair() as (client, asterisk, _):
            client.transport.abort()
            assert await _closed(asterisk) == (1000, "")

    run(test())


@pytest.mark.parametrize("how", ["closes", "dies"])
def test_asterisk_ends_and_the_phone_hears_why(how: str) -> None:
    async def test() -> None:
        async with pair() as (client, asterisk, _):
            if how == "closes":
                await asterisk.close()
            else:
                asterisk.transport.abort()
            assert await _closed(client) == (1013, "Asterisk is away, try again")

    run(test())


def test_asterisk_is_not_there_and_comes_back() -> None:
    async def test() -> None:
        async with FakeAsterisk() as asterisk:
            port = asterisk.port
        async with running_edge(f"ws://127.0.0.1:{port}/ws") as edge:
            async with phone(edge) as client:
                assert await _closed(client) == (1013, "Asterisk is away, try again")
            with pytest.raises(OSError, match="refused"):
                await edge.check_upstream()
            async with FakeAsterisk(port, echo=True), phone(edge) as client:
                await edge.check_upstream()
                await client.send(REGISTER)
                assert await soon(client.recv()) == REGISTER

    run(test())


def test_asterisk_answers_no_websocket() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async def test() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with running_edge(f"ws://127.0.0.1:{port}/ws") as edge, phone(edge) as client:
                assert await _closed(client) == (1013, "Asterisk is away, try again")
                with pytest.raises(InvalidStatus):
                    await edge.check_upstream()

    run(test())


def test_asterisk_restarts_under_a_hundred_phones() -> None:
    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            asterisk = await stack.enter_async_context(FakeAsterisk(echo=True))
            edge = await stack.enter_async_context(running_edge(asterisk.url))
            phones = [await stack.enter_async_context(phone(edge)) for _ in range(100)]
            for client in phones:
                await client.send(REGISTER)
                assert await soon(client.recv()) == REGISTER
            await asterisk.crash()
            ends = await asyncio.gather(*(_closed(client) for client in phones))
            assert set(ends) == {(1013, "Asterisk is away, try again")}
            await stack.enter_async_context(FakeAsterisk(asterisk.port, echo=True))
            phones = [await stack.enter_async_context(phone(edge)) for _ in range(100)]
            for client in phones:
                await client.send(REGISTER)
                assert await soon(client.recv()) == REGISTER

    run(test())


def test_a_phone_that_never_reads_is_dropped_and_stalls_nobody() -> None:
    async def test() -> None:
        async with (
            FakeAsterisk() as asterisk,
            running_edge(asterisk.url, stall_timeout=0.3) as edge,
            phone(edge) as deaf,
            phone(edge) as other,
        ):
            to_deaf, to_other = await asterisk.accept(), await asterisk.accept()
            deaf.transport.pause_reading()
            flood = asyncio.create_task(_flood(to_deaf))
            while not flood.done():
                await to_other.send(REGISTER)
                assert await soon(other.recv()) == REGISTER
            assert 0 < flood.result() < 50_000_000
            assert await _closed(to_deaf) == (1000, "")
            deaf.transport.abort()

    run(test())


def test_an_asterisk_that_never_reads_is_dropped() -> None:
    async def test() -> None:
        async with pair(stall_timeout=0.3) as (client, asterisk, _):
            asterisk.transport.pause_reading()
            assert 0 < await _flood(client) < 50_000_000
            assert await _closed(client) == (1013, "Asterisk is away, try again")
            asterisk.transport.abort()

    run(test())


async def _flood(connection: ClientConnection | ServerConnection) -> int:
    """Send until the connection is closed; return how many bytes it took."""
    sent = 0
    with contextlib.suppress(ConnectionClosed):
        while True:
            await soon(connection.send(b"x" * 60_000))
            sent += 60_000
    return sent


@pytest.mark.slow
def test_a_phone_that_answers_no_ping_is_dropped() -> None:
    async def test() -> None:
        async with pair(ping_interval=0.05, ping_timeout=0.1) as (client, asterisk, _):
            client.transport.pause_reading()
            assert await _closed(asterisk) == (1000, "")
            client.transport.abort()

    run(test())


def test_an_idle_phone_is_dropped_and_a_talking_one_is_not() -> None:
    async def test() -> None:
        async with (
            FakeAsterisk(echo=True) as asterisk,
            running_edge(asterisk.url, idle_timeout=0.4) as edge,
            phone(edge) as silent,
            phone(edge) as talking,
        ):
            ended = asyncio.create_task(_closed(silent))
            while not ended.done():
                await talking.send(REGISTER)
                assert await soon(talking.recv()) == REGISTER
                await asyncio.wait({ended}, timeout=0.05)
            assert ended.result() == (1001, "idle")
            assert talking.close_code is None

    run(test())


@pytest.mark.slow
def test_phones_that_come_and_go_leave_nothing_behind() -> None:
    async def test() -> None:
        async with FakeAsterisk(echo=True) as asterisk, running_edge(asterisk.url) as edge:
            files = len(os.listdir("/proc/self/fd"))
            for number in range(200):
                async with phone(edge) as client:
                    await client.send(REGISTER)
                    assert await soon(client.recv()) == REGISTER
                    if number % 2:
                        client.transport.abort()
            async with asyncio.timeout(LONG):
                while edge.connections or len(os.listdir("/proc/self/fd")) > files:
                    await asyncio.sleep(0.001)

    run(test())


def test_stopping_closes_every_phone() -> None:
    async def test() -> None:
        async with (
            FakeAsterisk() as asterisk,
            running_edge(asterisk.url) as edge,
            phone(edge) as client,
            phone(edge) as deaf,
        ):
            to_client, to_deaf = await asterisk.accept(), await asterisk.accept()
            deaf.transport.pause_reading()
            loop = asyncio.get_running_loop()
            began = loop.time()
            await edge.stop(0.5)
            assert loop.time() - began < LONG / 4
            assert await _closed(client) == (1012, "the server is stopping")
            await _closed(to_client)
            await _closed(to_deaf)
            deaf.transport.abort()

    run(test())
