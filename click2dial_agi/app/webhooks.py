"""Notifications on their way to one webhook: by way of the journal, whoever is away."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable

from click2dial_agi.domain.integrators import Integrator, Webhook
from click2dial_agi.domain.records import Notification
from click2dial_agi.domain.webhooks import gives_up, pause
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Entry, Journal
from click2dial_agi.io.webhook_client import WebhookClient

__all__ = ["WebhookDelivery", "queue_name", "queue_names"]

log = logging.getLogger(__name__)

_BATCH = 100

# After a disk that did not do what it should.
_DISK_PAUSE = 5.0


def queue_name(integrator: str, webhook: Webhook) -> str:
    """Return the name of a webhook's queue in the journal, which no integrator can have."""
    return f"{integrator} -> {webhook.url}"


def queue_names(integrators: Iterable[Integrator]) -> set[str]:
    """Return the names of all queues of a configuration: of integrators and of webhooks."""
    names = set()
    for one in integrators:
        names |= {one.name, *(queue_name(one.name, webhook) for webhook in one.webhooks)}
    return names


class WebhookDelivery:
    """Posts the notifications of one queue in their order, each until it is taken.

    Taken means any 2xx.  One that was posted just before this process died is posted again.
    """

    def __init__(self, queue: str, webhook: Webhook, journal: Journal) -> None:
        self.webhook = webhook
        self._queue = queue
        self._client = WebhookClient(webhook)
        self._journal = journal
        self._news = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to post, with what an earlier run left."""
        self._news.set()
        self._task = asyncio.create_task(self._run())

    async def push(self, notification: Notification) -> None:
        """Queue a notification; on return it outlives a power cut.

        Raises :exc:`NotificationError` if the disk did not take it.
        """
        await self._journal.append(self._queue, notification)
        self._news.set()

    async def close(self) -> None:
        """Stop posting; what is queued stays queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._client.close()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self._journal.exists and (
                    batch := await self._journal.oldest(self._queue, _BATCH)
                ):
                    for entry in batch:
                        await self._deliver(entry)
                        await self._journal.forget(self._queue, entry.number)
            except NotificationError:  # of which the journal has told
                await asyncio.sleep(_DISK_PAUSE)
                self._news.set()

    async def _deliver(self, entry: Entry) -> None:
        tries = 0
        while True:
            status, reason = await self._client.post(entry.notification)
            tries += 1
            if 200 <= status < 300:
                if self._failing:
                    log.warning("webhook %s: it takes notifications again", self._queue)
                self._failing = False
                return
            call_ref = entry.notification.call_ref
            if gives_up(status, tries, time.time() - entry.since):
                log.error("webhook %s: %s is given up: %s", self._queue, call_ref, reason)
                return
            if not self._failing:
                log.warning("webhook %s: %s, trying again: %s", self._queue, call_ref, reason)
            self._failing = True
            await asyncio.sleep(pause(tries, random.random()))
