"""What a Redis that goes away makes of a command, on the event loop of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from redis.asyncio.connection import Connection

from click2dial_agi import __version__
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_client import answer_of, connect
from tests.io.running import run


@pytest.mark.case("C24")
def test_a_connection_that_breaks_while_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    begin: Any = Connection._connect

    async def begin_and_break(self: Any) -> None:
        await begin(self)
        self._writer.transport.abort()
        await self._writer.wait_closed()

    async def test() -> None:
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        redis = connect(f"redis://127.0.0.1:{port}/0", 2.0)
        asked = asyncio.create_task(answer_of(redis.ping()))
        await asyncio.wait([asked])
        await redis.aclose()
        listener.close()
        assert isinstance(asked.exception(), NotificationError), asked

    monkeypatch.setattr(Connection, "_connect", begin_and_break)
    run(test(), uvloop.new_event_loop)


def test_redis_is_told_whose_connections_they_are() -> None:
    told = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = b"%1\r\n+proto\r\n:3\r\n"
        while data := await reader.read(4096):
            told.extend(data)
            writer.write(hello if b"HELLO" in data else b"+OK\r\n" * data.count(b"*"))
        writer.close()

    async def test() -> None:
        listener = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        redis = connect(f"redis://127.0.0.1:{port}/0", 2.0)
        await answer_of(redis.ping())
        await redis.aclose()
        listener.close()

    run(test())
    assert f"redis-py(click2dial-agi_v{__version__})".encode() in told
