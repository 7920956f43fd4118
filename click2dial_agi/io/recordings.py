"""Recordings as Asterisk's MixMonitor writes them: ``<directory>/<integrator>/<call_ref>.wav``.

All functions touch the disk: call them in a thread.
"""

import logging
import stat
import time
from enum import StrEnum
from pathlib import Path

from click2dial_agi.domain.numbers import is_call_ref

__all__ = ["RecordingState", "inspect", "recording_path", "sweep"]

log = logging.getLogger(__name__)

# RIFF, its size, WAVE, the format, "data" and its size (format_wav.c).
_HEADER = 44
_DATA_SIZE = slice(40, 44)

# A recording that has not grown for so many seconds is not being written any more.  While the call
# may go on, far longer than a client is on hold: Asterisk died with it.  Once it has ended, longer
# than closing the file takes: nobody said a word.
_ABANDONED = 24 * 60 * 60
_EMPTY = 10

_DAY = 24 * 60 * 60


class RecordingState(StrEnum):
    """What there is of a recording."""

    MISSING = "missing"
    WRITING = "writing"
    FINISHED = "finished"


def recording_path(directory: Path, integrator: str, call_ref: str) -> Path:
    """Return where a call's recording is.  Raises :exc:`ValueError` for what is no call_ref."""
    if not is_call_ref(call_ref):
        raise ValueError("a call_ref")
    return directory / integrator / f"{call_ref}.wav"


def inspect(path: Path, *, ended: bool) -> RecordingState:
    """Tell whether Asterisk is through with a recording; ``ended`` if the call is known to be over.

    It writes the data's size into the header when it closes the file, and not before.
    """
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            return RecordingState.MISSING
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return RecordingState.MISSING
    size = int.from_bytes(header[_DATA_SIZE], "little")
    if len(header) == _HEADER and size and _HEADER + size <= about.st_size:
        return RecordingState.FINISHED
    abandoned = time.time() - about.st_mtime > (_EMPTY if ended else _ABANDONED)
    return RecordingState.MISSING if abandoned else RecordingState.WRITING


def sweep(directory: Path, integrator: str, days: int) -> int:
    """Delete an integrator's recordings that are older than ``days``; return how many.

    Files of other names are left alone.  What cannot be deleted is told in the log.
    """
    before, deleted = time.time() - days * _DAY, 0
    try:
        files = list((directory / integrator).glob("*.wav"))
    except OSError as error:
        log.error("recordings of %s: %s", integrator, error)
        return 0
    for path in files:
        try:
            if is_call_ref(path.stem) and path.lstat().st_mtime < before:
                path.unlink()
                deleted += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            log.error("recordings of %s: %s", integrator, error)
    return deleted
