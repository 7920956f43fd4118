"""Puts together how often each server has shown a caller ID, for ``caller_ids.calls_per_day``."""

import asyncio
import logging
from collections.abc import Callable

from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.call_store import CallStore

__all__ = ["share_forever", "share_shown"]

log = logging.getLogger(__name__)

# Seconds.  So long a server may not know of the others' calls, and goes over a limit by these.
_EVERY = 5.0
_LAST = 1.0


async def share_shown(current: Snapshot) -> None:
    """Tell Redis what this server has counted, and learn what all have.

    Each has its own Redis, and waits for no other.
    """
    limited = (
        (one, current.stores[one.name])
        for one in current.config.integrators
        if one.caller_ids.calls_per_day is not None and one.name in current.stores
    )
    await asyncio.gather(*(_share(current, one, store) for one, store in limited))


async def _share(current: Snapshot, integrator: Integrator, store: CallStore) -> None:
    shown = current.counts.shown
    told, day = shown.untold(integrator.name), shown.day
    try:
        counted = await store.count_shown(day, told)
    except NotificationError as error:
        log.debug("%s: caller IDs are counted here alone: %s", integrator.name, error)
    else:
        shown.learn(integrator.name, day, told, counted)


async def share_forever(current: Callable[[], Snapshot]) -> None:
    """Share now and again until cancelled, and then once more."""
    try:
        while True:
            await share_shown(current())
            await asyncio.sleep(_EVERY)
    finally:
        async with asyncio.timeout(_LAST):
            await share_shown(current())
