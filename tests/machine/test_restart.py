"""Restarts of the service under systemd, while calls come in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from sandbox.load import LoadResult, load
from sandbox.machine import Machine
from sandbox.process import until
from sandbox.trunk import Trunk
from sandbox.waiting import patience
from tests.machine.conftest import PBX

# A machine is booted and packages are fetched, perhaps while it is busy.
pytestmark = pytest.mark.timeout(600)

LIST = "enigma:notifications:cdr"
HEADERS = [
    ("X-Teleforge-Outbound-ID", "27820001234"),
    ("X-Teleforge-Contact-Ref", "{contact_ref}"),
]
CALLS, RATE = 60, 25.0
CONFIG = """
asterisk: {ari_password: "file:/etc/click2dial/ari-password"}
edge: {}
metrics: {}
integrators:
  - name: acme
    extensions: ["1000-1999"]
    http: 127.0.0.1:8300
    allow_from: [127.0.0.0/8]
    limits: {agent: {calls_per_minute: 10000, concurrent_calls: 1000}}
"""
UNIT = "click2dial-agi"


@pytest.fixture
def served(installed: Machine) -> Iterator[Machine]:
    """The machine with all listeners, serving; a test is in its network."""
    installed.write("/etc/click2dial/click2dial.yaml", CONFIG)
    installed.run(f"systemctl restart {UNIT}")
    with installed.network():
        Redis().flushall()
        yield installed


def main_pid(machine: Machine) -> int:
    return int(machine.run(f"systemctl show -p MainPID --value {UNIT}").stdout)


class Callers(threading.Thread):
    """Calls from phones, at a rate."""

    def __init__(self, machine: Machine, number: str) -> None:
        super().__init__()
        self.result: LoadResult
        self._pbx, self._number = PBX(machine), number
        self.start()

    def run(self) -> None:
        self.result = load(
            self._pbx, calls=CALLS, rate=RATE, callees=[self._number], headers=HEADERS
        )


class Creators(threading.Thread):
    """Calls created by REST at a rate, each on a connection of its own."""

    def __init__(self, numbers: list[str]) -> None:
        super().__init__()
        self.statuses: list[int] = []
        self._numbers = numbers
        self.start()

    def run(self) -> None:
        for number in self._numbers:
            body = {"agent": number, "callee": number[:-2] + "01", "outbound_id": "27820001234"}
            self.statuses.append(
                httpx.post(
                    "http://127.0.0.1:8300/click2dial/calls", json=body, timeout=10, trust_env=False
                ).status_code
            )
            time.sleep(0.08)


class Softphone(threading.Thread):
    """A WebSocket to the edge that connects again as soon as it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self.failures: list[str] = []
        self.enough = threading.Event()
        self.connected = threading.Event()
        self.start()

    def run(self) -> None:
        lost = 0.0
        while not self.enough.is_set():
            try:
                with connect(
                    "ws://127.0.0.1:8088/ws", subprotocols=[Subprotocol("sip")], proxy=None
                ) as websocket:
                    if lost:
                        self.gaps.append(time.monotonic() - lost)
                    self.connected.set()
                    while not self.enough.is_set():
                        try:
                            websocket.recv(0.1)
                        except TimeoutError:
                            continue
            except ConnectionClosed:
                lost = time.monotonic()
            except OSError as error:
                self.failures.append(str(error))


@pytest.mark.case("O12")
def test_a_restart_refuses_no_call_no_request_and_no_softphone(
    served: Machine, trunk: Trunk
) -> None:
    before = main_pid(served)
    softphone = Softphone()
    assert softphone.connected.wait(5)
    callers = Callers(served, trunk.number())
    creators = Creators([trunk.number("answer") for _ in range(20)])
    time.sleep(CALLS / RATE / 2)
    served.run(f"systemctl restart {UNIT}")
    for thread in (callers, creators):
        thread.join()
    until(lambda: softphone.gaps, 10, "the softphone's return")
    softphone.enough.set()
    softphone.join()
    assert main_pid(served) != before
    print(f"{callers.result.statuses}, slowest {callers.result.percentile(100):.2f} s")
    print(f"created {creators.statuses}, softphone away for {softphone.gaps} s")
    assert callers.result.statuses == {200: CALLS}
    assert set(creators.statuses) == {201}
    assert softphone.failures == []
    assert len(softphone.gaps) == 1
    with Redis(decode_responses=True) as redis:
        until(lambda: redis.llen(LIST) >= CALLS + 20, 10, "all records")
        bodies = [json.loads(str(body)) for body in redis.lrange(LIST, 0, -1)]
    refs = [body["payload"]["contact_ref"] for body in bodies]
    assert sorted(ref for ref in refs if ref.startswith("load-")) == sorted(
        f"load-{number}" for number in range(CALLS)
    )


@pytest.mark.case("O3")
def test_a_frozen_server_holds_no_call_for_long(served: Machine, trunk: Trunk) -> None:
    """Those in hand are asked again, since C2D_AGI names it twice; later ones wait."""
    pbx = PBX(served)
    server = "agi://127.0.0.1:4574"
    pbx.cli(f'dialplan set global C2D_AGI "{server} {server}"')
    try:
        callers = Callers(served, trunk.number())
        time.sleep(CALLS / RATE / 3)
        served.run(f"systemctl kill --signal=STOP {UNIT}")
        callers.join()
    finally:
        pbx.cli(f"dialplan set global C2D_AGI {server}")
    print(f"{callers.result.statuses}, slowest {callers.result.percentile(100):.2f} s")
    assert callers.result.statuses == {200: CALLS}
    assert callers.result.percentile(100) < patience(5)
    until(lambda: "0 active channels" in pbx.cli("core show channels count"), 10, "no channel")
    with Redis() as redis:
        until(lambda: redis.llen(LIST) >= CALLS, 10, "all records")
        assert redis.llen(LIST) == CALLS


@pytest.mark.case("O2")
def test_it_comes_back_however_often_it_is_killed(served: Machine) -> None:
    seen = {main_pid(served)}
    for _ in range(7):
        served.run(f"systemctl kill --signal=KILL {UNIT}")
        seen.add(until(lambda: {main_pid(served)} - {0, *seen}, 10, "another process").pop())
    is_active = f"systemctl is-active {UNIT}"
    until(lambda: served.run(is_active, check=False).stdout == "active\n", 10, "the service")


@pytest.mark.case("O7")
def test_a_reload_takes_what_is_right_and_fails_for_what_is_wrong(served: Machine) -> None:
    before = main_pid(served)
    path = "/etc/click2dial/click2dial.yaml"
    said = f"journalctl -u {UNIT} --no-pager -o cat -n 20"
    served.write(path, CONFIG.replace("8300", "8301"))
    served.run(f"systemctl reload {UNIT}")
    until(lambda: "configuration reloaded" in served.run(said).stdout, 10, "the reload")
    url = "http://127.0.0.1:{}/healthz"
    assert httpx.get(url.format(8301), trust_env=False).status_code == 200
    served.write(path, CONFIG.replace("extensions", "extension"))
    assert served.run(f"systemctl reload {UNIT}", check=False).returncode
    assert "integrators[0].extension" in served.run(f"{said} -p err").stdout
    assert httpx.get(url.format(8301), trust_env=False).status_code == 200
    assert main_pid(served) == before
    served.write(path, CONFIG)
    served.run(f"systemctl reload {UNIT}")


@pytest.mark.case("O2")
def test_a_secret_that_comes_later_and_the_environments_file(served: Machine) -> None:
    """The unit goes on trying until the file is there; the log is as the environment says."""
    environment, secret = "/etc/default/click2dial", "/etc/click2dial/ari-password"
    said = f"journalctl -u {UNIT} --no-pager -o cat -n 20"
    is_active = f"systemctl is-active {UNIT}"
    served.write(environment, "C2D_LOG_FORMAT=json\n")
    served.run(f"mv {secret} {secret}.later")
    try:
        served.run(f"systemctl restart {UNIT}", check=False)
        until(lambda: "a readable file at" in served.run(said).stdout, 10, "the complaint")
        served.run(f"mv {secret}.later {secret}")
        until(lambda: served.run(is_active, check=False).stdout == "active\n", 10, "the service")
        until(
            lambda: [
                json.loads(line)["level"]
                for line in served.run(said).stdout.splitlines()
                if line.startswith("{")  # the others are systemd's own
            ],
            10,
            "a line of JSON",
        )
    finally:
        served.run(f"test ! -e {secret}.later || mv {secret}.later {secret}; rm -f {environment}")
        served.run(f"systemctl restart {UNIT}")
