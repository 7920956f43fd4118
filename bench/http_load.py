"""POSTs over kept-alive connections, as bytes: what the client itself costs stays small."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeVar

from uvloop import new_event_loop

T = TypeVar("T")
CONNECTIONS = 16


@dataclass(frozen=True)
class Target:
    """Where to post, with which header lines, and the status that must come."""

    port: int
    path: str
    headers: Sequence[str]
    status: int

    def request(self, path: str, body: bytes) -> bytes:
        """Return a request as bytes."""
        lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json"]
        lines += [*self.headers, f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, request: bytes, status: int) -> float:
        """Return how many seconds the answer took; RuntimeError for another status."""
        began = time.perf_counter()
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        seconds = time.perf_counter() - began
        if not head.startswith(b"http/1.1 %d " % status):
            raise RuntimeError(f"{head!r} {body!r}")
        return seconds


async def _connect(target: Target) -> _Connection:
    return _Connection(*await asyncio.open_connection("127.0.0.1", target.port))


def latencies(target: Target, posts: Sequence[tuple[str, bytes]], rate: float) -> list[float]:
    """Post so many a second, each when it is due whatever became of the others; paths and bodies.

    Returns the seconds that each answer took, in ascending order.
    """

    async def run() -> list[float]:
        free: asyncio.Queue[_Connection] = asyncio.Queue()
        for _ in range(CONNECTIONS):
            free.put_nowait(await _connect(target))

        async def one(path: str, body: bytes) -> float:
            connection = await free.get()
            try:
                return await connection.post(target.request(path, body), target.status)
            finally:
                free.put_nowait(connection)

        began = time.perf_counter()
        tasks = []
        for number, (path, body) in enumerate(posts):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one(path, body)))
        return sorted(await asyncio.gather(*tasks))

    return _run(run)


def posts_per_second(target: Target, body: bytes, posts: int) -> float:
    """Post as fast as the answers come, on all connections."""

    async def run() -> float:
        connections = [await _connect(target) for _ in range(CONNECTIONS)]
        request = target.request(target.path, body)

        async def loop(connection: _Connection) -> None:
            for _ in range(posts // CONNECTIONS):
                await connection.post(request, target.status)

        began = time.perf_counter()
        await asyncio.gather(*map(loop, connections))
        return posts / (time.perf_counter() - began)

    return _run(run)


def _run(coroutine: Callable[[], Coroutine[None, None, T]]) -> T:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(coroutine())
