"""Looks for created calls that were lost with the Asterisk or the server that had them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.exceptions import NotificationError, PBXUnreachable

__all__ = ["reap_forever"]

log = logging.getLogger(__name__)


async def reap_forever(
    calls: Callable[[], Iterable[CreatedCalls]],
    spool_waits: Callable[[], bool],
    every: float,
    stopping: asyncio.Event,
) -> None:
    """Record and count out the lost calls of all integrators, now and again.

    Not while ``spool_waits``: a record there knows better how its call ended.

    It stops between two rounds: cancelled in a round, it would leave requests half done.
    """
    while not stopping.is_set():
        for one in () if spool_waits() else calls():
            try:
                await one.reap()
            except (PBXUnreachable, NotificationError) as error:
                log.debug("%s: looking for lost calls: %s", one.integrator.name, error)
            except Exception:  # one call that cannot be read must not hold all agents for ever
                log.exception("%s: looking for lost calls", one.integrator.name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await stopping.wait()
