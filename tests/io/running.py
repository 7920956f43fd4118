"""Run coroutines in tests, and wait for what must come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sandbox.waiting import patience

T = TypeVar("T")
Loop = Callable[[], asyncio.AbstractEventLoop]

PATIENCE = patience(20.0)  # seconds; nobody waits so long but a test that fails
POLL = 0.002


def run(coroutine: Coroutine[Any, Any, T], loop: Loop | None = None) -> T:
    """Run a coroutine in a new loop, and not forever."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE):
            return await coroutine

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(bounded())


async def eventually(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; ``run`` limits how long that may take."""
    while not condition():
        await asyncio.sleep(POLL)
