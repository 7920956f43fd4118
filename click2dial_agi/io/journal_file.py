"""The journal's file: an SQLite database, its tables, and what is done when it is damaged."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from click2dial_agi.domain.notifications import Notification
from click2dial_agi.exceptions import JournalError

__all__ = [
    "Entry",
    "Waiting",
    "add",
    "count",
    "counts",
    "drop",
    "inode",
    "is_damaged",
    "is_transient",
    "move_aside",
    "oldest",
    "open_database",
    "read_out",
    "read_waiting",
    "rename",
    "waiting",
]

# Another server that shares the directory may be writing.  Asterisk waits for the receipt
# meanwhile, and has waited for Redis already.
_LOCK_TIMEOUT = 2.0

# The -wal file is cut back to this once an outage is over.
_KEEP_WAL = 4 * 1024 * 1024

# A larger file would take more than half a second to be looked through.
_CHECKED = 64 * 1024 * 1024

# Records hold personal data: the server's user and group, nobody else.
_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750

# A record is one for each call and list, however often it is offered.  The list and the body are
# what they were when the call ended; on which side to push, and to which Redis, is the
# integrator's configuration of the day: that is where its consumers are now.  The column
# "integrator" holds the queue's name, as it did when each integrator had one queue only.
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
# The same as SQLite tells it: name, type, NOT NULL, place in the primary key.
_COLUMNS = [
    ("number", "INTEGER", 0, 1),
    ("integrator", "TEXT", 1, 0),
    ("list_name", "TEXT", 1, 0),
    ("call_ref", "TEXT", 1, 0),
    ("body", "TEXT", 1, 0),
    ("since", "REAL", 1, 0),
]
_KEY = ["integrator", "list_name", "call_ref"]
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
_COUNTS = "SELECT integrator, count(*) FROM records GROUP BY integrator"
_COUNT = "SELECT count(*) FROM records WHERE integrator = ?"
_ALL = "SELECT integrator, list_name, call_ref, body, since FROM records ORDER BY rowid"

_TRANSIENT = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
# The last two: a schema that is none, or not ours.
_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_ERROR,
)


class Entry(NamedTuple):
    """A notification, its number, and since when it waits (Unix seconds).

    Numbers rise in the order of arrival.
    """

    number: int
    notification: Notification
    since: float


class Waiting(NamedTuple):
    """How many notifications of a queue wait for a list, and since when the oldest does."""

    queue: str
    list_name: str
    records: int
    since: float


def open_database(path: Path) -> sqlite3.Connection:
    """Open a journal, for any thread, and make it if it is not there."""
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    # SQLite gives -wal and -shm the mode of the database itself.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        mode = os.fstat(file).st_mode & 0o777
        if mode & ~_FILE_MODE:
            with contextlib.suppress(PermissionError):  # another user's
                os.fchmod(file, mode & _FILE_MODE)
    finally:
        os.close(file)
    database = sqlite3.connect(
        path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    database.text_factory = _text
    try:
        _use_wal(database)
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA journal_size_limit = {_KEEP_WAL}")
        database.execute(_SCHEMA)
        _look_through(database, whole=path.stat().st_size <= _CHECKED)
    except BaseException:
        database.close()
        raise
    return database


def _look_through(database: sqlite3.Connection, *, whole: bool) -> None:
    """Raise what SQLite raises for a damaged file if it would take a notification and lose it.

    So it does if the schema is another than ours, or if table and index do not agree.
    """
    columns = [row[1:4] + row[5:] for row in database.execute("PRAGMA table_info(records)")]
    unique = [
        [row[2] for row in database.execute(f"PRAGMA index_info({_quoted(name)})")]
        for _, name, is_unique, origin, _ in database.execute("PRAGMA index_list(records)")
        if is_unique and origin == "u"
    ]
    found = "ok" if (columns, unique) == (_COLUMNS, [_KEY]) else "another schema"
    if whole and found == "ok":
        (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def add(database: sqlite3.Connection, queue: str, notification: Notification) -> bool:
    """Put a notification at a queue's end; False if it is there already."""
    row = (notification.list_name, notification.call_ref, notification.body, time.time())
    return bool(database.execute(_INSERT, (queue, *row)).rowcount)


def oldest(database: sqlite3.Connection, queue: str, limit: int, after: int) -> list[Entry]:
    """Return a queue's oldest entries with a number beyond ``after``."""
    rows = database.execute(_OLDEST, (queue, after, limit))
    # Of a damaged page that SQLite could not tell from a good one, any column is of any type.
    return [
        Entry(number, Notification(*map(str, rest)), since if isinstance(since, float) else 0.0)
        for number, since, *rest in rows
    ]


def drop(database: sqlite3.Connection, queue: str, number: int) -> int:
    """Drop a queue's entries up to a number; return how many."""
    return database.execute(_FORGET, (queue, number)).rowcount


def rename(database: sqlite3.Connection, old: str, new: str) -> int:
    """Give the entries of one queue to another; return how many."""
    moved = database.execute(
        "UPDATE OR IGNORE records SET integrator = ? WHERE integrator = ?", (new, old)
    ).rowcount
    database.execute("DELETE FROM records WHERE integrator = ?", (old,))
    return moved


def waiting(database: sqlite3.Connection) -> list[Waiting]:
    """Return what waits, by queue and list."""
    return [Waiting(*row) for row in database.execute(_WAITING)]


def counts(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many entries each queue has."""
    return dict(database.execute(_COUNTS))


def count(database: sqlite3.Connection, queue: str) -> int:
    """Return how many entries a queue has."""
    (records,) = database.execute(_COUNT, (queue,)).fetchone()
    return int(records)


def read_waiting(path: Path) -> list[Waiting]:
    """Return what waits in a journal that a server may be using; nothing is changed.

    Raises :exc:`JournalError` when it cannot be read.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return []
    except OSError as error:  # a directory that is not ours to look into
        raise JournalError(f"journal: {path}: {error.strerror}") from error
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.text_factory = _text
            return waiting(database)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalError(f"journal: {path}: {error}") from error


def move_aside(path: Path) -> Path:
    """Rename a damaged database and what belongs to it; return its new name."""
    aside = path.with_name(f"{path.name}.damaged.{time.time_ns()}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def read_out(damaged: Path, database: sqlite3.Connection) -> int:
    """Copy records from a damaged database as far as it can be read; return how many."""
    saved = 0
    unreadable = (sqlite3.Error, UnicodeDecodeError)
    with contextlib.suppress(*unreadable), contextlib.closing(sqlite3.connect(damaged)) as source:
        source.text_factory = _text
        for row in source.execute(_ALL):
            saved += database.execute(_INSERT, row).rowcount
    return saved


def inode(path: Path) -> int:
    """Return the file's number, 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def is_damaged(error: Exception) -> bool:
    """Tell whether the file itself is what is wrong: Python cannot even read what SQLite says."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _DAMAGED


def is_transient(error: Exception) -> bool:
    """Tell whether the same connection may do better later."""
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _TRANSIENT


def _text(data: bytes) -> str:
    """Read a text of the database, whatever a damaged disk made of it."""
    return data.decode("utf-8", "replace")


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


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
