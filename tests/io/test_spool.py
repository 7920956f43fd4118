"""Lines that the dialplan left: whole ones are found, torn ones put aside, none lost or doubled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.io.spool import Spool, pieces

A = b"call_ref=a&contact_ref=person&ended_by=callee"
B = b"call_ref=b&platforma_early_ref=x&contact_ref=&ended_by="


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "calls.spool")


def write(spool: Spool, data: bytes) -> None:
    with spool.path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (A + b"\n", [(A, True)]),
        (B + b"\r\n", [(B, True)]),
        (A, [(A, False)]),
        (A[:20] + B + b"\n", [(A[:20], False), (B, True)]),
        (A[:20] + B, [(A[:20], False), (B, False)]),
        (A + A + b"\n", [(A, False), (A, True)]),
        (b"\0\0\0" + A + b"\n", [(b"\0\0\0", False), (A, True)]),
        (A[:9] + b"\0" + A[9:] + b"\n", [(A[:9] + b"\0" + A[9:], False)]),
        (b"person&ended_by=\n", [(b"person&ended_by=", False)]),
        (b"\xff\xfe\n", [(b"\xff\xfe", False)]),
        (b"\n", []),
        (b"", []),
    ],
)
def test_pieces_of_a_line(line: bytes, expected: list[tuple[bytes, bool]]) -> None:
    assert [tuple(piece) for piece in pieces(line)] == expected


@given(st.lists(st.sampled_from([A, B]), max_size=5), st.integers(0, 300))
def test_a_file_cut_anywhere_gives_every_whole_line(lines: list[bytes], cut: int) -> None:
    """The power goes after ``cut`` bytes; when it is back, Asterisk appends to what is there."""
    text = b"".join(line + b"\n" for line in lines)[:cut]
    whole = text.count(b"\n")
    read = [
        piece for line in (text + A + b"\n").splitlines(keepends=True) for piece in pieces(line)
    ]
    assert [piece.data for piece in read if piece.whole] == [*lines[:whole], A]
    # Nothing vanishes: what is not whole is there as a torn piece.
    assert b"".join(piece.data for piece in read) == (text + A).replace(b"\n", b"")


def test_a_file_is_read_by_the_look_after_it_was_taken_over(spool: Spool) -> None:
    assert spool.take() == []
    write(spool, A + b"\n")
    assert spool.take() == []
    assert not spool.path.exists()
    write(spool, B + b"\n")
    (first,) = spool.take()
    assert list(spool.read(first)) == [(A, True)]
    assert spool.keep(first, first.stat().st_size, [])
    (second,) = spool.take()
    assert list(spool.read(second)) == [(B, True)]
    assert spool.keep(second, second.stat().st_size, [])
    assert spool.waiting() == spool.take() == []


def test_a_file_that_asterisk_still_has_open_is_not_read(spool: Spool) -> None:
    """Opened before it was renamed, written to after: the line must not be missed."""
    write(spool, A + b"\n")
    with spool.path.open("ab") as asterisk:
        assert spool.take() == []
        for _ in range(3):
            assert spool.take() == []
        asterisk.write(B + b"\n")
    (path,) = spool.take()
    assert list(spool.read(path)) == [(A, True), (B, True)]


def test_without_leases_a_file_is_read_all_the_same(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_leases(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("click2dial_agi.io.spool.fcntl.fcntl", no_leases)
    write(spool, A + b"\n")
    spool.take()
    assert len(spool.take()) == 1


def test_a_file_that_has_grown_since_it_was_read_stays(spool: Spool) -> None:
    write(spool, A + b"\n")
    spool.take()
    (path,) = spool.take()
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(B + b"\n")
    assert not spool.keep(path, size, [])
    assert spool.take() == [path]


def test_what_a_server_that_died_had_taken_over_is_found(spool: Spool) -> None:
    write(spool, A + b"\n")
    spool.take()
    write(spool, B + b"\n")
    restarted = Spool(spool.path)
    assert len(restarted.waiting()) == 2
    restarted.take()
    taken = restarted.take()
    assert [list(restarted.read(path)) for path in taken] == [[(A, True)], [(B, True)]]


def test_one_process_drains_at_a_time(spool: Spool) -> None:
    other = Spool(spool.path)
    with spool.locked() as mine:
        assert mine
        with other.locked() as theirs:
            assert not theirs
    with other.locked() as theirs:
        assert theirs


def test_what_is_rejected_is_kept(spool: Spool) -> None:
    spool.reject([b"torn", b"nu\0l"])
    spool.reject([b"more"])
    assert spool.rejected.read_bytes() == b"torn\nnul\nmore\n"
    assert spool.waiting() == []


def test_a_line_without_an_end_does_not_fill_the_memory(spool: Spool) -> None:
    write(spool, b"x" * 1_000_000)
    spool.take()
    (path,) = spool.take()
    read = list(spool.read(path))
    assert len(read) > 10
    assert not any(piece.whole for piece in read)


def test_a_file_that_another_server_takes_away_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "calls.spool")
    spool.path.write_bytes(b"call_ref=1\n")
    look = Path.stat

    def look_once(path: Path, **how: Any) -> os.stat_result:
        seen = look(path, **how)
        if path == spool.path:
            path.unlink()
        return seen

    monkeypatch.setattr(Path, "stat", look_once)
    assert spool.waiting() == [spool.path]
    assert spool.waiting() == []


@pytest.mark.case("A32")
def test_a_pipe_is_let_alone(spool: Spool) -> None:
    """The server would wait for ever for somebody to write to a pipe, before it reads a byte."""
    pipe = spool.path.with_name(f"{spool.path.name}.1.draining")
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)  # so that a failure of this test does not wait, either
    write(spool, A + b"\n")
    assert spool.take() == []
    (taken,) = spool.take()
    assert [tuple(piece) for piece in spool.read(taken)] == [(A, True)]
    assert spool.waiting() == [taken]
    os.close(writer)
