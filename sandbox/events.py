"""One who follows server-sent events, and what he has been told so far."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.waiting import patience


@dataclass
class Events:
    """Each event as its fields `event`, `id` and `data`."""

    told: list[dict[str, str]] = field(default_factory=list)
    comments: int = 0
    status: int = 0

    def named(self, name: str) -> list[Any]:
        """Return what the events of one name say."""
        return [json.loads(one["data"]) for one in self.told if one["event"] == name]

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(patience(seconds)):
            while not condition():
                await asyncio.sleep(0.005)

    async def until_newest(self, name: str, state: str) -> None:
        """Wait until the newest event of a name, which may be yet to come, tells of a state."""
        await self.until(lambda: [one["state"] for one in self.named(name)][-1:] == [state])

    def take(self, line: str, one: dict[str, str]) -> None:
        """Take a line of the stream; `one` is the event that it belongs to."""
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            self.comments += 1
        elif line:
            one[name] = value
        elif "event" in one:
            self.told.append(dict(one))
            one.clear()


@contextlib.asynccontextmanager
async def listening(
    client: httpx.AsyncClient, url: str, last_id: str = "", **query: str
) -> AsyncIterator[Events]:
    """Follow the events at `url`, after that with an id; go on when the first has come."""
    events = Events()
    headers = {"Last-Event-ID": last_id} if last_id else {}

    async def follow() -> None:
        stream = client.stream("GET", url, params=query, headers=headers, timeout=None)
        async with stream as response:
            events.status = response.status_code
            one: dict[str, str] = {}
            async for line in response.aiter_lines():
                events.take(line, one)

    task = asyncio.create_task(follow())
    try:
        # Who has missed nothing is told nothing at first.
        await events.until(
            lambda: bool(events.told) or task.done() or bool(last_id and events.status)
        )
        yield events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
