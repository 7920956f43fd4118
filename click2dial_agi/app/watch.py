"""Looks at every integrator's Redis and at the spool: what would lose records is told before.

At the start, when a Redis is back, and every half minute; what lasts is told again every five
minutes.  ``/readyz`` asks for itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
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
        reports = await asyncio.gather(*(_report(notifiers[name]) for name in names))
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


async def _report(notifier: Notifier) -> RedisReport:
    try:
        return await notifier.lists.examine(notifier.integrator)
    except NotificationError as error:
        waits = f"{notifier.integrator.cdr_list} waits in the journal"
        return RedisReport((f"it does not answer, and {waits}: {error}",))


def _shared(
    notifiers: Mapping[str, Notifier], reports: Mapping[str, RedisReport]
) -> Iterable[tuple[str, str]]:
    """Find integrators whose lists are the same, under names that nobody could tell were one's."""
    for one, other in combinations(notifiers, 2):
        first, second = notifiers[one].integrator, notifiers[other].integrator
        same = reports[one].run_id and reports[one].run_id == reports[other].run_id
        prefixes = {first.key_prefix, *first.copies} & {second.key_prefix, *second.copies}
        if (
            same
            and prefixes
            and parse_redis_url(first.redis).db == parse_redis_url(second.redis).db
        ):
            text = f"{', '.join(sorted(prefixes))} is also {{}}'s: one Redis under two names"
            yield one, text.format(other)
            yield other, text.format(one)
