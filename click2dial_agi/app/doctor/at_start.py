"""What doctor can know is said by the server itself: at its start, and while it lasts."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from click2dial_agi.app.doctor.examine import (
    examine_loaded,
    examine_machine,
    examine_pbx,
    has_one_here,
)
from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.app.doctor.webhooks import check_webhooks
from click2dial_agi.domain.config import Config
from click2dial_agi.io.asterisk_console import AsteriskConsole

__all__ = ["examine_forever"]

log = logging.getLogger(__name__)

# Asterisk starts after us, and takes seconds.
_FIRST = 10.0
# With the look itself, less than a minute.
_EVERY = 45.0

# What endangers calls or records is said again so often, in looks: five minutes.
_AGAIN = 6

# They are others' servers, and what one does not take is told of at once.
_WEBHOOKS_EVERY = 900.0

_LEVELS = {Level.NOTE: logging.DEBUG, Level.WARNING: logging.WARNING, Level.DANGER: logging.ERROR}


async def examine_forever(config: Callable[[], Config], config_path: Path) -> None:
    """Look at files and Redis at once, and at all every minute; log what is new or lasts.

    ``config`` returns the configuration that is in force.
    """
    seen: dict[str, int] = {}
    webhooks = _Webhooks()
    pause = _FIRST
    pbx = False  # Asterisk may not have started yet
    while True:
        now = config()
        try:
            found = await examine_machine(now, config_path)
            found += await webhooks.look(now)
            found += await _look_at_pbx(now) if pbx else []
            _tell(found, seen)
        except Exception:  # a check that fails must not be the end of the others
            log.exception("the surroundings could not be examined")
        await asyncio.sleep(pause)
        pbx, pause = True, _EVERY


class _Webhooks:
    """What was found of webhooks, which are looked at now and then, and after each reload."""

    def __init__(self) -> None:
        self._looked_at = -_WEBHOOKS_EVERY
        self._webhooks: object = None
        self._found: list[Finding] = []

    async def look(self, config: Config) -> list[Finding]:
        now = time.monotonic()
        webhooks = {one.name: one.named_webhooks for one in config.integrators}
        if webhooks != self._webhooks or now - self._looked_at >= _WEBHOOKS_EVERY:
            self._webhooks, self._looked_at = webhooks, now
            self._found = await check_webhooks(config)
        return self._found


async def _look_at_pbx(config: Config) -> list[Finding]:
    """Look as doctor does; of what takes the console, only at what loses records."""
    found = await examine_pbx(config)
    return found + (await examine_loaded(AsteriskConsole(), found) if has_one_here(config) else [])


def _tell(findings: list[Finding], seen: dict[str, int]) -> None:
    """Log each finding once, and those of danger again and again; say what has gone."""
    lines = {one.line(): one for one in findings}
    for line, one in lines.items():
        looks = seen.get(line, 0)
        seen[line] = looks + 1
        if looks == 0 or (one.level is Level.DANGER and looks % _AGAIN == 0):
            log.log(_LEVELS[one.level], "%s", line)
    for line in set(seen) - set(lines):
        del seen[line]
