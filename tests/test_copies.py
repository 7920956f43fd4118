"""Servers that are copies: as if each was started anew, and none outlives the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.copies import mother
from sandbox.process import Running, until
from sandbox.redis import RedisServer
from sandbox.server import Server

ROOT = Path(__file__).parents[1]


def test_one_serves_and_ends_as_any_other(redis: RedisServer) -> None:
    with Server(redis.url) as server:
        pid = server.pid
        assert "sandbox.copies" in Path(f"/proc/{pid}/cmdline").read_text()
        assert server.stop() == 0
        assert not Path(f"/proc/{pid}").exists()
        server.start()
        assert server.kill() == -9


def test_it_has_the_environment_and_the_directory_of_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not those in which the process that is copied was started."""
    mother()
    monkeypatch.setenv("C2D_CONFIG", "of-now.yaml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of-now.yaml").write_text("integrators: of now")
    log = tmp_path / "log"
    assert Running(mother().copy(["check-config"], log), "check-config", log).wait(10) == 2
    assert log.read_text() == "integrators: a list (line 1)\n"


_ORPHAN = """
import sys, time
from pathlib import Path
from sandbox.copies import mother
copy = mother().copy(["serve", "--config", sys.argv[1]], Path(sys.argv[2]))
print(copy.pid, flush=True)
time.sleep(60)
"""


def test_none_outlives_a_killed_test_run(redis: RedisServer, tmp_path: Path) -> None:
    with Server(redis.url) as server:
        server.stop()
        argv = [sys.executable, "-c", _ORPHAN, str(server.config_path), str(tmp_path / "log")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
            assert run.stdout is not None
            pid = run.stdout.readline().strip()
            until((tmp_path / "log").exists, 5, "its start")
            run.kill()
        until(lambda: not Path(f"/proc/{pid}").exists(), 5, "its end")
