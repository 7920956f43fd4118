"""Recordings on the disk: which are finished, and which are old."""

from __future__ import annotations

import os
import time
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.io.recordings import RecordingState, find, recording_path, sweep
from tests.domain.examples import CALL_REF

DAY = 24 * 60 * 60


def wav(data: int, told: int | None = None) -> bytes:
    """Return a file of so many bytes of data, and what its header says of them."""
    size = (data if told is None else told).to_bytes(4, "little")
    return b"RIFF" + bytes(36) + size + bytes(data)


def write(directory: Path, name: str, content: bytes = b"", age: float = 0) -> Path:
    path = directory / "acme" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize(
    ("content", "age", "ended", "state"),
    [
        (wav(100), 0, False, "finished"),
        (wav(101) + b"\0", 0, False, "finished"),  # padded to an even length
        (wav(100), 2 * DAY, False, "finished"),
        (wav(100, 0), 0, False, "writing"),
        (wav(100, 0), DAY - 60, False, "writing"),
        (wav(100, 0), DAY + 60, False, "missing"),
        (wav(100, 200), 0, False, "writing"),
        (b"", 0, False, "writing"),
        (b"RIFF", 0, True, "writing"),
        (b"RIFF", 20, True, "missing"),
        (wav(0), 20, False, "writing"),
        (wav(0), 20, True, "missing"),
    ],
)
def test_what_the_header_says(
    tmp_path: Path, content: bytes, age: float, ended: bool, state: str
) -> None:
    path = write(tmp_path, f"{CALL_REF}.wav", content, age)
    assert find(path, ended=ended).value == state


@given(st.binary(max_size=60))
def test_any_file_is_in_one_of_the_states(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp(), f"{CALL_REF}.wav", content)
    assert find(path, ended=False) in (RecordingState.WRITING, RecordingState.FINISHED)


def test_what_is_no_file_is_no_recording(tmp_path: Path) -> None:
    path = recording_path(tmp_path, "acme", CALL_REF)
    assert find(path, ended=False) is RecordingState.MISSING
    path.mkdir(parents=True)
    assert find(path, ended=False) is RecordingState.MISSING
    path.rmdir()
    path.symlink_to(write(tmp_path, "other.wav", wav(100)))
    assert find(path, ended=False) is RecordingState.MISSING


@given(st.text(max_size=40) | st.just(CALL_REF))
def test_only_a_call_ref_makes_a_path(ref: str) -> None:
    try:
        path = recording_path(Path("/r"), "acme", ref)
    except ValueError:
        return
    assert ref == CALL_REF
    assert str(path) == f"/r/acme/{CALL_REF}.wav"


def speech(path: Path, samples: list[int]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(array("h", samples).tobytes())


def test_two_sides_become_one_file_with_two_channels(tmp_path: Path) -> None:
    path = recording_path(tmp_path, "acme", CALL_REF)
    sides = [path.with_stem(f"{CALL_REF}-{side}") for side in ("in", "out")]
    path.parent.mkdir()
    speech(sides[0], [1] * 100_000)
    sides[1].write_bytes(wav(100, 0))
    assert find(path, ended=False) is RecordingState.WRITING
    speech(sides[1], [2] * 90_000)  # shorter: silence at the end
    assert find(path, ended=False) is RecordingState.FINISHED
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 100_000)
        samples = array("h", file.readframes(100_000))
    assert set(samples[0::2]) == {1}
    assert set(samples[1:180_000:2]) == {2}
    assert set(samples[180_001::2]) == {0}
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert find(path, ended=False) is RecordingState.FINISHED


def test_a_side_that_is_no_sound_is_told_and_kept(tmp_path: Path) -> None:
    for side in ("in", "out"):
        write(tmp_path, f"{CALL_REF}-{side}.wav", wav(100))  # no fmt chunk
    with pytest.raises(OSError, match=CALL_REF):
        find(recording_path(tmp_path, "acme", CALL_REF), ended=True)
    assert len(list((tmp_path / "acme").iterdir())) == 2


def test_only_old_recordings_are_deleted(tmp_path: Path) -> None:
    old = write(tmp_path, f"{CALL_REF}.wav", wav(100), 91 * DAY)
    kept = [
        write(tmp_path, f"{CALL_REF[:-1]}0.wav", wav(100), 89 * DAY),
        write(tmp_path, "notes.wav", b"", 1000 * DAY),
        write(tmp_path, f"{CALL_REF}.txt", b"", 1000 * DAY),
    ]
    side = write(tmp_path, f"{CALL_REF}-in.wav", wav(100), 91 * DAY)
    assert sweep(tmp_path, "acme", 90) == 2
    assert not old.exists()
    assert not side.exists()
    assert all(path.exists() for path in kept)
    assert sweep(tmp_path, "acme", 90) == 0
    assert sweep(tmp_path, "nobody", 90) == 0


def test_what_cannot_be_deleted_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "acme" / f"{CALL_REF}.wav"
    path.mkdir(parents=True)
    os.utime(path, (0, 0))
    assert sweep(tmp_path, "acme", 90) == 0
    assert "recordings of acme: " in caplog.text
