"""The PBX's spool: the file to which the dialplan appends calls that no server recorded.

A piece of it is taken over by renaming it, and read when nobody can be writing to it any more;
the next call makes a new file.  What is not a whole line (the power went, or the disk was full) is
put aside, never thrown away.
"""

import contextlib
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from click2dial_agi.domain.facts import MAX_FACTS

__all__ = ["Piece", "Spool", "pieces"]

log = logging.getLogger(__name__)

# Longer than any line that Asterisk writes: without this, one without an end would fill memory.
_MAX_LINE = 4 * MAX_FACTS

# Every line begins with this fact (click2dial.conf), and the name of no other ends in it, so it
# tells where a line begins that was written right behind half of another.  Values are
# percent-encoded and cannot hold it.
_BEGINNING = re.compile(rb"call_ref=")
# Lines hold personal data: the server's user and group, nobody else.
_FILE_MODE = 0o640

_WHOLE = re.compile(rb"[!-~]+")


class Piece(NamedTuple):
    """Bytes of the spool, and whether they are a line from its beginning to its end."""

    data: bytes
    whole: bool


def pieces(line: bytes) -> Iterator[Piece]:
    """Take apart what was read up to a newline: one line, or torn ones with a whole one last."""
    ended = line.endswith(b"\n")
    line = line.rstrip(b"\r\n")
    starts = [found.start() for found in _BEGINNING.finditer(line)]
    if not starts or starts[0]:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
        data = line[start:end]
        if data:
            last = end == len(line)
            beginning = _BEGINNING.match(data) is not None
            yield Piece(data, last and ended and beginning and bool(_WHOLE.fullmatch(data)))


class Spool:
    """One spool file, and the pieces of it that were taken over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rejected = path.with_name(f"{path.name}.rejected")
        self._seen: set[Path] = set()

    def waiting(self) -> list[Path]:
        """Return the files that hold lines, the oldest first."""
        files = [*self._taken(), self.path]
        return [file for file in files if _holds_lines(file)]

    def put_aside(self) -> list[Path]:
        """Return the files that hold what was rejected."""
        return sorted(self.path.parent.glob(f"{self.rejected.name}*"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Keep other processes from draining; False if one is at it.  A crash frees it."""
        # The directory itself, for a full disk holds no file to lock.
        lock = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def take(self) -> list[Path]:
        """Take over what the dialplan wrote; return the pieces that can be read, oldest first.

        Asterisk opens the file, writes a line and closes it, so it may still be about to write to
        what was just renamed.  A piece is returned by the next call at the earliest, and not while
        anybody has it open for writing.  Call it about once a second, holding the lock.
        """
        ready = [path for path in self._taken() if path in self._seen and not _is_open(path)]
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size:
                os.rename(self.path, f"{self.path}.{time.time_ns():020d}.draining")
        self._seen = set(self._taken())
        return ready

    def read(self, path: Path) -> Iterator[Piece]:
        """Read a piece that was taken over."""
        with path.open("rb") as file:
            while line := file.readline(_MAX_LINE):
                yield from pieces(line)

    def reject(self, lines: Iterable[bytes]) -> Path:
        """Put aside what is no record; return where.  On return it outlives a power cut.

        Where the usual file cannot be written, another user's perhaps, it is a new one.
        """
        text = b"".join(line.replace(b"\0", b"") + b"\n" for line in lines)
        another = self.rejected.with_name(f"{self.rejected.name}.{time.time_ns()}")
        for path in (self.rejected, another):
            try:
                _append(path, text)
            except OSError:
                if path is another:
                    raise
            else:
                return path
        raise AssertionError("unreachable")

    def keep(self, path: Path, size: int, left: Iterable[bytes]) -> bool:
        """Replace a piece that was read up to ``size`` by what is left of it, all or nothing.

        False if it has grown meanwhile; then, as on :exc:`OSError`, it stays as it was.
        """
        rest = path.with_suffix(".rest")
        rest.unlink(missing_ok=True)
        text = b"".join(line + b"\n" for line in left)
        if text:
            _append(rest, text)
        if path.stat().st_size != size:
            rest.unlink(missing_ok=True)
            return False
        if text:
            os.replace(rest, path)
        else:
            path.unlink()
        return True

    def _taken(self) -> list[Path]:
        # To open a pipe of such a name would take until somebody writes to it.
        files = self.path.parent.glob(f"{self.path.name}.*.draining")
        return sorted(path for path in files if not path.is_fifo())


def _append(path: Path, text: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, _FILE_MODE), "ab") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _holds_lines(path: Path) -> bool:
    """Tell whether a file is there and not empty; another server may take it away at any time."""
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_open(path: Path) -> bool:
    """Tell whether any process has a file open for writing, as far as the kernel says.

    The kernel grants a read lease (fcntl(2), F_SETLEASE) only on a file that nobody writes to.
    Where it grants none at all (network file systems, another user's file), the answer is no.
    """
    try:
        file = path.open("rb")
    except OSError:  # whoever reads it will say so
        return False
    with file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
