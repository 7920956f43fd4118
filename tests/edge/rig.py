"""An edge between clients that a test plays and an Asterisk that it plays too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from click2dial_agi.domain.config import Edge as EdgeConfig
from click2dial_agi.io.edge import Edge
from click2dial_agi.io.refusals import Refusals
from sandbox.waiting import patience

T = TypeVar("T")
SIP = Subprotocol("sip")

#: No test waits so long: what should come comes in milliseconds.
LONG = patience(10.0)


def run(test: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on the loop that the product uses, with a deadline.

    A task that it leaves behind is a failure.
    """

    async def bounded() -> T:
        async with asyncio.timeout(6 * LONG):
            result = await test
        # Give what was cancelled or closed its last turns.
        for _ in range(10):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"
        return result

    return uvloop.run(bounded())


async def soon(waiting: Coroutine[Any, Any, T]) -> T:
    """Wait for what should come at once."""
    async with asyncio.timeout(LONG):
        return await waiting


class FakeAsterisk:
    """A WebSocket server in Asterisk's place; a test takes its connections one by one."""

    def __init__(self, port: int = 0, echo: bool = False) -> None:
        self.port = port
        self._echo = echo
        self._arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._connections: set[ServerConnection] = set()
        self._server: Server

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def __aenter__(self) -> FakeAsterisk:
        self._server = await serve(
            self._keep,
            "127.0.0.1",
            self.port,
            subprotocols=[SIP],
            compression=None,
            max_size=None,
            close_timeout=1,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await soon(self._server.wait_closed())

    async def accept(self) -> ServerConnection:
        """Return the next connection that the edge opened."""
        return await soon(self._arrived.get())

    async def crash(self) -> None:
        """End as a killed process does: every connection is reset, nobody listens."""
        self._server.close(close_connections=False)
        for connection in tuple(self._connections):
            connection.transport.abort()
        await soon(self._server.wait_closed())

    async def _keep(self, connection: ServerConnection) -> None:
        self._arrived.put_nowait(connection)
        self._connections.add(connection)
        with contextlib.suppress(ConnectionClosed):
            while self._echo:
                await connection.send(await connection.recv())
        await connection.wait_closed()
        self._connections.discard(connection)


@contextlib.asynccontextmanager
async def running_edge(
    upstream: str, refusals: Refusals | None = None, **config: Any
) -> AsyncIterator[Edge]:
    """Run an edge; ``config`` are keys of its section."""
    section = {"listen": "127.0.0.1:0", "upstream": upstream, **config}
    edge = Edge(EdgeConfig.model_validate(section), refusals or Refusals())
    await edge.start()
    try:
        yield edge
    finally:
        await soon(edge.stop(1.0))
        assert edge.connections == 0


@contextlib.asynccontextmanager
async def phone(edge: Edge, path: str = "/ws", **options: Any) -> AsyncIterator[ClientConnection]:
    """Connect to the edge as a softphone."""
    options = {"subprotocols": [SIP], "compression": None, "max_size": None, **options}
    url = f"ws://127.0.0.1:{edge.port}{path}"
    async with connect(url, proxy=None, close_timeout=1, **options) as client:
        yield client


@contextlib.asynccontextmanager
async def pair(
    refusals: Refusals | None = None, **config: Any
) -> AsyncIterator[tuple[ClientConnection, ServerConnection, Edge]]:
    """Join one phone to one connection of a fake Asterisk's through an edge."""
    async with (
        FakeAsterisk() as asterisk,
        running_edge(asterisk.url, refusals, **config) as edge,
        phone(edge) as client,
    ):
        yield client, await asterisk.accept(), edge
