"""Asterisk's side of a FastAGI session, byte by byte on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from tests.agi.wire import environment


class FakeAsterisk:
    """One connection to a FastAGI server; an asynchronous context manager."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = (host, port)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.vanish()

    async def ask(self, script: str, query: str = "") -> None:
        """Open the session, as AGI(agi://host/script?query) does."""
        await self.send(environment(f"{script}?{query}" if query else script))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def command(self) -> str:
        """Return the next command, without its newline; empty when the server closed."""
        try:
            return (await self._reader.readline()).decode().removesuffix("\n")
        except ConnectionError:
            return ""

    async def reply(self, line: str = "200 result=0") -> None:
        """Answer the command."""
        await self.send(f"{line}\n".encode())

    async def is_turned_away(self) -> bool:
        """Ask, and tell whether the server closed the connection instead of answering."""
        with contextlib.suppress(ConnectionError):
            await self.ask("outbound")
        return await self.command() == ""

    async def rest(self) -> bytes:
        """Return all that still comes until the server closes."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""

    async def vanish(self) -> None:
        """Reset the connection, as an Asterisk that dies does."""
        self._writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
