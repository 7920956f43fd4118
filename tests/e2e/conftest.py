"""Fixtures of the end-to-end tests: one tree, trunk, PBX, office and Redis for a whole run."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.office import Office
from sandbox.process import MissingToolError, require
from sandbox.redis import RedisServer, redis_server
from sandbox.server import Server
from sandbox.tree import asterisk_tree
from sandbox.trunk import Trunk

# Every number of four digits is a phone, all others go to the trunk.
PLAIN_DIALPLAN = """
    [click2dial]
    exten => _XXXX,1,Dial(PJSIP/${EXTEN},3,g)
     same => n,Hangup(${HANGUPCAUSE})
    exten => _X.,1,Dial(PJSIP/${EXTEN}@trunk,3,g)
     same => n,Hangup(${HANGUPCAUSE})
    """


def _unable(reason: str) -> None:
    """Skip, but fail in CI: there a sandbox that cannot start would hide every end-to-end test."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def tree() -> Path:
    """The root file system with Asterisk, built at the first use on a machine."""
    if os.geteuid() != 0:
        _unable("the sandbox PBX needs root for its chroot")
    try:
        require("sipp", "sip-tester")
        require("debootstrap", "debootstrap")
    except MissingToolError as error:
        _unable(str(error))
    return asterisk_tree()


@pytest.fixture(scope="session")
def trunk(tree: Path) -> Iterator[Trunk]:
    """The telephone network; dial `trunk.number("busy")` and the like."""
    with Trunk() as trunk:
        yield trunk


@pytest.fixture(scope="session")
def asterisk(tree: Path, trunk: Trunk) -> Iterator[Asterisk]:
    """A PBX without the product: it only dials."""
    with Asterisk(tree, trunk_port=trunk.port, extra_extensions=PLAIN_DIALPLAN) as pbx:
        yield pbx


@pytest.fixture(scope="session")
def office(tree: Path) -> Iterator[Office]:
    """Servers, PBX and agents with phones; a test that stops a server must bring it back."""
    with Office(tree) as office:
        yield office


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server; a test that stops or freezes it must bring it back."""
    try:
        with redis_server() as server:
            yield server
    except MissingToolError as error:
        _unable(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the log of every Asterisk and server that a failed test had as a fixture."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Asterisk | Server):
                report.sections.append((f"log of {name}", value.tail()))
    return report
