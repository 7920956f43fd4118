"""The errors of refused calls, on their way from the AGI handlers to the WebSocket edge.

In one process they wait in memory.  Where the edge is another process or host they also go through
a Redis (``edge.redis``), under keys that live seconds.  Neither way can hold up a call: memory is
bounded, and every look at Redis has a deadline.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.headers import PLATFORMA_ERROR, TELEFORGE_ERROR
from click2dial_agi.io.redis_beside import RedisBeside

__all__ = ["ErrorHeaders", "Refusals"]

ErrorHeaders = tuple[tuple[str, str], ...]

# Asterisk refuses the call as soon as it has read our answer: a few milliseconds.  What lies here
# longer belongs to a phone that does not come through an edge, and nobody will ask for it.
_KEEP = 30

# More refusals than a busy server sees in _KEEP seconds; about 1 KB each.
_MAX_KEPT = 10_000

# Asterisk waits for our answer while the errors are written, with a caller who hears nothing yet.
_WRITE_TIMEOUT = 0.25

# One browser waits for one refusal while the errors are read.
_READ_TIMEOUT = 0.3

# What is read back is held to what we write: four errors at most, in two families.
_MAX_HEADERS = 16
_MAX_VALUE = 512


class Refusals:
    """Keeps error headers by SIP dialog (To tag and Call-ID) for the edge to find."""

    def __init__(
        self, redis_url: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept: OrderedDict[str, tuple[float, ErrorHeaders]] = OrderedDict()
        self._clock = clock
        self._redis: RedisBeside | None = None
        if redis_url is not None:
            self._redis = RedisBeside(redis_url, "refused calls lack their error headers", clock)

    @property
    def kept(self) -> int:
        """How many calls' errors lie in memory."""
        return len(self._kept)

    async def publish(self, dialog: str, headers: Sequence[tuple[str, str]]) -> None:
        """Have these headers ready for the response that refuses the call.  Never raises."""
        now = self._clock()
        while self._kept and (
            len(self._kept) >= _MAX_KEPT or next(iter(self._kept.values()))[0] <= now - _KEEP
        ):
            self._kept.popitem(last=False)
        self._kept.pop(dialog, None)  # an entry that is written again is a new one
        self._kept[dialog] = now, tuple(headers)
        if self._redis is not None:
            key, text = _key(dialog), json.dumps(headers)
            await self._redis.ask(lambda redis: redis.set(key, text, ex=_KEEP), _WRITE_TIMEOUT)

    async def find(self, dialog: str, *, elsewhere: bool) -> ErrorHeaders:
        """Return the headers for a call, none if it is not one that we refused.  Never raises.

        ``elsewhere`` allows a look at Redis for what another process published.
        """
        kept = self._kept.pop(dialog, None)
        if kept is not None:
            return kept[1] if kept[0] > self._clock() - _KEEP else ()
        if self._redis is None or not elsewhere:
            return ()
        key = _key(dialog)
        return _read(await self._redis.ask(lambda redis: redis.get(key), _READ_TIMEOUT))

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis is not None:
            await self._redis.close()


def _key(dialog: str) -> str:
    # Hashed: a phone chooses its Call-ID, and must not choose a key.
    return f"c2d:errors:{sha256(dialog.encode('utf-8', 'replace')).hexdigest()}"


def _read(text: Any) -> ErrorHeaders:
    """Read what ``publish`` wrote; another writer's text gives no headers."""
    try:
        headers = [(name, value) for name, value in parse_json(text or "[]")]
    except (ValueError, TypeError):
        return ()
    return tuple(
        (name, value)
        for name, value in headers[:_MAX_HEADERS]
        if name in (TELEFORGE_ERROR, PLATFORMA_ERROR)
        and isinstance(value, str)
        and len(value) <= _MAX_VALUE
    )
