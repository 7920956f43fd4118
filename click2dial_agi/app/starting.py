"""Starting what calls do not need: what cannot start now is tried again while calls are served."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from click2dial_agi.exceptions import StartupError

__all__ = ["Starting"]

log = logging.getLogger(__name__)

# An address that comes up late, or a port that somebody gives back, is had within this.
_EVERY = 5.0

# How often it is said that it still cannot: every five minutes.
_SAY_EVERY = 60


class Starting:
    """Parts that start when they can."""

    def __init__(self, every: float | None = None) -> None:
        self._every = _EVERY if every is None else every
        self._trying: set[asyncio.Task[None]] = set()

    async def start(self, start: Callable[[], Awaitable[None]]) -> None:
        """Start a part, or go on trying beside the caller if it raises :exc:`StartupError`."""
        try:
            await start()
        except StartupError as error:
            log.error("%s; tried again every %g s", error, self._every)
            task = asyncio.create_task(self._try(start))
            self._trying.add(task)
            task.add_done_callback(self._trying.discard)

    async def stop(self) -> None:
        """Give up what has not started."""
        for task in self._trying:
            task.cancel()
        await asyncio.gather(*self._trying, return_exceptions=True)

    async def _try(self, start: Callable[[], Awaitable[None]]) -> None:
        tries = 0
        while True:
            await asyncio.sleep(self._every)
            try:
                await start()
            except StartupError as error:
                tries += 1
                if tries % _SAY_EVERY == 0:
                    log.error("%s; still tried again", error)
            else:
                log.info("what could not start is up")
                return
