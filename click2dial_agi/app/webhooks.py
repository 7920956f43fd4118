"""The queue of one webhook: by way of the journal, whoever is away."""

import asyncio
import logging
import random
import time

from click2dial_agi.app.fresh_posts import FreshPosts
from click2dial_agi.app.metrics import NOT_POSTED
from click2dial_agi.domain.integrators import Integrator, Webhook
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.webhooks import gives_up, pause, queue_name
from click2dial_agi.exceptions import NotificationError, QueueFull
from click2dial_agi.io.journal import Entry, Journal
from click2dial_agi.io.queue_lock import QueueLock
from click2dial_agi.io.webhook_client import WebhookClient

__all__ = ["WebhookQueue"]

log = logging.getLogger(__name__)

_BATCH = 100

# After a disk that did not do what it should.
_DISK_PAUSE = 5.0

# While another process posts from the queue: after its death it is missed for so long.
_TAKE_OVER = 1.0

# What lasts is told of so often, in seconds.
_ALARM_EVERY = 300.0


class WebhookQueue:
    """Posts the notifications of one queue in their order, each until it is taken.

    Taken means any 2xx.  One that was posted just before this process died is posted again.  Of
    several processes that share a journal one posts; another takes over when that one is gone.

    Raises :exc:`StartupError` when the webhook's ``ca`` cannot be used.
    """

    def __init__(self, integrator: Integrator, name: str, journal: Journal) -> None:
        self.webhook: Webhook = integrator.named_webhooks[name]
        self.queue = queue_name(integrator.name, name)
        self._earlier = f"{integrator.name} -> {self.webhook.url}"
        self._shown = f"{self.queue} ({self.webhook.shown_url})"
        self._client = WebhookClient(self.webhook, f"integrators.{self.queue}")
        self._fresh = FreshPosts(self._client, self._shown)
        self._journal = journal
        self._lock = QueueLock(journal.path.parent, self.queue)
        self._news = asyncio.Event()
        self._failing_since = 0.0
        self._told_at = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def failing(self) -> bool:
        """Whether what was posted last was not taken."""
        return bool(self._failing_since)

    def start(self) -> None:
        """Begin to post, with what an earlier run left."""
        self._journal.watch(self.queue, self._news.set)
        self._news.set()
        self._task = asyncio.create_task(self._run())

    async def push(self, notification: Notification) -> None:
        """Queue a notification; on return it outlives a power cut.

        A queue that is full takes no more, of which the journal tells, and nobody waits for it.
        Raises :exc:`NotificationError` if the disk did not take it.
        """
        try:
            await self._journal.append(self.queue, notification)
        except QueueFull as error:
            NOT_POSTED.labels(self.queue).inc()
            log.debug("%s: %s", notification.call_ref, error)

    def tell(self, notification: Notification) -> None:
        """Post what is worth nothing later: soon, beside the queue, or not at all."""
        if not self.failing:
            self._fresh.post(notification)

    async def flush(self) -> bool:
        """Post all that waits, each once tried; False if another process is at it.

        Raises :exc:`NotificationError` at the first that is not taken.
        """
        if not self._journal.exists:
            return True
        if not self._acquire():
            return False
        try:
            await self._journal.rename(self._earlier, self.queue)
            while batch := await self._journal.oldest(self.queue, _BATCH):
                for entry in batch:
                    status, reason = await self._client.post(entry.notification)
                    if not 200 <= status < 300:
                        raise NotificationError(f"webhook {self._shown}: {reason}")
                    await self._journal.forget(self.queue, entry.number)
        finally:
            self._lock.release()
        return True

    def retire(self) -> None:
        """Stop posting and leave the queue to another; what is queued stays queued."""
        self._journal.unwatch(self.queue, self._news.set)
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Stop posting and close the connections."""
        self.retire()
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._fresh.close()
        await self._client.close()

    def _acquire(self) -> bool:
        try:
            return self._lock.acquire()
        except OSError as error:
            raise NotificationError(f"webhook {self._shown}: {error}") from error

    async def _run(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._post_all()
        finally:
            self._lock.release()

    async def _post_all(self) -> None:
        if not self._journal.exists:
            return
        try:
            if not self._acquire():
                await asyncio.sleep(_TAKE_OVER)
                self._news.set()
                return
            await self._journal.rename(self._earlier, self.queue)
            while batch := await self._journal.oldest(self.queue, _BATCH):
                for entry in batch:
                    await self._deliver(entry)
                    await self._journal.forget(self.queue, entry.number)
        except NotificationError as error:  # of the journal's own it has told
            log.debug("webhook %s: %s", self._shown, error)
            await asyncio.sleep(_DISK_PAUSE)
            self._news.set()

    async def _deliver(self, entry: Entry) -> None:
        tries = 0
        while True:
            status, reason = await self._client.post(entry.notification)
            tries += 1
            if 200 <= status < 300:
                if self._failing_since:
                    log.warning("webhook %s: it takes notifications again", self._shown)
                self._failing_since = 0.0
                return
            call_ref = entry.notification.call_ref
            if gives_up(status, tries, time.time() - entry.since):
                NOT_POSTED.labels(self.queue).inc()
                log.error("webhook %s: %s is given up: %s", self._shown, call_ref, reason)
                return
            self._tell(call_ref, reason)
            await asyncio.sleep(pause(tries, random.random()))

    def _tell(self, call_ref: str, reason: str) -> None:
        now = time.monotonic()
        if not self._failing_since or now >= self._told_at + _ALARM_EVERY:
            self._failing_since = self._failing_since or now
            self._told_at = now
            log.warning("webhook %s: %s, trying again: %s", self._shown, call_ref, reason)
