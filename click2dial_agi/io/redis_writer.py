"""Notifications on their way to Redis: pushed once each, whoever tries again."""

import asyncio
import logging
from collections import defaultdict
from typing import Any, Literal

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from click2dial_agi.domain.records import Notification
from click2dial_agi.exceptions import NotificationError

__all__ = ["RedisWriter", "pushed_key"]

log = logging.getLogger(__name__)

# For how long a second push of the same call_ref on the same list is known as one.
_REMEMBER = 24 * 60 * 60

# Asterisk waits for the receipt meanwhile, with the channel of a phone that has hung up: long
# enough for a Redis that is busy, short enough that two servers can be tried.
_TIMEOUT = 2.0

# Redis runs a script without a pause, so a batch must stay well under a millisecond.
_MAX_BATCH = 200

# KEYS: the list, then a marker for each body.  ARGV: the push command, the markers' lifetime, the
# bodies.  Pushing comes before marking: if the list is of another type the script ends there, and
# nothing is marked that was not pushed.  The channel of the list's name lets `tail` watch without
# popping.
_SCRIPT = """
local pushed = {}
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call(ARGV[1], KEYS[1], ARGV[i + 1])
    redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[2])
    redis.call('PUBLISH', KEYS[1], ARGV[i + 1])
    pushed[i - 1] = 1
  else
    pushed[i - 1] = 0
  end
end
return pushed
"""

Waiting = tuple[Notification, "asyncio.Future[bool]"]


def pushed_key(list_name: str, call_ref: str) -> str:
    """Return the key that holds, for 24 hours, what was pushed for a call on a list.

    The braces put it into the cluster slot of the list itself.
    """
    return f"{{{list_name}}}:pushed:{call_ref}"


class RedisWriter:
    """Pushes one integrator's notifications.

    What arrives while a push is under way goes out together with the next, in one round trip for
    each list, so the cost of a push falls as the load rises.
    """

    def __init__(self, url: str, push: Literal["left", "right"], timeout: float = _TIMEOUT) -> None:
        # One retry: a connection that Redis closed while idle is found out by using it.  Trying
        # again is harmless, since the script pushes a call_ref once.
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._command = "LPUSH" if push == "left" else "RPUSH"
        self._timeout = timeout
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def push(self, notification: Notification) -> bool:
        """Store a notification; False if its call_ref was on that list already.

        Raises :exc:`NotificationError` when Redis did not confirm it in time; it may be stored all
        the same, and may be offered again.
        """
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((notification, stored))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await stored

    async def close(self) -> None:
        """Finish what is under way and close the connections."""
        if self._writing is not None:
            await self._writing
        await self._redis.aclose()

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
            lists: dict[str, list[Waiting]] = defaultdict(list)
            for waiting in batch:
                lists[waiting[0].list_name].append(waiting)
            for list_name, group in lists.items():
                await self._write_list(list_name, group)

    async def _write_list(self, list_name: str, group: list[Waiting]) -> None:
        keys = [list_name]
        keys += [pushed_key(list_name, notification.call_ref) for notification, _ in group]
        arguments: list[Any] = [self._command, _REMEMBER]
        arguments += [notification.body for notification, _ in group]
        try:
            async with asyncio.timeout(self._timeout):
                pushed = await self._script(keys, arguments)
        except Exception as error:  # whatever it was, those who wait must hear of it
            expected = isinstance(error, RedisError | OSError)  # TimeoutError is an OSError
            reason = str(error) or "no answer in time"
            log.warning(
                "Redis did not take %d notifications: %s", len(group), reason, exc_info=not expected
            )
            for _, stored in group:
                if not stored.done():
                    stored.set_exception(NotificationError(f"Redis: {reason}"))
            return
        for (_, stored), new in zip(group, pushed, strict=True):
            if not stored.done():
                stored.set_result(bool(new))
