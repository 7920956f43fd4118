"""Looks at every integrator's Redis and at the spool: what would lose records is told before.

At the start, when a Redis is back, and every half minute; what lasts is told again every five
minutes.  ``/readyz`` asks for itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import permutations
from pathlib import Path

from click2dial_agi.app.metrics import GAUGES
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.redis_url import parse_redis_url
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_checks import RedisReport
from click2dial_agi.io.spool_checks import examine_spool, failure

__all__ = ["Watch", "check_directory", "check_redis"]

log = logging.getLogger(__name__)

_EVERY = 30.0
_TICK = 1.0
_TELL_AGAIN = 300.0

# How many Redis are looked at together: each is asked ten things, and calls wait for none of them.
_AT_ONCE = 25


async def check_redis(notifier: Notifier) -> None:
    """Raise :exc:`NotificationError`, with what is wrong, if an integrator's Redis is not safe."""
    report = await notifier.lists.examine(notifier.integrator)
    if report.findings:
        raise NotificationError("; ".join(report.findings))


async def check_directory(path: Path) -> None:
    """Raise :exc:`NotificationError`, with what is wrong, if nothing can be kept in a directory."""
    if problem := await asyncio.to_thread(failure, path):
        raise NotificationError(problem)


class Watch:
    """Tells of what is wrong where records are kept, as long as it is."""

    def __init__(self, current: Callable[[], Snapshot]) -> None:
        self._current = current
        self._told: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Look, now and again, until cancelled."""
        looked_at, failing = -_EVERY, set[str]()
        while True:
            current = self._current()
            failed = {name for name, one in current.notifiers.items() if one.failing}
            back, failing = failing - failed, failed
            now = time.monotonic()
            if back or now - looked_at >= _EVERY:
                looked_at = now
                try:
                    await self.look(current)
                except Exception:  # a defect of ours must not end the looking
                    log.exception("looking at Redis and the spool")
            await asyncio.sleep(_TICK)

    async def look(self, current: Snapshot) -> None:
        """Look once at each, and tell what is new, what lasts and what is over."""
        notifiers = current.notifiers
        names = list(notifiers)
        at_once = asyncio.Semaphore(_AT_ONCE)
        reports = await asyncio.gather(*(_report(notifiers[name], at_once) for name in names))
        by_name = dict(zip(names, reports, strict=True))
        wrong = {(name, text) for name, one in by_name.items() for text in one.findings}
        wrong |= set(_shared(notifiers, by_name))
        for name in names:
            GAUGES.redis_safe.labels(name).set(not any(whose == name for whose, _ in wrong))
        found = {
            (f"Redis of {name} ({parse_redis_url(notifiers[name].integrator.redis)})", text)
            for name, text in wrong
        }
        spool = await asyncio.to_thread(examine_spool, current.config.spool_dir)
        self._tell(found | {("spool_dir", text) for text in spool})

    def _tell(self, found: set[tuple[str, str]]) -> None:
        now = time.monotonic()
        for where, text in sorted(found):
            told = self._told.get((where, text))
            if told is None or now - told >= _TELL_AGAIN:
                self._told[where, text] = now
                log.error("%s: %s", where, text)
        for where, text in set(self._told) - found:
            del self._told[where, text]
            log.warning("%s: no longer: %s", where, text)


async def _report(notifier: Notifier, at_once: asyncio.Semaphore) -> RedisReport:
    try:
        async with at_once:
            return await notifier.lists.examine(notifier.integrator)
    except NotificationError as error:
        waits = f"{notifier.integrator.cdr_list} waits in the journal"
        return RedisReport((f"it does not answer, and {waits}: {error}",))


def _shared(
    notifiers: Mapping[str, Notifier], reports: Mapping[str, RedisReport]
) -> Iterable[tuple[str, str]]:
    """Find integrators whose lists are the same, under names that nobody could tell were one's."""
    users: dict[tuple[str, int, str], list[str]] = {}
    for name, notifier in notifiers.items():
        integrator, run_id = notifier.integrator, reports[name].run_id
        if run_id:
            database = parse_redis_url(integrator.redis).db
            for prefix in {integrator.key_prefix, *integrator.copies}:
                users.setdefault((run_id, database, prefix), []).append(name)
    for (_, _, prefix), names in users.items():
        for one, other in permutations(names, 2):
            yield one, f"{prefix} is also {other}'s: one Redis under two names"
