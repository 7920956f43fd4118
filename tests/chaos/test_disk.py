"""The disk under spool_dir is full while Redis is away: the dialplan's spool takes the rest."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.load import LoadResult
from sandbox.redis import redis_server
from sandbox.server import Server
from tests.chaos.ledger import Chaos, pause

#: For the journal, and soon too little.
ROOM = 200_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_the_journals_disk_is_full(
    pbx: Asterisk,
    small_disk: Path,
    server: Callable[..., Server],
    chaos: Callable[..., Chaos],
) -> None:
    """The dialplan's spool is on another disk here, and drained as if the server were far away."""
    with redis_server(appendonly=True) as redis:
        one = server(redis.url, spool_dir=small_disk)

        ballast = small_disk / "ballast"

        def fill(placing: Future[LoadResult]) -> None:
            pause(placing, 0.5)
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"x" * 4096) == 4096:
                    pass
            with ballast.open("ab") as file:
                file.truncate(ballast.stat().st_size - ROOM)
            redis.kill()
            pause(placing, 3.0)
            redis.start()
            pause(placing, 1.0)
            ballast.unlink()  # the operator makes room
            drain(one, pbx.spool)

        chaos(redis, one).run(fill)
        assert "database or disk is full" in one.log()
        assert "journal: works again" in one.log()
        one.stop()


def drain(server: Server, directory: Path) -> None:
    """What the path unit in etc/ starts."""
    with contextlib.suppress(subprocess.CalledProcessError):  # it is started again
        subprocess.run(
            [
                *(sys.executable, "-m", "click2dial_agi", "drain"),
                *("--dir", str(directory), "--config", str(server.config_path)),
            ],
            check=True,
            timeout=60,
        )
