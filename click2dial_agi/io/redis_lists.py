"""Notifications on their way to Redis: pushed once each, whoever tries again."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from redis.exceptions import NoPermissionError

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.redis_url import parse_redis_url
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io import redis_checks
from click2dial_agi.io.live_store import MAX_EVENTS, events_key
from click2dial_agi.io.redis_checks import RedisReport
from click2dial_agi.io.redis_client import REDIS_ERRORS, connect

__all__ = ["MAX_HISTORY", "RedisLists", "Story", "history_key", "pushed_key"]

log = logging.getLogger(__name__)

_DAY = 24 * 60 * 60

# For how long a second push of the same call_ref on the same list is known as one.
_REMEMBER = _DAY

# Changes of states are many, and nobody tells of one again but after a push without an answer.
_REMEMBER_STATE = 60
_STATES = f":{NotificationKind.STATE}"

# Asterisk waits for the receipt meanwhile, with the channel of a phone that has hung up: long
# enough for a Redis that is busy, short enough that two servers can be tried.
_TIMEOUT = 2.0

# Redis runs a script without a pause, so a batch must stay well under a millisecond.
_MAX_BATCH = 200

# After one that was told and not taken, in seconds, in which nothing is told.
_TELL_PAUSE = 5.0

# What lasts is told of so often, in seconds: a list that nobody pops, a Redis that takes nothing.
_ALARM_EVERY = 300.0

# KEYS: the list, then a marker for each body, then perhaps the streams of what was and of what
# happens.  ARGV: the push command, the markers' lifetime, how many bodies, the bodies; then how
# many entries each stream keeps, and from which time on the first, to the entry; and for how long
# it stays without a push, in seconds.
#
# Pushing comes before marking: if the list is of another type the script ends there, and nothing is
# marked that was not pushed.  The channel of the list's name lets `tail` watch without popping.
# What the streams do not take (an old Redis, another type) is no reason to refuse a record, hence
# pcall.  A user who may not touch them may not even begin a script that names them: then they are
# left out.  Last in the answer is the list's length, 0 if nothing was pushed, or behind that what a
# stream answered that took nothing.
_SCRIPT = """
local pushed, length, count, refused = {}, 0, tonumber(ARGV[3]), nil
local function add(...)
  local answer = redis.pcall('XADD', ...)
  refused = type(answer) == 'table' and answer.err or refused
end
local past, events = KEYS[count + 2], KEYS[count + 3]
for i = 1, count do
  local marker, body = KEYS[i + 1], ARGV[i + 3]
  if redis.call('EXISTS', marker) == 0 then
    length = redis.call(ARGV[1], KEYS[1], body)
    redis.call('SET', marker, body, 'EX', ARGV[2])
    redis.call('PUBLISH', KEYS[1], body)
    if past then
      add(past, 'MAXLEN', '~', ARGV[count + 4], '*', 'data', body)
      add(events, 'MAXLEN', '~', ARGV[count + 5], '*', 'type', 'cdr', 'data', body)
    end
    pushed[i] = 1
  else
    pushed[i] = 0
  end
end
if past then
  local trimmed = redis.pcall('XTRIM', past, 'MINID', ARGV[count + 6])
  if type(trimmed) == 'table' and trimmed.err then  -- MINID came with Redis 6.2
    local last = string.format('%.0f', ARGV[count + 6] - 1)
    for _, entry in ipairs(redis.pcall('XRANGE', past, '-', last, 'COUNT', '1000')) do
      redis.pcall('XDEL', past, entry[1])
    end
  end
  redis.pcall('EXPIRE', past, ARGV[count + 7])
end
pushed[count + 1] = length
pushed[count + 2] = refused
return pushed
"""

# About 600 bytes each.
MAX_HISTORY = 100_000

Waiting = tuple[Notification, "asyncio.Future[bool]"]


def pushed_key(list_name: str, call_ref: str) -> str:
    """Return the key that holds, for 24 hours, what was pushed for a call on a list.

    The braces put it into the cluster slot of the list itself.
    """
    return f"{{{list_name}}}:pushed:{call_ref}"


class Story(NamedTuple):
    """Whose records are kept as history: those of a cdr list, for so many days."""

    cdr_list: str
    days: int

    def since(self, now: float) -> str:
        """Return the id in the stream from which on records are kept."""
        return str(int((now - self.days * _DAY) * 1000))

    @property
    def lifetime(self) -> int:
        """For how long the stream stays when no call adds to it any more, in seconds."""
        return (self.days + 1) * _DAY


def history_key(cdr_list: str) -> str:
    """Return the key of the stream of past records, which lies in the slot of the list."""
    return f"{{{cdr_list}}}:history"


class RedisLists:
    """The lists of one integrator in its Redis.  ``whose`` is the integrator, for the log.

    With ``story`` the records of its cdr list are kept in its history, too, and told to those who
    listen, in the step that pushes them.

    What arrives while a push is under way goes out together with the next, in one round trip for
    each list, so the cost of a push falls as the load rises.
    """

    def __init__(
        self,
        url: str,
        push: Literal["left", "right"],
        timeout: float = _TIMEOUT,
        list_alarm: int = 10_000,
        whose: str = "",
        story: Story | None = None,
    ) -> None:
        self._story = story
        self._place = parse_redis_url(url)
        self._whose = f"{whose}, " if whose else ""
        # It tries once more, which is harmless: the script pushes a call_ref once.
        self._redis = connect(url, timeout)
        self._script = self._redis.register_script(_SCRIPT)
        self._command = "LPUSH" if push == "left" else "RPUSH"
        self._timeout = timeout
        self._list_alarm = list_alarm
        self._alarm_at: dict[str, float] = defaultdict(float)
        self._failing = False
        self._told_at = 0.0
        self._tell_from: dict[str, float] = defaultdict(float)
        # While its user may not write the streams, they are left out, and tried now and again.
        self._untold_until = 0.0
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def failing(self) -> bool:
        """Whether the last push failed."""
        return self._failing

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

    async def tell(self, notification: Notification) -> None:
        """Push what is worth nothing later: now, or never.

        Whatever becomes of it, :meth:`push` and ``failing`` hear nothing of it.
        """
        list_name = notification.list_name
        if time.monotonic() < self._tell_from[list_name]:
            return
        try:
            async with asyncio.timeout(self._timeout):
                *_, length = await self._push(list_name, [notification])
        except REDIS_ERRORS as error:
            self._tell_from[list_name] = time.monotonic() + _TELL_PAUSE
            reason = str(error) or "no answer in time"
            where = f"{self._whose}{self._place}, {list_name}"
            self._warn(list_name, f"Redis is not told what happens: {where}: {reason}")
            return
        if length >= self._list_alarm:
            self._warn_of_length(list_name, length)

    async def lengths(self, names: Sequence[str]) -> list[int]:
        """Return how many notifications lie on lists.  Raises :exc:`NotificationError`."""
        try:
            async with asyncio.timeout(self._timeout):
                return [await self._redis.llen(name) for name in names]
        except REDIS_ERRORS as error:
            raise NotificationError(f"Redis: {self._place}: {error}") from error

    async def knows(self, list_name: str, call_ref: str) -> bool:
        """Tell whether something was pushed for a call within 24 hours, by whichever server.

        Raises :exc:`NotificationError`.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return bool(await self._redis.exists(pushed_key(list_name, call_ref)))
        except REDIS_ERRORS as error:
            raise NotificationError(f"Redis: {self._place}: {error}") from error

    async def examine(self, integrator: Integrator) -> RedisReport:
        """Return what is wrong with this Redis.  Raises :exc:`NotificationError`."""
        try:
            async with asyncio.timeout(2 * self._timeout):
                return await redis_checks.examine(
                    self._redis, integrator, is_live=self._story is not None
                )
        except REDIS_ERRORS as error:
            reason = str(error) or "no answer in time"
            raise NotificationError(f"Redis: {self._place}: {reason}") from error

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
        try:
            async with asyncio.timeout(self._timeout):
                pushed = await self._push(list_name, [notification for notification, _ in group])
        except Exception as error:  # whatever it was, those who wait must hear of it
            # Those behind too: they must not overtake, nor each wait for a Redis that is away.
            group, self._waiting = group + self._waiting, []
            self._fail(list_name, group, error)
            return
        if self._failing:
            self._failing = False
            log.warning("Redis takes notifications again: %s%s", self._whose, self._place)
        *known, length = pushed
        for (_, stored), new in zip(group, known, strict=True):
            if not stored.done():
                stored.set_result(bool(new))
        if length >= self._list_alarm:
            self._warn_of_length(list_name, length)

    async def _push(self, list_name: str, batch: Sequence[Notification]) -> list[int]:
        """Run the script; return what it says."""
        keys = [list_name, *(pushed_key(list_name, one.call_ref) for one in batch)]
        remember = _REMEMBER_STATE if list_name.endswith(_STATES) else _REMEMBER
        arguments: list[str | int] = [self._command, remember, len(batch)]
        arguments += [one.body for one in batch]
        story = self._story
        if story is None or list_name != story.cdr_list or time.monotonic() < self._untold_until:
            return await self._run(keys, arguments)
        streams = [history_key(list_name), events_key(list_name)]
        kept: list[str | int] = [MAX_HISTORY, MAX_EVENTS, story.since(time.time()), story.lifetime]
        try:
            pushed = await self._run(keys + streams, arguments + kept)
        except NoPermissionError:
            pushed = await self._run(keys, arguments)
        else:
            if isinstance(pushed[-1], str):
                *pushed, refused = pushed
                names = " and ".join(streams)
                self._warn(
                    streams[0], f"records are pushed, but {names} did not take all: {refused}"
                )
            return pushed
        self._untold_until = time.monotonic() + _ALARM_EVERY
        log.warning(
            "Redis: %s%s: its user may not write %s, so records are pushed but neither in the "
            "history nor among the events; see docs/redis.md for the ACL",
            self._whose,
            self._place,
            " and ".join(streams),
        )
        return pushed

    async def _run(self, keys: list[str], arguments: list[str | int]) -> list[Any]:
        return cast(list[Any], await self._script(keys, cast(Any, arguments)))

    def _fail(self, list_name: str, group: list[Waiting], error: Exception) -> None:
        reason = str(error) or "no answer in time"
        for _, stored in group:
            if not stored.done():
                stored.set_exception(NotificationError(f"Redis: {self._place}: {reason}"))
        expected, now = isinstance(error, REDIS_ERRORS), time.monotonic()
        told = self._failing and expected and now < self._told_at + _ALARM_EVERY
        self._failing = True
        if not told:
            self._told_at = now
        log.log(
            logging.DEBUG if told else logging.WARNING,
            "Redis did not take %d notifications: %s%s, %s: %s",
            len(group),
            self._whose,
            self._place,
            list_name,
            reason,
            exc_info=None if expected else error,
        )

    def _warn_of_length(self, list_name: str, length: int) -> None:
        self._warn(list_name, f"{list_name} holds {length} notifications: does nobody pop them?")

    def _warn(self, list_name: str, text: str) -> None:
        now = time.monotonic()
        if now >= self._alarm_at[list_name]:
            self._alarm_at[list_name] = now + _ALARM_EVERY
            log.warning("%s", text)
