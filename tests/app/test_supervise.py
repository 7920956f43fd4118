"""Without systemd: a server that dies or freezes is replaced, and its sockets outlive it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.waiting import patience

pytestmark = pytest.mark.case("O2")


@pytest.fixture
def server(redis: RedisServer) -> Iterator[Server]:
    with Server(redis.url, supervised=True) as server:
        yield server


def asked(server: Server, timeout: float = 10.0) -> float:
    """Open a session that the server answers; return the seconds until then."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), 1) as session:
        session.settimeout(timeout)
        session.sendall(b"agi_network: yes\nagi_network_script: nothing\n\n")
        session.recv(1)
    return time.monotonic() - began


def another(server: Server, before: int) -> int:
    """Wait until another process has taken the server's place."""
    return until(lambda: {server.supervised_pid} - {0, before}, 10, "another server").pop()


@pytest.mark.slow
def test_one_that_is_killed_is_replaced_and_refuses_nobody(server: Server) -> None:
    assert asked(server) < patience(1)
    before = server.supervised_pid
    for _ in range(3):
        os.kill(before, signal.SIGKILL)
        asked(server)  # waits in the kernel until the next one takes it
        before = another(server, before)
    assert server.log().count("the server ended with code 137; started again") == 3
    assert server.log().count(" INFO FastAGI on ") >= 3


@pytest.mark.slow
@pytest.mark.case("O3")
def test_one_that_freezes_is_killed_within_two_seconds(server: Server) -> None:
    before = server.supervised_pid
    os.kill(before, signal.SIGSTOP)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), 1):
        until(lambda: "has stood still; killed" in server.log(), 5, "the supervisor's word")
    assert time.monotonic() - began < 2 + patience(0.5)
    assert asked(server) < patience(5)
    assert another(server, before)


def test_signals_reach_it(server: Server) -> None:
    server.reload()
    until(lambda: "configuration reloaded" in server.log(), 5, "the reload")
    pid = server.supervised_pid
    assert server.stop() == 0
    assert not Path(f"/proc/{pid}").exists()
    assert "INFO stopped" in server.log().replace("click2dial_agi.app.service ", "")


@pytest.mark.slow
def test_a_mistake_in_the_configuration_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "click2dial.yaml"
    path.write_text("integrators: 7\n")
    argv = [sys.executable, "-m", "click2dial_agi", "supervise", "serve", "--config", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=patience(60))
    assert done.returncode == 2
    assert "integrators" in done.stderr


@pytest.mark.slow
def test_one_that_moves_takes_its_socket_along(server: Server) -> None:
    """Nothing is kept at an address that the configuration no longer has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        metrics = probe.getsockname()[1]
    server.write({**server.config, "metrics": {"listen": f"127.0.0.1:{metrics}"}})
    server.reload()
    until(lambda: is_open(metrics), 5, "the metrics")
    server.write(server.config)
    server.reload()
    until(lambda: not is_open(metrics), 5, "the metrics' end")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.case("O72")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts something")
def test_a_container_that_is_read_only_is_told_what_it_lacks() -> None:
    # As they are, since our Python or this project may be in one of them.
    read_only = "mount --bind $at $at && mount -o remount,bind,ro $at || exit"
    command = f"for at in /tmp /var/tmp; do {read_only}; done; cd /proc"
    argv = [sys.executable, "-m", "click2dial_agi", "supervise", "serve"]
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{command} && exec "$@"', "sh", *argv],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": "/tmp"},
        timeout=patience(60),
    )
    assert ended.returncode == 2
    (told,) = (ended.stdout + ended.stderr).splitlines()
    assert "to mend it: a tmpfs at /tmp" in told
