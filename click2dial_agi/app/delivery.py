"""One integrator's notifications on their way: to Redis, or by way of the journal.

Redis answers in time: that is all.  It does not: the notification goes into the journal, which is
as good as a receipt, and from there to Redis, in order, as soon as it is back.  Until then newer
ones queue behind the older, and no call waits for a Redis that is known to be away.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence

from click2dial_agi.app.webhooks import WebhookDelivery, queue_name, queue_names
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.records import Notification
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Entry, Journal
from click2dial_agi.io.redis_writer import RedisWriter

__all__ = ["Deliveries", "Delivery"]

log = logging.getLogger(__name__)

# What the writer puts into one script, so that a batch is one round trip.
_BATCH = 200

# Redis is asked again after this, twice this, and so on.  The last is what an integrator waits
# for its records after an outage at the most.
_FIRST_PAUSE = 0.25
_LAST_PAUSE = 2.0


class Delivery:
    """Takes one integrator's notifications; ``writer`` may be replaced at any time."""

    def __init__(self, integrator: str, writer: RedisWriter, journal: Journal) -> None:
        self.writer = writer
        self._integrator = integrator
        self._journal = journal
        self._behind = False
        self._begun = 0
        self._catching_up: asyncio.Task[None] | None = None
        self._closed = False
        self.webhooks: dict[str, WebhookDelivery] = {}

    @property
    def failing(self) -> bool:
        """Whether Redis is known to be away, or older notifications wait for their turn."""
        return self._behind or self.writer.failing

    def start(self) -> None:
        """Push what an earlier run left in the journal."""
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
                return await self.writer.push(notification)
            except NotificationError as error:
                log.debug("%s: to the journal: %s", notification.call_ref, error)
        # Counted before anything is awaited: who catches up must not believe that it has.
        self._begun += 1
        self._catch_up_soon()
        try:
            return await self._journal.append(self._integrator, notification)
        except NotificationError:
            if asked:
                raise
            # Overtaking is better than no receipt, with which another server would overtake too.
            return await self.writer.push(notification)

    async def queue_for_webhooks(self, notification: Notification) -> None:
        """Queue a notification for every webhook, or :exc:`NotificationError`."""
        await asyncio.gather(*(webhook.push(notification) for webhook in self.webhooks.values()))

    async def flush(self) -> int:
        """Push all that is in the journal and return how many that were.

        Raises :exc:`NotificationError` at the first that Redis does not take.
        """
        pushed = 0
        while batch := await self._journal.oldest(self._integrator, _BATCH):
            await self._push(batch)
            await self._journal.forget(self._integrator, batch[-1].number)
            pushed += len(batch)
        return pushed

    async def close(self) -> None:
        """Finish what is under way; what is in the journal stays there."""
        self._closed = True
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.wait([self._catching_up])
        await asyncio.gather(*(webhook.close() for webhook in self.webhooks.values()))
        await self.writer.close()

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
                limit = 1 if self.writer.failing else _BATCH
                batch = await self._journal.oldest(self._integrator, limit, after)
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
                        self._integrator,
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
            *(self.writer.push(entry.notification) for entry in batch), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _forget(self, number: int) -> bool:
        try:
            await self._journal.forget(self._integrator, number)
        except NotificationError:
            return False
        return True


class Deliveries:
    """All integrators' deliveries and the journal that they share.

    ``by_name`` holds those of the current configuration.
    """

    def __init__(self, config: Config) -> None:
        self.by_name: dict[str, Delivery] = {}
        self._journal = Journal(config.journal_path, config.journal_max_records)
        self._integrators: dict[str, Integrator] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def use(self, config: Config) -> None:
        """Take a configuration; what is under way finishes with the one it began with."""
        previous, self._integrators = (
            self._integrators,
            {one.name: one for one in config.integrators},
        )
        for name, dropped in self.by_name.items():
            if name not in self._integrators:
                self._later(dropped.close())
        deliveries = {}
        for name, integrator in self._integrators.items():
            delivery = self.by_name.get(name)
            if delivery is None:
                delivery = Delivery(name, _writer(integrator), self._journal)
                delivery.start()
            elif _redis(previous[name]) != _redis(integrator):
                self._later(delivery.writer.close())
                delivery.writer = _writer(integrator)
            self._use_webhooks(delivery, integrator)
            deliveries[name] = delivery
        self.by_name = deliveries
        self._later(self._warn_of_strangers())

    async def close(self) -> None:
        """Finish what is under way; what is in the journal stays there for the next start."""
        await asyncio.gather(*(delivery.close() for delivery in self.by_name.values()))
        await asyncio.gather(*self._tasks)
        await self._journal.close()

    def _use_webhooks(self, delivery: Delivery, integrator: Integrator) -> None:
        """Begin, go on with or stop posting; a webhook whose secret changed begins anew."""
        current, delivery.webhooks = delivery.webhooks, {}
        for webhook in integrator.webhooks:
            queue = queue_name(integrator.name, webhook)
            if queue in current and current[queue].webhook == webhook:
                delivery.webhooks[queue] = current.pop(queue)
            else:
                delivery.webhooks[queue] = WebhookDelivery(queue, webhook, self._journal)
                delivery.webhooks[queue].start()
        for dropped in current.values():
            self._later(dropped.close())

    def _later(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _warn_of_strangers(self) -> None:
        try:
            waiting = await self._journal.waiting()
        except NotificationError:  # of which the journal has told
            return
        for one in waiting:
            if one.integrator not in queue_names(self._integrators.values()):
                log.error(
                    "journal: %d records for %s are kept until %s is configured again",
                    one.records,
                    one.list_name,
                    one.integrator,
                )


def _redis(integrator: Integrator) -> tuple[object, ...]:
    return integrator.redis, integrator.push, integrator.list_alarm


def _writer(integrator: Integrator) -> RedisWriter:
    return RedisWriter(integrator.redis, integrator.push, list_alarm=integrator.list_alarm)
