"""A Redis that calls do well to ask, and do without: errors for the edge, what Kamailio knows.

A caller hears nothing while it is asked, so every question has a deadline.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from click2dial_agi.io.redis_client import REDIS_ERRORS, connect

__all__ = ["RedisBeside"]

log = logging.getLogger(__name__)

# Seconds for connecting, and for an answer that has no shorter deadline.
_TIMEOUT = 0.3

# After a Redis that did not answer: for so long it is not asked again, so that a Redis that hangs
# costs its deadline once and not in every call.
_LEAVE_ALONE = 5.0


class RedisBeside:
    """Asks a Redis by its deadlines; ``without`` says what calls lack where it does not answer."""

    def __init__(self, url: str, without: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = connect(url, _TIMEOUT)
        self._without = without
        self._clock = clock
        self._ask_again_at = 0.0

    async def ask(self, question: Callable[[Redis], Awaitable[Any]], deadline: float) -> Any:
        """Return the answer; None if it fails, is late, or Redis is being left alone.

        ``deadline`` is in seconds.  Never raises.
        """
        if self._clock() < self._ask_again_at:
            return None
        try:
            async with asyncio.timeout(deadline):
                return await question(self._redis)
        except (*REDIS_ERRORS, ValueError) as error:
            self._ask_again_at = self._clock() + _LEAVE_ALONE
            reason = str(error) or f"no answer in {deadline:g} s"
            log.warning("edge.redis or errors_redis: %s; %s", reason, self._without)
            return None

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
