"""Notifications that nobody has taken yet: on disk, in queues, in order, until somebody has.

An SQLite database, in a thread of its own.  What is asked of it while a commit is under way goes
into the next one together, so that a burst costs a few flushes of the disk and not one for each
record.  While Redis answers, and without webhooks, nothing here is opened or even looked at.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.webhooks import shown_queue
from click2dial_agi.exceptions import JournalError, QueueFull
from click2dial_agi.io import journal_file
from click2dial_agi.io.journal_file import Entry, Waiting, read_waiting

__all__ = ["Entry", "Journal", "Waiting", "read_waiting"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]

# In one commit: more than arrive within one at any rate that an Asterisk reaches.
_MAX_GROUP = 1000

# A full queue is counted anew so often, in seconds: another process may be emptying it.
_RECOUNT_EVERY = 1.0

# A queue that stays full is told of so often, in seconds.
_ALARM_EVERY = 300.0

# What another process wrote is noticed within this.
_LOOK_EVERY = 1.0


class Journal:
    """The queues of all integrators and webhooks, each with a bound of its own.

    Every method raises :exc:`JournalError` when the disk does not do what it should; the log
    says so once, and again when it is over.  A damaged database is moved aside, and what can be
    read of it is taken over into a new one.
    """

    def __init__(self, path: Path, max_records: int = 1_000_000) -> None:
        self.path = path
        self.max_records = max_records
        self._asked: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._watchers: dict[str, set[Callable[[], None]]] = defaultdict(set)
        # The rest belongs to the thread.
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._counts: dict[str, int] = {}
        self._counted_at: dict[str, float] = {}
        self._full_told_at: dict[str, float] = {}
        self._version = 0
        self._wrote = False
        self._failing = ""

    @property
    def exists(self) -> bool:
        """Whether there is a database; there is none until something had to wait."""
        return self.path.exists()

    @property
    def _is_unused(self) -> bool:
        # Once the thread has been asked it must be asked: it may be about to make the database.
        return self._thread is None and not self.exists

    async def append(self, queue: str, notification: Notification) -> bool:
        """Keep a notification; on return it outlives a power cut.  False if it was there.

        Raises :exc:`QueueFull` when the queue has as many as it may.
        """

        def work(database: sqlite3.Connection) -> bool:
            self._make_sure_of_room(database, queue)
            new = journal_file.add(database, queue, notification)
            self._counts[queue] = self._counts.get(queue, 0) + new
            return new

        new = await self._do(work)
        self._tell(queue)
        return new

    async def oldest(self, queue: str, limit: int, after: int = 0) -> list[Entry]:
        """Return a queue's oldest entries with a number beyond ``after``."""
        if self._is_unused:
            return []
        return await self._do(lambda database: journal_file.oldest(database, queue, limit, after))

    async def forget(self, queue: str, number: int) -> None:
        """Drop a queue's entries up to a number, which somebody has taken."""

        def work(database: sqlite3.Connection) -> None:
            dropped = journal_file.drop(database, queue, number)
            self._counts[queue] = max(self._counts.get(queue, 0) - dropped, 0)

        await self._do(work)

    async def rename(self, old: str, new: str) -> int:
        """Give what waits under one queue's name to another; return how much."""
        if self._is_unused:
            return 0

        def work(database: sqlite3.Connection) -> int:
            moved = journal_file.rename(database, old, new)
            self._counts = journal_file.counts(database)
            return moved

        return await self._do(work)

    async def waiting(self) -> list[Waiting]:
        """Return what waits, by queue and list."""
        if self._is_unused:
            return []
        return await self._do(journal_file.waiting)

    def watch(self, queue: str, tell: Callable[[], None]) -> None:
        """Call ``tell`` whenever something was put into a queue, by whomever."""
        self._watchers[queue].add(tell)

    def unwatch(self, queue: str, tell: Callable[[], None]) -> None:
        """Call it no more."""
        self._watchers[queue].discard(tell)

    async def look_for_others(self) -> None:
        """Tell those who watch of what other processes wrote, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if not self.exists:
                continue
            with contextlib.suppress(JournalError):  # of which the log has told
                if await self._do(self._was_changed):
                    for queue in tuple(self._watchers):
                        self._tell(queue)

    async def close(self) -> None:
        """Finish what was asked for and close the database."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._asked.put(None)
            await asyncio.to_thread(thread.join)

    def _tell(self, queue: str) -> None:
        for tell in tuple(self._watchers.get(queue, ())):
            tell()

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.put((work, done))
        return await done

    # In the thread.

    def _make_sure_of_room(self, database: sqlite3.Connection, queue: str) -> None:
        now = time.monotonic()
        full = self._counts.get(queue, 0) >= self.max_records
        if full and now - self._counted_at.get(queue, -_RECOUNT_EVERY) >= _RECOUNT_EVERY:
            self._counted_at[queue] = now
            self._counts[queue] = journal_file.count(database, queue)
            full = self._counts[queue] >= self.max_records
        told_at = self._full_told_at.get(queue)
        if not full:
            if told_at is not None:
                del self._full_told_at[queue]
                log.warning("journal: works again: %s has room", shown_queue(queue))
            return
        records = self._counts[queue]
        error = QueueFull(
            f"journal: it holds {records} records, its most, for {shown_queue(queue)}"
        )
        if told_at is None or now - told_at >= _ALARM_EVERY:
            self._full_told_at[queue] = now
            log.error("%s; it takes no more (journal_max_records)", error)
        raise error

    def _was_changed(self, database: sqlite3.Connection) -> bool:
        # SQLite counts it up for what other connections commit, not for our own.
        (version,) = database.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return bool(version != before)

    def _run(self) -> None:
        closing = False
        while not closing:
            group = [self._asked.get()]
            with contextlib.suppress(Empty):
                while len(group) < _MAX_GROUP:
                    group.append(self._asked.get_nowait())
            closing = None in group
            works = [work for work in group if work is not None]
            if works:
                self._commit(works)
        self._close()

    def _commit(self, works: list[Work]) -> None:
        """Do all that was asked for in one transaction, and tell those who asked."""
        try:
            try:
                outcomes = self._transact(works)
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if not journal_file.is_damaged(error):
                    raise
                self._replace(error)
                outcomes = self._transact(works)
        except Exception as error:  # whatever it was, those who wait must hear of it
            self._roll_back(error)
            refused = JournalError(f"journal: {error}")
            outcomes = [refused for _ in works]
        for (_, done), outcome in zip(works, outcomes, strict=True):
            with contextlib.suppress(RuntimeError):  # the loop that asked is closed
                done.get_loop().call_soon_threadsafe(_settle, done, outcome)
        # Of a queue that is full it was told already: the disk does what it should.
        refusals = [
            str(outcome)
            for outcome in outcomes
            if isinstance(outcome, Exception) and not isinstance(outcome, QueueFull)
        ]
        if refusals or self._wrote:  # a full disk can be read all the same
            self._note(refusals[0] if refusals else "")

    def _transact(self, works: list[Work]) -> list[Any]:
        database = self._open()
        outcomes: list[Any] = []
        before, self._wrote = database.total_changes, False
        database.execute("BEGIN IMMEDIATE")
        for work, _ in works:
            try:
                outcomes.append(work(database))
            except JournalError as error:  # this one's alone
                outcomes.append(error)
        database.execute("COMMIT")
        self._wrote = database.total_changes > before
        return outcomes

    def _roll_back(self, error: Exception) -> None:
        """Undo the transaction; a new connection may do better, but needs room on the disk."""
        if self._database is None or not journal_file.is_transient(error):
            self._close()
            return
        with contextlib.suppress(sqlite3.Error):
            self._database.rollback()
            self._counts = journal_file.counts(self._database)

    def _open(self) -> sqlite3.Connection:
        # A file that somebody removed would go on taking records that nobody could find.
        if self._database is not None and self._inode != journal_file.inode(self.path):
            self._close()
        if self._database is None:
            self._database = journal_file.open_database(self.path)
            self._counts = journal_file.counts(self._database)
            self._inode = journal_file.inode(self.path)
            self._version = 0
        return self._database

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                database.close()  # which rolls back

    def _replace(self, error: Exception) -> None:
        """Move a damaged database aside and take over what can be read of it."""
        self._close()
        aside = journal_file.move_aside(self.path)
        saved = journal_file.read_out(aside, self._open())
        self._counts = journal_file.counts(self._open())
        log.error(
            "journal: %s is damaged (%s); moved to %s, %d records could be read and are kept",
            self.path,
            error,
            aside,
            saved,
        )

    def _note(self, refusal: str) -> None:
        """Log that the journal stopped working, or works again: once each."""
        if refusal and not self._failing:
            log.error("%s (%s); what Redis does not take gets no receipt", refusal, self.path)
        elif self._failing and not refusal:
            log.warning("journal: works again: %s", self.path)
        self._failing = refusal


def _settle(done: "asyncio.Future[Any]", outcome: Any) -> None:
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
