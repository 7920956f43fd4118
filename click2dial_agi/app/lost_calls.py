"""Looks for created calls that were lost with the Asterisk or the server that had them."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.exceptions import NotificationError, PBXUnreachable

__all__ = ["reap_forever"]

log = logging.getLogger(__name__)


async def reap_forever(calls: Callable[[], Iterable[CreatedCalls]], every: float) -> None:
    """Record and count out the lost calls of all integrators, now and again, until cancelled."""
    while True:
        for one in calls():
            try:
                await one.reap()
            except (PBXUnreachable, NotificationError) as error:
                log.debug("%s: looking for lost calls: %s", one.integrator.name, error)
            except Exception:  # one call that cannot be read must not hold all agents for ever
                log.exception("%s: looking for lost calls", one.integrator.name)
        await asyncio.sleep(every)
