"""Posts to a webhook of what is worth nothing later: at once, or never."""

import asyncio
import logging
import time
from collections import deque

from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.webhook_client import WebhookClient

__all__ = ["FreshPosts"]

log = logging.getLogger(__name__)

# For how long something waits for its turn, in seconds, and how many do.
_FRESH = 10.0
_MAX_WAITING = 1000

# After one that was not taken, in seconds, in which nothing is posted.
_PAUSE = 5.0

# What lasts is told of so often, in seconds.
_ALARM_EVERY = 300.0


class FreshPosts:
    """Posts in their order, each once.  What is not taken is dropped, with all that wait behind it.

    Nothing of it is kept on disk, so none of it takes the place of a record there, nor goes before
    one.  ``shown`` is the webhook, for the log.
    """

    def __init__(self, client: WebhookClient, shown: str) -> None:
        self._client = client
        self._shown = shown
        self._waiting: deque[tuple[float, Notification]] = deque(maxlen=_MAX_WAITING)
        self._resume_at = 0.0
        self._told_at = -_ALARM_EVERY
        self._task: asyncio.Task[None] | None = None

    def post(self, notification: Notification) -> None:
        """Post soon, if the webhook takes what it is given."""
        now = time.monotonic()
        if now < self._resume_at:
            return
        self._waiting.append((now, notification))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._post_all())

    async def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self._resume_at = float("inf")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _post_all(self) -> None:
        while self._waiting:
            since, notification = self._waiting.popleft()
            if time.monotonic() - since > _FRESH:
                continue
            status, reason = await self._client.post(notification)
            if not 200 <= status < 300:
                self._drop(reason)

    def _drop(self, reason: str) -> None:
        self._waiting.clear()
        now = time.monotonic()
        self._resume_at = now + _PAUSE
        if now >= self._told_at + _ALARM_EVERY:
            self._told_at = now
            log.warning("webhook %s: states are not told while it is so: %s", self._shown, reason)
