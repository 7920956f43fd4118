"""Looks after recordings that were paused, on all servers and whatever becomes of one of them."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from click2dial_agi.app.control.steering import Steering
from click2dial_agi.app.rounds import Rounds
from click2dial_agi.exceptions import NotificationError, PBXUnreachable

__all__ = ["keep_forever"]

log = logging.getLogger(__name__)

# Seconds between two looks: what another agent says is silent in the recording for as long.
_EVERY = 1.0


async def keep_forever(steering: Callable[[], Iterable[Steering]]) -> None:
    """Look now and again, until cancelled."""
    rounds = Rounds(_keep)
    try:
        while True:
            rounds.begin({one.integrator.name: one for one in steering()})
            await asyncio.sleep(_EVERY)
    finally:
        await rounds.cancel()


async def _keep(steering: Steering) -> None:
    try:
        await steering.look_after_pauses()
    except (NotificationError, PBXUnreachable) as error:
        log.debug("%s: paused recordings: %s", steering.integrator.name, error)
    except Exception:  # one that cannot be read must not hold the others
        log.exception("%s: paused recordings", steering.integrator.name)
