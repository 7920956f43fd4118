"""Notifications that Redis did not take in time: on disk, in order, until it has them.

An SQLite database, in a thread of its own.  What is asked of it while a commit is under way goes
into the next one together, so that a burst costs a few flushes of the disk and not one for each
record.  While Redis answers nothing here is opened or even looked at.
"""

import asyncio
import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from click2dial_agi.domain.records import Notification
from click2dial_agi.exceptions import NotificationError

__all__ = ["Entry", "Journal", "Waiting", "read_waiting"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]

# In one commit: more than arrive within one at any rate that an Asterisk reaches.
_MAX_GROUP = 1000

# Another server that shares the directory may be writing.  Asterisk waits for the receipt
# meanwhile, and has waited for Redis already.
_LOCK_TIMEOUT = 2.0

# The -wal file is cut back to this once an outage is over.
_KEEP_WAL = 4 * 1024 * 1024

# A record is one for each call and list, however often it is offered.  The list and the body are
# what they were when the call ended; on which side to push, and to which Redis, is the
# integrator's configuration of the day: that is where its consumers are now.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  integrator TEXT NOT NULL,
  list_name TEXT NOT NULL,
  call_ref TEXT NOT NULL,
  body TEXT NOT NULL,
  since REAL NOT NULL,
  UNIQUE (integrator, list_name, call_ref)
)
"""
_INSERT = """
INSERT OR IGNORE INTO records (integrator, list_name, call_ref, body, since) VALUES (?, ?, ?, ?, ?)
"""
_OLDEST = """
SELECT number, since, list_name, call_ref, body FROM records
WHERE integrator = ? AND number > ? ORDER BY number LIMIT ?
"""
_FORGET = "DELETE FROM records WHERE integrator = ? AND number <= ?"
_WAITING = """
SELECT integrator, list_name, count(*), min(since) FROM records
GROUP BY integrator, list_name ORDER BY integrator, list_name
"""

_COUNT = "SELECT count(*) FROM records"

_TRANSIENT = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Entry(NamedTuple):
    """A notification, its number, and since when it waits (Unix seconds).

    Numbers rise in the order of arrival.
    """

    number: int
    notification: Notification
    since: float


class Waiting(NamedTuple):
    """How many notifications wait for a list, and since when the oldest does (Unix seconds)."""

    integrator: str
    list_name: str
    records: int
    since: float


class Journal:
    """The records of all integrators that wait for their Redis.

    Every method raises :exc:`NotificationError` when the disk does not do what it should; the log
    says so once, and again when it is over.  A damaged database is moved aside, and what can be
    read of it is taken over into a new one.
    """

    def __init__(self, path: Path, max_records: int = 1_000_000) -> None:
        self.path = path
        self._max_records = max_records
        self._asked: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        # The rest belongs to the thread.
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._count = 0
        self._wrote = False
        self._failing = ""

    @property
    def exists(self) -> bool:
        """Whether there is a database; there is none until Redis has been away once."""
        return self.path.exists()

    @property
    def _is_unused(self) -> bool:
        # Once the thread has been asked it must be asked: it may be about to make the database.
        return self._thread is None and not self.exists

    async def append(self, integrator: str, notification: Notification) -> bool:
        """Keep a notification; on return it outlives a power cut.  False if it was there."""

        def work(database: sqlite3.Connection) -> bool:
            if self._count >= self._max_records:
                raise NotificationError(f"journal: it holds {self._count} records, its most")
            row = (notification.list_name, notification.call_ref, notification.body, time.time())
            new = database.execute(_INSERT, (integrator, *row)).rowcount
            self._count += new
            return bool(new)

        return await self._do(work)

    async def oldest(self, integrator: str, limit: int, after: int = 0) -> list[Entry]:
        """Return an integrator's oldest entries with a number beyond ``after``."""
        if self._is_unused:
            return []

        def work(database: sqlite3.Connection) -> list[Entry]:
            rows = database.execute(_OLDEST, (integrator, after, limit))
            return [Entry(number, Notification(*rest), since) for number, since, *rest in rows]

        return await self._do(work)

    async def forget(self, integrator: str, number: int) -> None:
        """Drop an integrator's entries up to a number, which Redis has."""

        def work(database: sqlite3.Connection) -> None:
            self._count -= database.execute(_FORGET, (integrator, number)).rowcount

        await self._do(work)

    async def waiting(self) -> list[Waiting]:
        """Return what waits, by integrator and list."""
        if self._is_unused:
            return []
        return await self._do(_waiting)

    async def close(self) -> None:
        """Finish what was asked for and close the database."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._asked.put(None)
            await asyncio.to_thread(thread.join)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.put((work, done))
        return await done

    # In the thread.

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
            except sqlite3.DatabaseError as error:
                if _primary_code(error) not in _DAMAGED:
                    raise
                self._replace(error)
                outcomes = self._transact(works)
        except Exception as error:  # whatever it was, those who wait must hear of it
            self._roll_back(error)
            refused = NotificationError(f"journal: {error}")
            outcomes = [refused for _ in works]
        for (_, done), outcome in zip(works, outcomes, strict=True):
            with contextlib.suppress(RuntimeError):  # the loop that asked is closed
                done.get_loop().call_soon_threadsafe(_settle, done, outcome)
        refusals = [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
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
            except NotificationError as error:  # this one's alone
                outcomes.append(error)
        database.execute("COMMIT")
        self._wrote = database.total_changes > before
        return outcomes

    def _roll_back(self, error: Exception) -> None:
        """Undo the transaction; a new connection may do better, but needs room on the disk."""
        keep = isinstance(error, sqlite3.Error) and _primary_code(error) in _TRANSIENT
        if self._database is None or not keep:
            self._close()
            return
        with contextlib.suppress(sqlite3.Error):
            self._database.rollback()
            (self._count,) = self._database.execute(_COUNT).fetchone()

    def _open(self) -> sqlite3.Connection:
        # A file that somebody removed would go on taking records that nobody could find.
        if self._database is not None and self._inode != _inode(self.path):
            self._close()
        if self._database is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = self._database = sqlite3.connect(
                self.path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            _use_wal(database)
            database.execute("PRAGMA synchronous = FULL")
            database.execute(f"PRAGMA journal_size_limit = {_KEEP_WAL}")
            database.execute(_SCHEMA)
            (self._count,) = database.execute(_COUNT).fetchone()
            self._inode = _inode(self.path)
        return self._database

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                database.close()  # which rolls back

    def _replace(self, error: sqlite3.DatabaseError) -> None:
        """Move a damaged database aside and take over what can be read of it."""
        self._close()
        aside = self.path.with_name(f"{self.path.name}.damaged.{time.time_ns()}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{suffix}", f"{aside}{suffix}")
        saved = _read_out(aside, self._open())
        (self._count,) = self._open().execute(_COUNT).fetchone()
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


def read_waiting(path: Path) -> list[Waiting]:
    """Return what waits in a journal that a server may be using; nothing is changed.

    Raises :exc:`NotificationError` when it cannot be read.
    """
    if not path.exists():
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return _waiting(database)
    except sqlite3.Error as error:
        raise NotificationError(f"journal: {path}: {error}") from error


def _waiting(database: sqlite3.Connection) -> list[Waiting]:
    return [Waiting(*row) for row in database.execute(_WAITING)]


def _read_out(damaged: Path, database: sqlite3.Connection) -> int:
    """Copy records from a damaged database as far as it can be read; return how many."""
    saved = 0
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(damaged)) as source:
        rows = source.execute(
            "SELECT integrator, list_name, call_ref, body, since FROM records ORDER BY number"
        )
        for row in rows:
            saved += database.execute(_INSERT, row).rowcount
    return saved


def _use_wal(database: sqlite3.Connection) -> None:
    """Switch to WAL.  SQLite does not wait here for another server that does the same."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = _primary_code(error) == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _settle(done: "asyncio.Future[Any]", outcome: Any) -> None:
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
