"""The notifiers of all integrators, and the journal that they share."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from weakref import WeakKeyDictionary

from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.app.metrics import show_integrators
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.webhooks import WebhookQueue
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.webhooks import queue_name, queue_names, shown_queue
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Journal
from click2dial_agi.io.redis_lists import RedisLists, Story

__all__ = ["Notifiers", "story_of"]

log = logging.getLogger(__name__)

# What a reload replaced is closed after the longest session that may still use it.
_GRACE = 30.0

Queue = ListQueue | WebhookQueue


class Notifiers:
    """Builds the notifiers of a configuration, and runs those in force.

    ``by_name`` holds them by integrator.  A queue of which nothing changed goes on, whatever else
    did.
    """

    def __init__(self, config: Config) -> None:
        self.by_name: Mapping[str, Notifier] = MappingProxyType({})
        self._journal = Journal(config.journal_path, config.journal_max_records)
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        # What each was made of, as long as anybody holds it.
        self._places: WeakKeyDictionary[object, tuple[object, ...]] = WeakKeyDictionary()

    def build(self, config: Config) -> Mapping[str, Notifier]:
        """Return the notifiers of a configuration, none of them at work yet.

        Raises :exc:`StartupError` when one cannot be made.
        """
        return MappingProxyType(
            {one.name: self._build(one, story_of(one, config)) for one in config.integrators}
        )

    def use(self, config: Config, built: Mapping[str, Notifier]) -> None:
        """Put what :meth:`build` made in force.  Those who hold the ones before may go on."""
        before, after = set(_queues(self.by_name)), set(_queues(built))
        self._journal.max_records = config.journal_max_records
        self.by_name = built
        show_integrators(built)
        for queue in before - after:
            queue.retire()
            self._later(queue)
        for queue in after - before:
            queue.start()
        if self._looking is None:
            self._looking = asyncio.create_task(self._journal.look_for_others())
        task = asyncio.create_task(self._warn_of_strangers(config))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what is under way; what is in the journal stays there for the next start."""
        self._closing.set()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await asyncio.gather(*(queue.close() for queue in _queues(self.by_name)))
        await asyncio.gather(*self._tasks)
        await self._journal.close()

    def _build(self, integrator: Integrator, story: Story | None) -> Notifier:
        before = self.by_name.get(integrator.name)
        place = (*_redis(integrator), story)
        if before is not None and self._places.get(before.lists) == place:
            lists = before.lists
        else:
            made = RedisLists(
                integrator.redis,
                integrator.push,
                list_alarm=integrator.list_alarm,
                whose=integrator.name,
                story=story,
            )
            lists = ListQueue(integrator.name, made, self._journal)
            self._places[lists] = place
        known = {one.queue: one for one in before.webhooks} if before is not None else {}
        webhooks = []
        for name, webhook in integrator.named_webhooks.items():
            queue = known.get(queue_name(integrator.name, name))
            if queue is None or queue.webhook != webhook:
                queue = WebhookQueue(integrator, name, self._journal)
            webhooks.append(queue)
        return Notifier(integrator, lists, tuple(webhooks))

    def _later(self, queue: Queue) -> None:
        async def close() -> None:
            try:
                async with asyncio.timeout(_GRACE):
                    await self._closing.wait()
            except TimeoutError:
                pass
            await queue.close()

        task = asyncio.create_task(close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _warn_of_strangers(self, config: Config) -> None:
        try:
            waiting = await self._journal.waiting()
        except NotificationError:  # of which the journal has told
            return
        known = queue_names(config.integrators)
        for one in waiting:
            if one.queue not in known:
                log.error(
                    "journal: %d records for %s are kept until %s is configured again",
                    one.records,
                    one.list_name,
                    shown_queue(one.queue),
                )


def _queues(notifiers: Mapping[str, Notifier]) -> Iterable[Queue]:
    for one in notifiers.values():
        if isinstance(one.lists, ListQueue):
            yield one.lists
        yield from one.webhooks


def story_of(integrator: Integrator, config: Config) -> Story | None:
    """Return how an integrator's records are kept as history, None where they are not."""
    return Story(integrator.cdr_list, integrator.history_days) if config.is_live else None


def _redis(integrator: Integrator) -> tuple[object, ...]:
    return integrator.redis, integrator.push, integrator.list_alarm
