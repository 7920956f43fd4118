"""Listening sockets: new ones, kept ones, and ports that somebody else has."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from click2dial_agi.domain.config_types import Address
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.port_owner import owner_of_port
from click2dial_agi.io.systemd import Systemd
from sandbox import ports


class FakeSystemd(Systemd):
    """Keeps what it is given, as systemd does across a restart."""

    def __init__(self) -> None:
        super().__init__({})
        self.store: dict[str, socket.socket] = {}

    def take(self) -> dict[str, socket.socket]:
        return {name: kept.dup() for name, kept in self.store.items()}

    def keep(self, name: str, listener: socket.socket) -> None:
        self.store[name] = listener.dup()

    def forget(self, name: str) -> None:
        self.store.pop(name).close()


@pytest.fixture
def port() -> int:
    return ports.free_port()


def at(port: int) -> Address:
    return Address("127.0.0.1", port)


@pytest.mark.case("O12")
def test_a_connection_that_came_between_two_processes_is_accepted(port: int) -> None:
    systemd = FakeSystemd()
    Listeners(systemd).listen("agi.listen", at(port), 10).close()
    with (
        socket.create_connection(("127.0.0.1", port), 5) as caller,
        Listeners(systemd).listen("agi.listen", at(port), 10) as listener,
    ):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getpeername() == caller.getsockname()
    systemd.forget("agi.listen")


def test_another_address_takes_the_place_of_the_kept_one(port: int) -> None:
    systemd, other = FakeSystemd(), ports.free_port()
    Listeners(systemd).listen("agi.listen", at(port), 10).close()
    with Listeners(systemd).listen("agi.listen", at(other), 10) as listener:
        assert listener.getsockname()[1] == other
    assert ports.is_free(port)
    systemd.forget("agi.listen")


def test_two_keys_may_change_places(port: int) -> None:
    systemd, other = FakeSystemd(), ports.free_port()
    listeners = Listeners(systemd)
    for key, where in (("agi.listen", port), ("edge.listen", other)):
        listeners.listen(key, at(where), 10).close()
    listeners = Listeners(systemd)
    with (
        listeners.listen("agi.listen", at(other), 10) as agi,
        listeners.listen("edge.listen", at(port), 10) as edge,
    ):
        assert (agi.getsockname()[1], edge.getsockname()[1]) == (other, port)
    for key in ("agi.listen", "edge.listen"):
        systemd.forget(key)


def test_what_is_not_configured_any_more_is_closed(port: int) -> None:
    systemd = FakeSystemd()
    Listeners(systemd).listen("metrics.listen", at(port), 10).close()
    Listeners(systemd).close_rest()
    assert systemd.store == {}
    assert ports.is_free(port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_every_kind_of_host(host: str, port: int) -> None:
    with (
        Listeners().listen("agi.listen", Address(host, port), 10),
        socket.create_connection((host, port), 5),
    ):
        pass


@pytest.mark.case("O16")
def test_a_taken_port_is_named_with_its_owner(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StartupError) as raised:
        Listeners().listen("agi.listen", at(port), 10)
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert str(raised.value) == (
        f"agi.listen: cannot listen on 127.0.0.1:{port}: Address already in use "
        f"by {name} (pid {os.getpid()})"
    )


@pytest.mark.case("O2")
@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_here_is_named(host: str, port: int) -> None:
    with pytest.raises(StartupError, match=rf"agi.listen: cannot listen on {host}:{port}: "):
        Listeners().listen("agi.listen", Address(host, port), 10)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_owner_of_a_port_may_be_another_process(host: str) -> None:
    code = (
        "import socket, sys; s = socket.create_server((sys.argv[1], 0), family=int(sys.argv[2]));"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with subprocess.Popen(
        [sys.executable, "-c", code, host, str(int(family))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        assert owner_of_port(port).endswith(f" (pid {child.pid})")
        child.communicate()
    assert owner_of_port(port) == ""


def test_a_proc_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    assert owner_of_port(80, tmp_path) == ""
