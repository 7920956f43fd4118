"""One product for all tests of calls: server and PBX with the dialplan included, and a CRM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.calls.desk import Desk
from tests.e2e.records import CRM

DIALPLAN = Path(__file__).parents[3] / "dialplan/click2dial.conf"

# Agents beyond those of the sandbox: what an operator may have, and what he should not.
ENDPOINTS = """
    [named](agent)
    aors =
    callerid = "Wilhelmina Tell" <1199>
    set_var = C2D_EXTENSION=1199

    [bob](agent)
    aors =

    [27820005555](agent)
    aors =

    [2000](agent)
    aors =

    [1198](agent)
    aors =
    callerid = "Trusted" <1198>
    trust_id_inbound = yes
    """


@pytest.fixture(scope="session")
def server(redis: RedisServer) -> Iterator[Server]:
    """The server that calls reach unless a test names another."""
    with Server(redis.url) as server:
        yield server


@pytest.fixture(scope="session")
def pbx(tree: Path, trunk: Trunk, server: Server) -> Iterator[Asterisk]:
    """A PBX with our dialplan, as an operator includes it."""
    with Asterisk(
        tree,
        include=DIALPLAN,
        c2d_agi=server.agi_url,
        trunk_port=trunk.port,
        extra_pjsip=ENDPOINTS,
    ) as pbx:
        yield pbx


@pytest.fixture(scope="session")
def consumer(redis: RedisServer) -> Iterator[CRM]:
    with CRM(redis.url) as crm:
        yield crm


@pytest.fixture
def crm(consumer: CRM) -> Iterator[CRM]:
    """The integrator's CRM; a test must pop every notification that its calls made, no more."""
    consumer.clear()
    yield consumer
    assert consumer.waiting() == 0


@pytest.fixture
def desk(pbx: Asterisk, trunk: Trunk, crm: CRM) -> Desk:
    """An agent's desk: phone, and the CRM beside it."""
    return Desk(pbx, trunk, crm)


@pytest.fixture
def quiet(pbx: Asterisk) -> Iterator[None]:
    """Nothing in the test makes Asterisk complain."""
    before = len(pbx.log())
    yield
    complaints = [line for line in pbx.log()[before:].splitlines() if is_complaint(line)]
    assert complaints == []


def is_complaint(line: str) -> bool:
    """Tell whether a line of Asterisk's log is a warning or an error."""
    return " WARNING[" in line or " ERROR[" in line
