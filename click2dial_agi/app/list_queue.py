"""The way to an integrator's lists: Redis, or the journal and then Redis.

Redis answers in time: that is all.  It does not: the notification goes into the journal, which is
as good as a receipt, and from there to Redis, in order, as soon as it is back.  Until then newer
ones queue behind the older, and no call waits for a Redis that is known to be away.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Entry, Journal
from click2dial_agi.io.redis_checks import RedisReport
from click2dial_agi.io.redis_lists import RedisLists

__all__ = ["ListQueue"]

log = logging.getLogger(__name__)

# What goes into one script, so that a batch is one round trip.
_BATCH = 200

# Redis is asked again after this, twice this, and so on.  The last is what an integrator waits
# for its records after an outage at the most.
_FIRST_PAUSE = 0.25
_LAST_PAUSE = 2.0


class ListQueue:
    """Takes the notifications for one integrator's lists in one Redis.

    ``name`` is the integrator's, and its queue's in the journal.
    """

    def __init__(self, name: str, lists: RedisLists, journal: Journal) -> None:
        self._lists = lists
        self._name = name
        self._journal = journal
        self._behind = False
        self._begun = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._catching_up: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def failing(self) -> bool:
        """Whether Redis is known to be away, or older notifications wait for their turn."""
        return self._behind or self._lists.failing

    def start(self) -> None:
        """Push what an earlier run left in the journal, and what others put there."""
        self._journal.watch(self._name, self._look)
        if self._journal.exists:
            self._catch_up_soon()

    async def push(self, notification: Notification) -> bool:
        """Store a notification; False if it was stored before.

        Raises :exc:`NotificationError` when neither Redis nor the disk confirmed it; it may be
        stored all the same, and may be offered again.
        """
        asked = not self.failing
        if asked:
            try:
                return await self._lists.push(notification)
            except NotificationError as error:
                log.debug("%s: to the journal: %s", notification.call_ref, error)
        # Counted before anything is awaited: who catches up must not believe that it has.
        self._begun += 1
        self._catch_up_soon()
        try:
            return await self._journal.append(self._name, notification)
        except NotificationError:
            if asked:
                raise
            # Overtaking is better than no receipt, with which another server would overtake too.
            return await self._lists.push(notification)

    async def tell(self, notification: Notification) -> None:
        """Push what is worth nothing later: now, past the journal, or not at all."""
        await self._lists.tell(notification)

    async def flush(self) -> int:
        """Push all that is in the journal and return how many that were.

        Raises :exc:`NotificationError` at the first that Redis does not take.
        """
        pushed = 0
        while batch := await self._journal.oldest(self._name, _BATCH):
            await self._push(batch)
            await self._journal.forget(self._name, batch[-1].number)
            pushed += len(batch)
        return pushed

    async def lengths(self, names: Sequence[str]) -> list[int]:
        """Return how many notifications lie on lists.  Raises :exc:`NotificationError`."""
        return await self._lists.lengths(names)

    async def knows(self, list_name: str, call_ref: str) -> bool:
        """Tell whether Redis has had a call's notification.  Raises :exc:`NotificationError`."""
        return await self._lists.knows(list_name, call_ref)

    async def examine(self, integrator: Integrator) -> RedisReport:
        """Return what is wrong with the Redis.  Raises :exc:`NotificationError`."""
        return await self._lists.examine(integrator)

    def retire(self) -> None:
        """Leave the journal to another; what is offered still goes to Redis, or into it."""
        self._closed = True
        self._journal.unwatch(self._name, self._look)
        if self._catching_up is not None:
            self._catching_up.cancel()

    async def close(self) -> None:
        """Finish what is under way; what is in the journal stays there."""
        self.retire()
        under_way = [task for task in (self._catching_up, *self._tasks) if task is not None]
        if under_way:
            await asyncio.wait(under_way)
        await self._lists.close()

    def _look(self) -> None:
        """Catch up if what was put into the journal is not ours to know of already."""
        if not self._closed and not self._behind and not self._tasks:
            task = asyncio.create_task(self._catch_up_if_behind())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _catch_up_if_behind(self) -> None:
        with contextlib.suppress(NotificationError):  # of which the journal has told
            if await self._journal.oldest(self._name, 1):
                self._catch_up_soon()

    def _catch_up_soon(self) -> None:
        self._behind = True
        if not self._closed and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        """Push from the journal until it is empty."""
        started, pushed, pause = time.monotonic(), 0, _FIRST_PAUSE
        # Beyond 0 only while the disk is too full to forget what was pushed.
        after = 0
        while True:
            begun = self._begun
            try:
                # A Redis that was away is asked with one record whether it is back.
                limit = 1 if self._lists.failing else _BATCH
                batch = await self._journal.oldest(self._name, limit, after)
                if batch:
                    await self._push(batch)
                    pushed, after = pushed + len(batch), batch[-1].number
                    pause = _FIRST_PAUSE
            except NotificationError:  # of which its source has told
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE)
                continue
            if not batch and begun == self._begun:
                if self._behind and pushed:
                    log.warning(
                        "%s: %d records pushed from the journal, %.1f s after the first failure",
                        self._name,
                        pushed,
                        time.monotonic() - started,
                    )
                self._behind = False
            if after and await self._forget(after):
                after = 0
            if not self._behind:
                if not after:
                    return
                # What stays would be offered again at the next start: known for a day, no longer.
                await asyncio.sleep(_LAST_PAUSE)

    async def _push(self, batch: Sequence[Entry]) -> None:
        results = await asyncio.gather(
            *(self._lists.push(entry.notification) for entry in batch), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _forget(self, number: int) -> bool:
        try:
            await self._journal.forget(self._name, number)
        except NotificationError:
            return False
        return True
