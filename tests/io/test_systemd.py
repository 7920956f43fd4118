"""What systemd is told, and what it keeps: on a real datagram socket, and across an exec."""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.io.systemd import Systemd
from sandbox.waiting import patience


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(patience(5))
        yield end


def ours(manager: socket.socket, **more: str) -> Systemd:
    return Systemd({"NOTIFY_SOCKET": manager.getsockname(), **more})


def test_it_is_told_of_start_reload_and_end(manager: socket.socket) -> None:
    systemd = ours(manager)
    systemd.ready()
    with systemd.reloading():
        pass
    systemd.stopping()
    told = [manager.recv(4096).decode() for _ in range(4)]
    assert told[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert [told[0], *told[2:]] == ["READY=1", "READY=1", "STOPPING=1"]


def test_a_reload_that_fails_has_ended_too(manager: socket.socket) -> None:
    with pytest.raises(LookupError), ours(manager).reloading():
        raise LookupError
    assert manager.recv(4096).startswith(b"RELOADING=1")
    assert manager.recv(4096) == b"READY=1"


def test_it_hears_that_we_live_four_times_within_its_patience(manager: socket.socket) -> None:
    systemd = ours(manager, WATCHDOG_USEC="200000", WATCHDOG_PID=str(os.getpid()))

    async def scenario() -> None:
        living = asyncio.create_task(systemd.live())
        began = asyncio.get_running_loop().time()
        for _ in range(4):
            assert await asyncio.to_thread(manager.recv, 4096) == b"WATCHDOG=1"
        assert asyncio.get_running_loop().time() - began > 0.14
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "environment", [{}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}]
)
def test_nobody_is_told_who_did_not_ask(environment: dict[str, str]) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(patience(5)):
            await Systemd(environment).live()

    asyncio.run(scenario())


def test_a_socket_is_handed_over_by_name(manager: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours(manager).keep("agi.listen", listener)
        message, passed, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(64))
        assert message == b"FDSTORE=1\nFDNAME=agi.listen"
        descriptors = array.array("i")
        descriptors.frombytes(passed[0][2])
        with socket.socket(fileno=descriptors[0]) as theirs:
            assert theirs.getsockname() == listener.getsockname()
    ours(manager).forget("agi.listen")
    assert manager.recv(4096) == b"FDSTOREREMOVE=1\nFDNAME=agi.listen"


def test_a_manager_that_is_gone_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    assert "systemd was not told READY: No such file or directory" in caplog.text.replace(
        "[Errno 2] ", ""
    )


def test_what_it_said_is_not_for_our_children(manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "LISTEN_FDS": "0", "PATH": "/bin"}
    Systemd(environment)
    assert environment == {"PATH": "/bin"}


# Runs as systemd would start it: sockets from descriptor 3 on.
_CHILD = """
import json, os, sys
from click2dial_agi.io.systemd import Systemd
os.environ["LISTEN_PID"] = os.environ.get("LISTEN_PID") or str(os.getpid())
kept = Systemd().take()
print(json.dumps({name: listener.getsockname()[1] for name, listener in kept.items()}))
for listener in kept.values():
    listener.close()
"""


def started_with(names: str, *descriptors: int, count: str = "", pid: str = "") -> dict[str, int]:
    """Start a process with descriptors from 3 on; return the ports that it found kept, by name."""
    moves = "; ".join(
        f"os.dup2({fd}, {target}, inheritable=True)"
        for target, fd in [
            *((100 + n, fd) for n, fd in enumerate(descriptors)),
            *((3 + n, 100 + n) for n in range(len(descriptors))),
        ]
    )
    child = f"os.execv(sys.executable, [sys.executable, '-c', {_CHILD!r}])"
    code = f"import os, sys; {moves}; {child}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "LISTEN_FDS": count or str(len(descriptors)),
            "LISTEN_FDNAMES": names,
            "LISTEN_PID": pid,
        },
        pass_fds=descriptors,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_what_was_kept_comes_back_and_nothing_else() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        open(os.devnull) as no_socket,
    ):
        fds = [one.fileno() for one in (first, datagrams, no_socket, second)]
        found = started_with("agi.listen:agi.udp:file:edge.listen", *fds)
        assert found == {
            "agi.listen": first.getsockname()[1],
            "edge.listen": second.getsockname()[1],
        }


@pytest.mark.parametrize(
    ("count", "pid"), [("2", "1"), ("-1", ""), ("x", ""), ("99999999999", ""), ("", "1")]
)
def test_what_is_not_for_us_or_not_there_is_left(count: str, pid: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert set(started_with("agi.listen", listener.fileno(), count=count, pid=pid)) <= {
            "agi.listen"
        }
        assert started_with("agi.listen", listener.fileno(), pid="1") == {}


@given(st.dictionaries(st.sampled_from(["LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC"]), st.text()))
def test_no_environment_is_an_error(environment: dict[str, str]) -> None:
    environment["LISTEN_PID"] = "1"  # or our own descriptors would be taken
    assert Systemd(environment).take() == {}
