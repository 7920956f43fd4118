"""Whether the directories of spool and recordings can do what they are for: tried, not assumed."""

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["examine_spool", "failure"]

_MAKE = "install -d -o asterisk -g asterisk -m 0750"


def failure(directory: Path) -> str:
    """Return why nothing can be kept in a directory, empty if something can."""
    try:
        directory.stat()
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return f"{directory} does not exist, so nothing is kept there; {_MAKE} {directory}"
    except OSError as error:
        return f"{directory} cannot be written: {error.strerror or error}"
    return ""


def examine_spool(directory: Path) -> tuple[str, ...]:
    """Return what is wrong with a directory, in words with the cure."""
    if problem := failure(directory):
        return (problem,)
    with contextlib.suppress(OSError):
        mode = directory.stat().st_mode & 0o777
        if mode & 0o007:
            return (
                f"others may look into {directory} (mode {mode:04o}), and records are personal "
                f"data; chmod 0750 {directory}",
            )
    return ()
