"""One process at a time for a queue: a lock that the kernel frees when its holder dies."""

import fcntl
import os
from pathlib import Path

__all__ = ["QueueLock"]


class QueueLock:
    """A lock file; on a file system of one machine, as those are on which the journal works."""

    def __init__(self, directory: Path, queue: str) -> None:
        self._path = directory / f"webhook.{queue.replace('/', '.')}.lock"
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock, or keep it; False while another process, or object, has it.

        Raises :exc:`OSError` when the file cannot be made.
        """
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Let others have it.  The file stays: who waits for it has it open."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
