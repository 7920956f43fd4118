"""All notifications of an office, popped as they come, for tests that run at the same time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from sandbox.waiting import patience

Payload = dict[str, Any]


@dataclass(frozen=True)
class Notification:
    """One notification: its list, the payload, and when it was popped, in Unix time."""

    list_name: str
    payload: Payload
    at: float


class Notifications:
    """Pops the lists of an office; each test takes its own out."""

    def __init__(self, redis_url: str, lists: Sequence[str]) -> None:
        self.untaken: list[Notification] = []
        self._url = redis_url
        self._lists = list(lists)
        self._arrived = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._pop())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _pop(self) -> None:
        redis = Redis.from_url(self._url, decode_responses=True, socket_timeout=None)
        try:
            while True:
                popped = cast("list[str]", await redis.brpop(self._lists))
                payload = json.loads(popped[1])["payload"]
                async with self._arrived:
                    self.untaken.append(Notification(popped[0], payload, time.time()))
                    self._arrived.notify_all()
        finally:
            await redis.aclose()

    async def wait(
        self, mine: Callable[[Notification], bool], count: int, timeout: float = 5.0
    ) -> bool:
        """Return whether so many of the caller's came in time; they stay."""

        async def enough() -> None:
            async with self._arrived:
                while sum(map(mine, self.untaken)) < count:
                    await self._arrived.wait()

        try:
            await asyncio.wait_for(enough(), patience(timeout))
        except TimeoutError:
            return False
        return True

    def take(self, mine: Callable[[Notification], bool]) -> list[Notification]:
        """Take the caller's out, all that are there."""
        taken = [one for one in self.untaken if mine(one)]
        self.untaken = [one for one in self.untaken if not mine(one)]
        return taken
