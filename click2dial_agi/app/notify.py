"""A notification on its way to all the lists that are to have it."""

import asyncio

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.records import Notification
from click2dial_agi.io.redis_writer import Pusher

__all__ = ["notify"]


async def notify(pusher: Pusher, notification: Notification, integrator: Integrator) -> bool:
    """Store a notification and its copies; False if the integrator's own list had it before.

    Raises :exc:`NotificationError` unless all are stored.  Then it may be offered again: each list
    takes it once.
    """
    if integrator.webhooks:
        # First: who finds it on the list may take it that all has been done.
        await pusher.queue_for_webhooks(notification)
    if not integrator.copies:
        return await pusher.push(notification)
    lists = notification.for_all_lists(integrator)
    results = await asyncio.gather(*map(pusher.push, lists), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return bool(results[0])
