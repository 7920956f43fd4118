"""Clients that send slowly, too much, or nothing: each is bounded, and the others are served."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from click2dial_agi.app.http import protocol
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.rig import BODY, CALLS, QUICK, exchange, serve, wire
from tests.io.running import run

GOOD = json.dumps(BODY).encode()
CLOSE = "Connection: close"


def test_a_body_that_does_not_come(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            request = wire(GOOD, CLOSE)
            began = time.monotonic()
            answer = await exchange(api.port, request[:-1])
            assert QUICK.body <= time.monotonic() - began < QUICK.body + patience(1)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"body: all of it within 0.3 seconds" in answer
            # One byte at a time is no way around it.
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            writer.write(wire(GOOD)[:-50])
            for _ in range(8):
                writer.write(b" ")
                await asyncio.sleep(QUICK.body / 8)
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
            writer.close()
            assert ari.requests == []

    run(test())


def test_a_body_in_pieces_is_good(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            head = wire(b"", "Transfer-Encoding: chunked", CLOSE, length="")
            chunks = [b"%x\r\n%s\r\n" % (1, GOOD[n : n + 1]) for n in range(len(GOOD))]
            answer = await exchange(api.port, head, *chunks, b"0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 201 ")
            assert len(ari.asked("originate")) == 1

    run(test())


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET ", b"GET / HTTP/1.1\r\nX: ", wire(b"x" * 10, CLOSE, path="/healthz")[:-5]],
    ids=["nothing", "method", "headers", "a body that nobody reads"],
)
def test_a_request_that_does_not_come(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(protocol, "_TIMEOUT", 0.3)

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            began = time.monotonic()
            await exchange(api.port, sent)
            assert time.monotonic() - began < patience(2)

    run(test())


def test_headers_without_end(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            head = f"POST {CALLS} HTTP/1.1\r\n".encode()
            answer = await exchange(api.port, head + b"x" * 17_000)
            assert answer.startswith(b"HTTP/1.1 431 ")
            for endless in (b"X: y\r\n" * 1000, b"x" * 6000):
                answer = await exchange(api.port, head, *[endless] * 50)
                assert answer[:13] in (b"", b"HTTP/1.1 431 ")
            in_one = wire(GOOD, *[f"X{n}: {'y' * 100}" for n in range(1000)], CLOSE)
            answer = await exchange(api.port, in_one)
            assert answer[:10] in (b"", b"HTTP/1.1 4")
            assert ari.requests == []

    run(test())


def test_a_body_without_end(redis: RedisServer) -> None:
    """The client hears 413, and who does not listen is cut off."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            head = wire(b"", "Transfer-Encoding: chunked", length="")
            chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            writer.write(head + chunk)
            assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")

            async def send_on() -> None:
                while True:
                    writer.write(chunk)
                    await writer.drain()

            with pytest.raises(ConnectionError):
                await send_on()
            writer.close()
            assert ari.requests == []

    run(test())


def test_an_upgrade_is_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            upgrade = [
                "Upgrade: websocket",
                "Connection: Upgrade, close",
                "Sec-WebSocket-Version: 13",
            ]
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            request = wire(b"", *upgrade, key, method="GET", path="/healthz", length="")
            assert (await exchange(api.port, request)).startswith(b"HTTP/1.1 200 ")

    run(test())


def test_requests_on_one_connection_are_answered_in_turn(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            get = wire(b"", method="GET", path="/healthz")
            answer = await exchange(api.port, get * 50 + wire(b"", CLOSE, method="GET"))
            assert answer.count(b"HTTP/1.1 200 OK") == 51

    run(test())


@pytest.mark.slow
def test_a_connection_that_a_client_keeps(redis: RedisServer) -> None:
    """CRMs keep idle connections for some seconds; the next POST must not meet our closing."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            writer.write(wire(GOOD))
            assert (await reader.readline()).startswith(b"HTTP/1.1 201 ")
            with pytest.raises(TimeoutError):  # as the connection's end does not come
                await asyncio.wait_for(_end(reader), 6.0)
            writer.write(wire(GOOD, CLOSE))
            assert (await reader.readline()).startswith(b"HTTP/1.1 429 ")
            writer.close()

    async def _end(reader: asyncio.StreamReader) -> None:
        while await reader.read(1000):
            pass

    run(test())
