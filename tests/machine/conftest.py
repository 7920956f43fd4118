"""Fixtures of the tests on a whole machine: one on which README's Install was executed."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.machine import Machine
from sandbox.process import MissingToolError, require, until
from sandbox.rawsip import answers_options
from sandbox.trunk import Trunk

ROOT = Path(__file__).parents[2]
CLONE = "/root/click2dial_agi"
STEP = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)

#: What an operator has already: an agent's phone and a provider.
PJSIP = """
[transport-udp]
type = transport
protocol = udp
bind = 127.0.0.1:5060

[1000]
type = endpoint
context = click2dial
disallow = all
allow = ulaw
aors = 1000
direct_media = no
identify_by = username
[1000]
type = aor
max_contacts = 1
qualify_frequency = 30

[trunk]
type = endpoint
context = from-trunk
disallow = all
allow = ulaw
aors = trunk
direct_media = no
identify_by = ip
allow_transfer = no
[trunk]
type = aor
contact = sip:127.0.0.1:{port}
"""


class PBX:
    """The machine's Asterisk as phones see it; use it in the machine's network."""

    sip_port = 5060

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def cli(self, command: str) -> str:
        """Run a command on Asterisk's console."""
        return self._machine.run(f"asterisk -rx '{command}'").stdout


def unable(reason: str) -> None:
    """Skip, but fail in CI, as tests/e2e does."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def install_steps() -> list[str]:
    """Return the commands of README's Install, block by block."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.partition("## Install\n")[2].partition("\n## ")[0]
    return STEP.findall(section)


def clone(where: Path) -> None:
    """Lay down what a clone of this work tree would hold."""
    argv = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(argv, check=True, capture_output=True).stdout.decode().split("\0")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in filter(None, names):
            if (ROOT / name).is_file():
                tar.add(ROOT / name, name)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar:
        tar.extractall(where, filter="data")


def check_able() -> None:
    """Skip where no machine can be booted."""
    if os.geteuid() != 0:
        unable("a machine needs root")
    try:
        for tool, package in (
            ("slirp4netns", "slirp4netns"),
            ("debootstrap", "debootstrap"),
            ("ip", "iproute2"),
            ("nsenter", "util-linux"),
        ):
            require(tool, package)
    except MissingToolError as error:
        unable(str(error))


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A Debian machine with Asterisk and nothing of ours."""
    check_able()
    with Machine() as machine:
        yield machine


@pytest.fixture(scope="session")
def trunk(machine: Machine) -> Iterator[Trunk]:
    """The provider, in the machine's network."""
    with machine.network():
        trunk = Trunk()
    with trunk:
        yield trunk


@pytest.fixture(scope="session")
def installed(machine: Machine, trunk: Trunk) -> Machine:
    """The machine after README's Install, and how long that took."""
    machine.write("/etc/asterisk/pjsip.conf", PJSIP.format(port=trunk.port))
    machine.run("systemctl restart asterisk; apt-get update -q")
    with machine.network():
        until(lambda: answers_options(5060), 30, "Asterisk's SIP port")
    clone(machine.files / CLONE.lstrip("/"))
    began = time.monotonic()
    for step in install_steps():
        machine.run(step, directory=CLONE, timeout=300)
    machine.seconds_to_install = time.monotonic() - began
    return machine
