"""Recordings are kept for as many days as their integrator says."""

import asyncio
import logging
from collections.abc import Callable

from click2dial_agi.domain.config import Config
from click2dial_agi.io.recordings import sweep

__all__ = ["sweep_forever", "sweep_once"]

log = logging.getLogger(__name__)

_EVERY = 60 * 60.0


async def sweep_forever(config: Callable[[], Config]) -> None:
    """Delete old recordings now, and every hour."""
    while True:
        await sweep_once(config())
        await asyncio.sleep(_EVERY)


async def sweep_once(config: Config) -> None:
    """Delete the old recordings of all integrators, recorded now or only in the past."""
    for one in config.integrators:
        deleted = await asyncio.to_thread(
            sweep, config.recordings_dir, one.name, one.recording_days
        )
        if deleted:
            log.info(
                "%s: %d recordings older than %d days deleted",
                one.name,
                deleted,
                one.recording_days,
            )
