"""A notification on its way to all that are to have it: lists, copies of them, webhooks."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.app.webhooks import WebhookQueue
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.redis_lists import RedisLists

__all__ = ["Notifier"]

T = TypeVar("T")


@dataclass(frozen=True)
class Notifier:
    """All destinations of one integrator's notifications, and the integrator as it was then.

    Whatever produced a notification, a call, the reaper, the spool or a command, it goes through
    :meth:`notify` and so to all of them.  ``lists`` is the way to the lists: with a queue on disk
    behind it where a server runs, without one where the spool is that queue already.
    """

    integrator: Integrator
    lists: ListQueue | RedisLists
    webhooks: Sequence[WebhookQueue] = ()

    @property
    def failing(self) -> bool:
        """Whether the integrator's Redis is known to be away."""
        return self.lists.failing

    async def notify(self, notification: Notification) -> bool:
        """Store a notification everywhere; False if the integrator's own list had it before.

        Lists first: they wait for no webhook, and what they did not take will be offered again,
        which a webhook's queue that has posted it by then would take for another.  Raises
        :exc:`NotificationError` unless all have it.
        """
        if not self.integrator.copies:
            new = await self.lists.push(notification)
        else:
            lists = notification.for_all_lists(self.integrator)
            new = (await _all(*(self.lists.push(one) for one in lists)))[0]
        if self.webhooks:
            await _all(*(webhook.push(notification) for webhook in self.webhooks))
        return new

    async def tell(self, notification: Notification) -> None:
        """Tell all of what is worth nothing later: now or never, nowhere kept for another try.

        So it never stands in a queue before a record, nor takes its room.
        """
        for webhook in self.webhooks:
            webhook.tell(notification)
        copies = self.integrator.copies
        lists = notification.for_all_lists(self.integrator) if copies else (notification,)
        await _all(*(self.lists.tell(one) for one in lists))


async def _all(*offers: Coroutine[Any, Any, T]) -> list[T]:
    """Wait for all of them, and only then raise what one of them did."""
    results = await asyncio.gather(*offers, return_exceptions=True)
    stored = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        stored.append(result)
    return stored
