"""The packages: what a wheel holds, and the Debian package on a machine, from install to purge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest
from redis import Redis

from click2dial_agi import __version__
from sandbox.load import load
from sandbox.machine import Machine
from sandbox.process import until
from sandbox.rawsip import answers_options
from sandbox.trunk import Trunk
from tests.machine import images
from tests.machine.conftest import CLONE, PBX, PJSIP, ROOT, check_able, clone

# A machine is booted and packages are fetched, perhaps while it is busy.
pytestmark = pytest.mark.timeout(600)

SERVICE = "click2dial-agi"
LIST = "enigma:notifications:cdr"
HEADERS = [("X-Teleforge-Outbound-ID", "27820001234")]
CALLS, RATE = 400, 10.0
CONFIG = "/etc/click2dial/click2dial.yaml"


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
        clone(machine)
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

    bare.run("apt-get remove -qy click2dial")
    assert is_active(bare) == "inactive"
    assert bare.run("ls /opt/click2dial", check=False).returncode
    bare.run("apt-get purge -qy click2dial")
    assert bare.run("ls /etc/click2dial", check=False).returncode
    # Recordings are nobody's to delete but the operator's.
    assert bare.run("ls /var/spool/click2dial/recordings").stdout == "one.wav\n"


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
            calling = beside.submit(
                load, PBX(bare), calls=CALLS, rate=RATE, callees=[trunk.number()], headers=HEADERS
            )
            until(lambda: redis.llen(LIST) >= 20, 20, "calls that have ended")
            before = bare.run(f"systemctl show -p MainPID --value {SERVICE}").stdout
            bare.run(f"apt-get install -qy {CLONE}/dist/later.deb", timeout=300)
            assert not calling.done(), "the calls were over before the upgrade was"
            result = calling.result()
            until(lambda: redis.llen(LIST) >= CALLS, 10, "all records")
            records = [json.loads(str(one))["payload"] for one in redis.lrange(LIST, 0, -1)]
    print(f"{result.statuses}, slowest {result.percentile(100):.2f} s")
    assert bare.run(f"systemctl show -p MainPID --value {SERVICE}").stdout != before
    assert result.statuses == {200: CALLS}
    assert len({record["call_ref"] for record in records}) == len(records) == CALLS
    assert {record["end_reason"] for record in records} == {"hungup"}


class TestContainers:
    """Images and compose file, whose engine is this machine."""

    GIVEN: ClassVar = {
        "C2D_SECRET": "secret-of-the-dialplan",
        "C2D_ARI_PASSWORD": "ari-secret",
        "C2D_API_KEY": "key-of-acme-0123456789",
        "C2D_PHONE_PASSWORD": "phone-secret",
    }

    def test_what_is_copied_is_there(self) -> None:
        built = images.stages()
        services = images.compose()["services"]
        ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        assert {service["build"]["target"] for service in services.values()} == set(built)
        for service in services.values():
            where = images.CONTAINER / service["build"]["context"]
            assert (where / service["build"]["dockerfile"]).is_file()
            copied = built[service["build"]["target"]].copied
            taken = [line[1:].partition("/*")[0] for line in ignored if line.startswith("!")]
            assert [one for one in copied if not one.startswith(tuple(taken))] == []
            assert [
                one for one in copied if one[:5] != "dist/" and not (where / one).exists()
            ] == []

    @staticmethod
    def stop_units(machine: Machine) -> None:
        """Stop what a package has started: in a container no systemd does."""
        for unit in (SERVICE, "asterisk", "redis-server"):
            machine.run(f"systemctl stop {unit}", check=False)

    def as_new(self, machine: Machine) -> None:
        """Take off the machine what an image does not have either."""
        self.stop_units(machine)
        for package in ("click2dial", "'asterisk*'", "'redis*'"):
            machine.run(f"apt-get purge -qy {package}", timeout=300, check=False)
        machine.run("deluser --quiet asterisk", check=False)
        machine.run("rm -rf /etc/asterisk /etc/click2dial /var/spool/click2dial")

    def test_a_call_leaves_its_record(self, bare: Machine) -> None:
        if bare.suite != "sid":
            pytest.skip("this Debian has no Asterisk")
        self.as_new(bare)
        bare.run(f"rm -f {CLONE}/dist/later.deb")
        built, services = images.stages(), images.compose()["services"]
        with bare.network():
            for service in services.values():
                address = service["networks"]["inside"]["ipv4_address"]
                subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "lo"], check=True)
        for name, service in services.items():
            stage = built[service["build"]["target"]]
            stage.build(bare, CLONE)
            self.stop_units(bare)
            images.start(bare, name, stage, self.GIVEN)
        with bare.network(), Redis("172.28.74.4", decode_responses=True) as redis:
            body = until(lambda: redis.rpop(LIST), 40, "the record of a phone's call")
            assert redis.config_get("appendonly") == {"appendonly": "yes"}
        payload = json.loads(str(body))["payload"]
        assert (payload["extension"], payload["contact_ref"]) == ("1000", "container")
        assert payload["end_reason"] == "hungup", payload
        pid = bare.run("systemctl show -p MainPID --value c2d-server").stdout.strip()
        enter = f"tr '\\0' '\\n' </proc/{pid}/environ >/tmp/env; set -a; . /tmp/env; "
        done = bare.run(f"{enter} runuser -u asterisk -- click2dial-agi doctor --json", check=False)
        found = json.loads(done.stdout)["findings"]
        assert [one for one in found if one["level"] == "danger"] == [], done.stdout
