"""Asking Kamailios for an agent's phone: any yes counts, and silence is no no."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from click2dial_agi.domain.kamailio import Kamailio
from click2dial_agi.io.kamailio_door import KamailioDoors
from sandbox import ports

YES, NO, SILENCE, NOBODY = b'{"registered": true}', b'{"registered": false}', b"", None


@asynccontextmanager
async def _door(port: int, body: bytes | None, asked: list[str]) -> AsyncIterator[None]:
    """Play the door of a node; None: nobody listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = b"401 Unauthorized" if body == b"denied" else b"200 OK"
        answer = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (
            *(status, len(body or b""), body or b""),
        )
        with contextlib.suppress(asyncio.IncompleteReadError, OSError), contextlib.closing(writer):
            while True:
                asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if body != SILENCE:
                    writer.write(answer)

    if body is NOBODY:
        yield
        return
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


def _kamailio(inner: list[int]) -> Kamailio:
    nodes = [
        {"name": f"k{n}", "phones": f"127.0.0.1:{n}", "inner": f"127.0.0.1:{port}"}
        for n, port in enumerate(inner, 1)
    ]
    return Kamailio.model_validate(
        {"nodes": nodes, "asterisks": ["127.0.0.9:1"], "secret": "0123456789abcdef"}
    )


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([YES], True),
        ([NO], False),
        ([NO, YES], True),
        ([YES, SILENCE], True),
        ([NO, SILENCE], False),
        ([NO, NOBODY], False),
        ([SILENCE, NOBODY], None),
        ([b"denied"], None),
        ([b"[]"], None),
        ([b'{"registered": "yes"}'], None),
        ([b"[" * 100_000], None),
        ([b"\xff"], None),
    ],
)
def test_who_answers_counts(bodies: list[bytes | None], expected: bool | None) -> None:
    async def ask() -> None:
        inner, asked = [ports.free_port() for _ in bodies], list[str]()
        doors = KamailioDoors(_kamailio(inner), timeout=0.3)
        async with AsyncExitStack() as stack:
            for port, body in zip(inner, bodies, strict=True):
                await stack.enter_async_context(_door(port, body, asked))
            assert await doors.has_phone("1000") is expected
            await doors.close()
        assert all(head.startswith("GET /phones/1000 HTTP/1.1\r\n") for head in asked)
        assert all("Authorization: Basic " in head for head in asked)

    asyncio.run(ask())


def test_a_silent_one_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        port = ports.free_port()
        doors = KamailioDoors(_kamailio([port]), timeout=0.3)
        for body in (NOBODY, NOBODY, YES):
            async with _door(port, body, []):
                for _ in range(2):
                    await doors.has_phone("1000")
        await doors.close()

    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        asyncio.run(ask())
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in said] == [
        "Kamailio k1 does not tell whether agents have phones",
        "Kamailio k1 tells again whether agents have phones",
    ]
