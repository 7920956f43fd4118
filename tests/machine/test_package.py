"""The packages: what a wheel holds, and the Debian package on a machine, from install to purge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from redis import Redis

from click2dial_agi import __version__
from sandbox.asterisk import Asterisk
from sandbox.calls import call
from sandbox.image import engine_answers
from sandbox.load import LoadResult, load
from sandbox.machine import Machine
from sandbox.process import until
from sandbox.rawsip import answers_options
from sandbox.tree import asterisk_tree, locked
from sandbox.trunk import Trunk
from sandbox.waiting import patience
from tests.machine.compose import Stack, compose_command
from tests.machine.conftest import CLONE, PBX, PJSIP, ROOT, check_able, clone, unable

# A machine is booted and packages are fetched, perhaps while it is busy.
pytestmark = pytest.mark.timeout(600)

SERVICE = "click2dial-agi"
LIST = "enigma:notifications:cdr"
HEADERS = [("X-Teleforge-Outbound-ID", "27820001234")]
CALLS, RATE = 50, 10.0
CONFIG = "/etc/click2dial/click2dial.yaml"
DIALPLAN = ROOT / "dialplan/click2dial.conf"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel; `make wheel` builds the same beside a source distribution."""
    where = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*argv, where, ROOT], check=True, capture_output=True)
    return next(where.glob("*.whl"))


@pytest.mark.case("O10")
def test_a_wheel_carries_all_that_an_operator_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    for name in ("dist/softphone.js", "manifest.webmanifest"):
        assert f"click2dial_agi/softphone/{name}" in names
    shared = f"click2dial_agi-{__version__}.data/data/share/click2dial"
    for directory in ("dialplan", "etc", "etc/asterisk", "etc/grafana", "etc/prometheus"):
        ours = {path for path in (ROOT / directory).iterdir() if path.is_file()}
        assert ours
        for path in ours:
            assert f"{shared}/{path.relative_to(ROOT)}" in names


#: Debians without Asterisk take as long as all other tests of machines together.
SUITES = ["sid", "trixie", "bookworm"] if os.environ.get("C2D_ALL_DEBIANS") else ["sid"]


@pytest.fixture(scope="module", params=SUITES)
def bare(wheel: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine of its own, on which the package was built but not installed."""
    check_able()
    with Machine(request.param) as machine:
        clone(machine.files / CLONE.lstrip("/"))
        machine.copy(wheel, f"{CLONE}/dist/{wheel.name}")
        tools = "python3-venv redis-server"
        machine.run(f"apt-get update -q && apt-get install -qy {tools}", timeout=170)
        machine.run(f"packaging/deb.sh dist/{wheel.name}", directory=CLONE, timeout=300)
        # The same again under a later version, packed with little effort.
        machine.run(
            "dpkg-deb -R dist/*.deb later && sed -i 's/^Version: .*/&+later/' later/DEBIAN/control "
            "&& dpkg-deb -Zgzip -z1 -b later dist/later.deb",
            directory=CLONE,
        )
        yield machine


def is_active(machine: Machine) -> str:
    return machine.run(f"systemctl is-active {SERVICE}", check=False).stdout.strip()


def test_install_upgrade_remove_and_purge(bare: Machine) -> None:
    said = bare.run(f"apt-get install -qy {CLONE}/dist/click2dial_*.deb", timeout=300).stdout
    assert is_active(bare) == "active"
    # What is left to do is said, with the commands.
    assert "http.conf" in said
    assert bare.run(f"stat -c '%a %G' {CONFIG}").stdout == "640 asterisk\n"
    assert bare.run("click2dial-agi version").stdout == f"{__version__}\n"
    bare.run("test -r /usr/share/click2dial/dialplan/click2dial.conf")

    bare.run(f"echo '# mine' >> {CONFIG}; touch /var/spool/click2dial/recordings/one.wav")
    before = bare.run(f"systemctl show -p MainPID --value {SERVICE}").stdout
    bare.run(f"apt-get install -qy {CLONE}/dist/later.deb", timeout=300)
    assert is_active(bare) == "active"
    assert bare.run(f"systemctl show -p MainPID --value {SERVICE}").stdout != before
    assert "# mine" in bare.run(f"cat {CONFIG}").stdout
    if bare.suite != "sid":  # which has a PBX of its own, in the tests below
        call_through_another_machine(bare)

    bare.run("apt-get remove -qy click2dial")
    assert is_active(bare) == "inactive"
    assert bare.run("ls /opt/click2dial", check=False).returncode
    bare.run("apt-get purge -qy click2dial")
    assert bare.run("ls /etc/click2dial", check=False).returncode
    # Recordings are nobody's to delete but the operator's.
    assert bare.run("ls /var/spool/click2dial/recordings").stdout == "one.wav\n"


def call_through_another_machine(machine: Machine) -> None:
    """Let a PBX that knows nothing of the machine but its network ask the server there."""
    with machine.network():
        trunk = Trunk()
        pbx = Asterisk(asterisk_tree(), include=DIALPLAN, trunk_port=trunk.port)
        with trunk, pbx, Redis(decode_responses=True) as redis:
            number = trunk.number()
            assert call(pbx, callee=number, headers=HEADERS).status == 200
            body = until(lambda: redis.rpop(LIST), 5, "the record")
    assert json.loads(str(body))["payload"]["number"] == number


def test_it_is_as_good_as_readmes_install(bare: Machine) -> None:
    """The rest of README's Install, on top of the package."""
    if bare.suite != "sid":
        pytest.skip("this Debian has no Asterisk")
    bare.run(f"apt-get install -qy {CLONE}/dist/click2dial_*.deb", timeout=300)
    share = "/usr/share/click2dial"
    bare.run(f"""
        cat {share}/etc/asterisk/http.conf > /etc/asterisk/http.conf
        sed "s/change-me/$(cat /etc/click2dial/ari-password)/" {share}/etc/asterisk/ari.conf \\
            > /etc/asterisk/ari.conf
        echo '#include {share}/dialplan/click2dial.conf' >> /etc/asterisk/extensions.conf
        asterisk -rx 'core reload'
    """)
    report = json.loads(bare.run("click2dial-agi doctor --json", check=False).stdout)
    kinds = {one["check"] for one in report["findings"] if one["level"] != "note"}
    assert kinds == {"trunk-missing"}  # Debian's pjsip.conf has no endpoints


def call_until(enough: Event, pbx: PBX, number: str) -> list[LoadResult]:
    """Place calls at a rate, some at a time, until it is enough, and once more."""
    results: list[LoadResult] = []
    while True:
        last = enough.is_set()
        results.append(load(pbx, calls=CALLS, rate=RATE, callees=[number], headers=HEADERS))
        if last:
            return results


@pytest.mark.case("O12")
def test_an_upgrade_refuses_no_call(bare: Machine) -> None:
    """apt replaces every file under a server that takes calls, then restarts it."""
    if bare.suite != "sid":
        pytest.skip("this Debian has no Asterisk")
    with bare.network():
        trunk = Trunk()
        with trunk, Redis(decode_responses=True) as redis, ThreadPoolExecutor(1) as beside:
            bare.write("/etc/asterisk/pjsip.conf", PJSIP.format(port=trunk.port))
            # One phone stands for all.
            limits = "limits: {agent: {calls_per_minute: null, concurrent_calls: null}}"
            bare.run(f"sed -i '/^  - name: /a\\    {limits}' {CONFIG}")
            bare.run(f"systemctl reload {SERVICE}; systemctl restart asterisk")
            until(lambda: answers_options(5060), 30, "Asterisk's SIP port")
            redis.flushall()
            upgraded = Event()
            calling = beside.submit(call_until, upgraded, PBX(bare), trunk.number())
            until(lambda: redis.llen(LIST) >= 20, 20, "calls that have ended")
            before = bare.run(f"systemctl show -p MainPID --value {SERVICE}").stdout
            try:
                bare.run(f"apt-get install -qy {CLONE}/dist/later.deb", timeout=300)
            finally:
                upgraded.set()
            results = calling.result()
            calls = sum(result.statuses.total() for result in results)
            until(lambda: redis.llen(LIST) >= calls, 10, "all records")
            records = [json.loads(str(one))["payload"] for one in redis.lrange(LIST, 0, -1)]
    slowest = max(result.percentile(100) for result in results)
    print(f"{calls} calls, slowest {slowest:.2f} s")
    assert bare.run(f"systemctl show -p MainPID --value {SERVICE}").stdout != before
    assert [result.statuses for result in results] == [{200: CALLS}] * len(results)
    assert len({record["call_ref"] for record in records}) == len(records) == calls
    assert {record["end_reason"] for record in records} == {"hungup"}


@pytest.fixture(scope="module")
def stack(bare: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All containers of compose.yaml, built from a clone and that machine's package."""
    if bare.suite != "sid":
        pytest.skip("the images are of sid")
    if not engine_answers():
        unable("no container engine answers: start dockerd")
    if not compose_command():
        unable("neither `docker compose` nor docker-compose is here: apt install docker-compose")
    where = tmp_path_factory.mktemp("clone")
    clone(where)
    for package in (bare.files / f"{CLONE.lstrip('/')}/dist").glob("click2dial_*.deb"):
        (where / "dist").mkdir()
        shutil.copy(package, where / "dist")
    with locked("compose"), Stack(where) as stack:
        yield stack


class TestContainers:
    """Images and compose file; docs/operations.md, "In containers"."""

    def test_calls_leave_their_records(self, stack: Stack) -> None:
        stack.call("0820001100")
        record = stack.record_of("0820001100")
        assert (record["extension"], record["contact_ref"]) == ("1000", "container")
        assert record["end_reason"] == "hungup"
        created = "click2dial-agi call --agent 0820001200 --callee 0820001300 --outbound-id random"
        with ThreadPoolExecutor(1) as beside:
            calling = beside.submit(stack.run, "server", created)
            shown = "asterisk -rx 'core show channels'"
            until(lambda: "0820001300@trunk" in stack.run("asterisk", shown), 20, "the callee")
            stack.run("asterisk", "asterisk -rx 'channel request hangup all'")
            assert "0820001200 calls 0820001300" in calling.result()
        record = stack.record_of("0820001300")
        assert (record["extension"], record["call_dir"]) == ("0820001200", "external")

    def test_doctor_finds_nothing(self, stack: Stack) -> None:
        found = json.loads(stack.run("server", "click2dial-agi doctor --json"))["findings"]
        assert [one for one in found if one["level"] != "note"] == []

    def test_nothing_is_root(self, stack: Stack) -> None:
        for service in ("redis", "server", "asterisk", "phones"):
            assert stack.run(service, "id -u") != "0\n"
            capabilities = stack.run(service, "grep -h CapEff /proc/[0-9]*/status")
            assert set(capabilities.split()) == {"CapEff:", "0" * 16}
        for service in ("redis", "server"):
            assert stack.inspect(service)["HostConfig"]["ReadonlyRootfs"]

    @pytest.mark.case("O3")
    @pytest.mark.parametrize(("signal", "number"), [("STOP", "0820001400"), ("KILL", "0820001500")])
    def test_a_server_that_freezes_or_dies_costs_no_call(
        self, stack: Stack, signal: str, number: str
    ) -> None:
        pid = stack.run("server", "cat /proc/1/task/1/children")
        stack.run("server", f"kill -{signal} {pid}")
        took = stack.call(number)
        print(f"{signal}: the call took {took:.1f} s, 2 of them talk")
        assert took < 2 + patience(4)
        assert stack.record_of(number)["end_reason"] == "hungup"
        assert stack.run("server", "cat /proc/1/task/1/children") != pid
        assert stack.inspect("server")["RestartCount"] == 0

    def test_each_ends_in_time_and_records_outlive_that(self, stack: Stack) -> None:
        before = list(stack.records())
        for service in ("phones", "asterisk", "server", "redis"):
            assert stack.stop(service) < 30
            state = stack.inspect(service)["State"]
            assert state["ExitCode"] == (143 if service == "phones" else 0), service
        assert " stopped" in stack("logs", "--no-color", "--tail", "5", "server")
        stack("up", "--detach", "redis")
        ping = "redis-cli ping"
        until(lambda: "PONG" in stack.run("redis", ping, check=False), 30, "Redis's return")
        assert list(stack.records())[-len(before) :] == before
