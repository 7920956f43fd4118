"""Rounds of a work that is done for each integrator, now and again.

Each has a Redis of its own, or may have: nobody waits for another's that hangs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from click2dial_agi.app.ending import end

__all__ = ["Rounds"]

_T = TypeVar("_T")

# Side by side; the work may ask a PBX, which calls wait for as well.
_AT_ONCE = 25


class Rounds(Generic[_T]):
    """Does ``work`` for each, side by side; who is not through with one round misses the next.

    ``work`` tells itself of what goes wrong.
    """

    def __init__(self, work: Callable[[_T], Awaitable[None]]) -> None:
        self._work = work
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def begin(self, each: Mapping[str, _T]) -> None:
        """Begin a round for each of a name."""
        for name, one in each.items():
            if name not in self._under_way:
                task = asyncio.create_task(self._do(name, one))
                self._under_way[name] = task

    async def finish(self) -> None:
        """Wait for what is being done, and begin nothing more."""
        self._closed = True
        if self._under_way:
            await asyncio.wait(self._under_way.values())

    async def cancel(self) -> None:
        """Break off what is being done."""
        self._closed = True
        await end(*self._under_way.values())

    async def _do(self, name: str, one: _T) -> None:
        try:
            async with self._at_once:
                if not self._closed:
                    await self._work(one)
        finally:
            del self._under_way[name]
