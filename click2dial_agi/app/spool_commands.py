"""``click2dial-agi spool`` and ``drain``: what waits on this machine, and pushing it now."""

import asyncio
import os
import pwd
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from click2dial_agi.app.drain import DRAIN_EVERY, Drain
from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.app.notifiers import story_of
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.app.webhooks import WebhookQueue
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.webhooks import queue_names, shown_queue
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Journal, read_waiting
from click2dial_agi.io.redis_lists import RedisLists, Story
from click2dial_agi.io.spool import Spool

__all__ = ["become_owner", "flush", "show"]

# More than a spool needs that Asterisk still writes to; for one that somebody holds, not forever.
_LOOKS = 10


def show(config: Config) -> bool:
    """Print what waits, for whom and since when; return whether anything does.

    Raises :exc:`NotificationError` when directory or journal cannot be read.
    """
    _look_into(config.spool_dir)
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
        name = shown_queue(one.queue)
        whose = name if one.queue in queue_names(config.integrators) else f"{name} (not configured)"
        where = f"{config.journal_path.name}: {one.list_name}"
        yield where, whose, str(one.records), *_times(one.since)
    spool = Spool(config.spool_path)
    for path, whose in (
        *((path, "the server to take over") for path in spool.waiting()),
        *((path, "you to look at") for path in spool.put_aside()),
    ):
        if path.exists():
            with path.open("rb") as file:
                lines = sum(1 for _ in file)
            yield path.name, whose, str(lines), *_times(path.stat().st_mtime)


def _times(since: float) -> tuple[str, str]:
    age = max(0, int(time.time() - since))
    at = datetime.fromtimestamp(since).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}", f"{age // 3600}:{age // 60 % 60:02}:{age % 60:02}"


async def flush(config: Config, path: Path | None = None) -> int:
    """Hand over what is in the spool and the journal, beside a server or without one.

    ``path`` is the spool's, if it is not the configured one; the journal is beside it.  Returns
    how many records were stored or pushed.  Raises :exc:`NotificationError` with all that is left
    and why, after everything was tried.
    """
    path = path or config.spool_path
    _look_into(path.parent)
    config = config.model_copy(update={"spool_dir": path.parent})
    journal = Journal(config.journal_path, config.journal_max_records)
    reached = {
        one.name: _Reached(one, journal, story_of(one, config)) for one in config.integrators
    }
    # Straight to Redis: the spool is a queue on disk already.
    snapshot = Snapshot(config, {name: one.notifier for name, one in reached.items()})
    try:
        done, failures = await _drain(path, snapshot)
        for one in reached.values():
            pushed, failed = await one.flush()
            done, failures = done + pushed, failures + failed
    finally:
        for one in reached.values():
            await one.close()
        await journal.close()
    if failures:
        raise NotificationError("; ".join(failures))
    return done


def _look_into(directory: Path) -> None:
    """Raise :exc:`NotificationError` for a directory that is not there, or not ours to read.

    In a mistyped one nothing waits, whatever does elsewhere.
    """
    try:
        os.listdir(directory)
    except PermissionError as error:
        mend = "as root, or as the service's user"
        raise NotificationError(f"{directory}: {error.strerror} ({mend})") from error
    except OSError as error:
        raise NotificationError(f"{directory}: {error.strerror}") from error


class _Reached:
    """One integrator's destinations, for as long as the command runs."""

    def __init__(self, integrator: Integrator, journal: Journal, story: Story | None) -> None:
        lists = RedisLists(integrator.redis, integrator.push, whose=integrator.name, story=story)
        self._queue = ListQueue(integrator.name, lists, journal)
        self._webhooks = tuple(
            WebhookQueue(integrator, name, journal) for name in integrator.named_webhooks
        )
        self.notifier = Notifier(integrator, lists, self._webhooks)

    async def flush(self) -> tuple[int, list[str]]:
        """Push and post all that is in the journal; return how many, and what failed."""
        pushed, failures = 0, []
        try:
            pushed = await self._queue.flush()
        except NotificationError as error:
            failures.append(f"{self.notifier.integrator.name}: {error}")
        for webhook in self._webhooks:
            try:
                if not await webhook.flush():
                    print(f"{webhook.queue}: a server is at work on it", file=sys.stderr)
            except NotificationError as error:
                failures.append(str(error))
        return pushed, failures

    async def close(self) -> None:
        await self._queue.close()
        for webhook in self._webhooks:
            await webhook.close()


async def _drain(path: Path, current: Snapshot) -> tuple[int, list[str]]:
    drain, done, failures = Drain(path), 0, list[str]()
    try:
        # A look takes over, the next one reads.
        for _ in range(_LOOKS):
            if drain.is_empty or drain.failure:
                break
            done += await drain.look(current)
            if not drain.is_empty:
                await asyncio.sleep(DRAIN_EVERY)
        if drain.failure:
            failures.append(f"spool: {drain.failure}")
        elif not drain.is_empty:
            failures.append(f"spool: {path}: somebody else is at work on it")
    except OSError as error:
        failures.append(f"spool: {error}")
    return done, failures


def become_owner(directory: Path) -> None:
    """As root, go on as the owner of a directory: what is made there must be the server's.

    Nothing is done for other users, where root owns it, or where the owner cannot work.
    """
    try:
        owner = directory.stat()
    except OSError:  # who wants to work there will say so
        return
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    before = os.getgroups()
    _use_groups(owner.st_uid, owner.st_gid)
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    reachable = os.access(directory, os.W_OK | os.X_OK, effective_ids=True)
    os.seteuid(0)
    if reachable:
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    else:  # below a directory that only root may enter
        os.setegid(0)
        os.setgroups(before)


def _use_groups(uid: int, gid: int) -> None:
    try:
        os.initgroups(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:  # a number without a name
        os.setgroups([])
