"""``click2dial-agi spool`` and ``drain``: what waits on this machine, and pushing it now."""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from click2dial_agi.app.delivery import Delivery
from click2dial_agi.app.drain import DRAIN_EVERY, Drain
from click2dial_agi.app.webhooks import queue_names
from click2dial_agi.domain.config import Config
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Journal, read_waiting
from click2dial_agi.io.redis_writer import RedisWriter
from click2dial_agi.io.spool import Spool

__all__ = ["drain", "flush", "show"]

# More than a spool needs that Asterisk still writes to; for one that somebody holds, not forever.
_LOOKS = 10


def show(config: Config) -> bool:
    """Print what waits, for whom and since when; return whether anything does.

    Raises :exc:`NotificationError` when the journal cannot be read.
    """
    table = Table("where", "for", "records", "since", "age", box=None, pad_edge=False)
    for row in _rows(config):
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200  # for a file or a pipe nothing is cut off
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, width=width)
    if table.row_count:
        console.print(table)
    else:
        console.print("nothing waits")
    return bool(table.row_count)


def _rows(config: Config) -> Iterator[tuple[str, ...]]:
    for one in read_waiting(config.journal_path):
        known = one.integrator in queue_names(config.integrators)
        whose = one.integrator if known else f"{one.integrator} (not configured)"
        where = f"{config.journal_path.name}: {one.list_name}"
        yield where, whose, str(one.records), *_times(one.since)
    spool = Spool(config.spool_path)
    for path, whose in (
        *((path, "the server to take over") for path in spool.waiting()),
        (spool.rejected, "you to look at"),
    ):
        if path.exists():
            with path.open("rb") as file:
                lines = sum(1 for _ in file)
            yield path.name, whose, str(lines), *_times(path.stat().st_mtime)


def _times(since: float) -> tuple[str, str]:
    age = max(0, int(time.time() - since))
    at = datetime.fromtimestamp(since).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}", f"{age // 3600}:{age // 60 % 60:02}:{age % 60:02}"


async def flush(config: Config) -> int:
    """Push what is in the spool and the journal, beside a server or without one.

    Raises :exc:`NotificationError` at the first integrator whose Redis does not take it, after all
    others were tried.
    """
    pushed, failure = 0, None
    try:
        pushed += await drain(config, config.spool_path)
    except NotificationError as error:
        failure = error
    journal = Journal(config.journal_path, config.journal_max_records)
    try:
        for integrator in config.integrators:
            writer = RedisWriter(integrator.redis, integrator.push)
            delivery = Delivery(integrator.name, writer, journal)
            try:
                pushed += await delivery.flush()
            except NotificationError as error:
                failure = NotificationError(f"{integrator.name}: {error}")
            finally:
                await delivery.close()
    finally:
        await journal.close()
    if failure is not None:
        raise failure
    return pushed


async def drain(config: Config, path: Path) -> int:
    """Push what a PBX left in a spool file straight to Redis; return how many records.

    Raises :exc:`NotificationError` when something is left.
    """
    pushers = {one.name: RedisWriter(one.redis, one.push) for one in config.integrators}
    one = Drain(path)
    pushed = 0
    try:
        # A look takes over, the next one reads.
        for _ in range(_LOOKS):
            if one.is_empty or one.failure:
                break
            pushed += await one.look(config, pushers)
            if not one.is_empty:
                await asyncio.sleep(DRAIN_EVERY)
    except OSError as error:
        raise NotificationError(f"spool: {error}") from error
    finally:
        await asyncio.gather(*(pusher.close() for pusher in pushers.values()))
    if one.failure:
        raise NotificationError(f"spool: {one.failure}")
    if not one.is_empty:
        raise NotificationError(f"spool: {path}: somebody else is at work on it")
    return pushed
