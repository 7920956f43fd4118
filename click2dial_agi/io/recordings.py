"""Recordings as Asterisk's MixMonitor writes them: ``<directory>/<integrator>/<call_ref>.wav``.

In stereo it writes two files, ``<call_ref>-in.wav`` and ``<call_ref>-out.wav``, of which the first
that asks makes one.  All functions touch the disk: call them in a thread.
"""

import contextlib
import logging
import os
import stat
import tempfile
import time
import wave
from array import array
from enum import StrEnum
from pathlib import Path

from click2dial_agi.domain.numbers import is_call_ref

__all__ = ["RecordingState", "find", "recording_path", "sweep"]

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
_REF_LENGTH = 36
_SIDES = ("-in", "-out")
_FRAMES = 80_000  # put together at once: ten seconds


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


def find(path: Path, *, ended: bool) -> RecordingState:
    """Tell whether a recording can be had; ``ended`` if the call is known to be over.

    Of one in stereo that is finished the file is made here.  Raises :exc:`OSError`.
    """
    state = _inspect(path, ended)
    if state is not RecordingState.MISSING:
        return state
    sides = [path.with_stem(path.stem + side) for side in _SIDES]
    states = {_inspect(side, ended) for side in sides}
    if states != {RecordingState.FINISHED}:
        both = RecordingState.MISSING not in states
        return RecordingState.WRITING if both else RecordingState.MISSING
    try:
        _join(sides, path)
    except FileNotFoundError:  # somebody else has just done it
        return _inspect(path, ended)
    return RecordingState.FINISHED


def _inspect(path: Path, ended: bool) -> RecordingState:
    """Tell whether Asterisk is through with a file.

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


def _join(sides: list[Path], target: Path) -> None:
    """Make one file of two channels, and delete the two that it was made of."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".joining-")
    try:
        with (
            os.fdopen(handle, "wb") as file,
            wave.open(file, "wb") as joined,
            contextlib.ExitStack() as stack,
        ):
            readers = [stack.enter_context(wave.open(str(side), "rb")) for side in sides]
            joined.setparams(readers[0].getparams()._replace(nchannels=2, nframes=0))
            while frames := [reader.readframes(_FRAMES) for reader in readers]:
                length = max(map(len, frames)) // 2
                if not length:
                    break
                mixed = array("h", bytes(4 * length))
                for channel, data in enumerate(frames):
                    samples = array("h", data[: len(data) // 2 * 2])
                    mixed[channel : 2 * len(samples) : 2] = samples
                joined.writeframes(mixed.tobytes())
        os.replace(name, target)
    except (wave.Error, EOFError) as error:
        raise OSError(f"{target.stem}: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    for side in sides:
        side.unlink(missing_ok=True)


def sweep(directory: Path, integrator: str, days: int) -> int:
    """Delete an integrator's recordings that are older than ``days``; return how many files.

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
            if _is_recording(path) and path.lstat().st_mtime < before:
                path.unlink()
                deleted += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            log.error("recordings of %s: %s", integrator, error)
    return deleted


def _is_recording(path: Path) -> bool:
    side = path.stem[_REF_LENGTH:]
    return is_call_ref(path.stem[:_REF_LENGTH]) and side in ("", *_SIDES)
