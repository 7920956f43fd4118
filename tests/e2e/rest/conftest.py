"""One product for the tests of created calls: server, PBX with the dialplan included, and a CRM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.asterisk import Asterisk
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.records import CRM
from tests.e2e.rest.office import Office, connect, product

DIALPLAN = Path(__file__).parents[3] / "dialplan/click2dial.conf"


@pytest.fixture(scope="session")
def unconnected(redis: RedisServer) -> Server:
    return product(redis)


@pytest.fixture(scope="session")
def pbx(tree: Path, trunk: Trunk, unconnected: Server) -> Iterator[Asterisk]:
    """A PBX whose dialplan asks our server."""
    with Asterisk(
        tree, include=DIALPLAN, c2d_agi=unconnected.agi_url, trunk_port=trunk.port
    ) as pbx:
        yield pbx


@pytest.fixture(scope="session")
def server(unconnected: Server, pbx: Asterisk) -> Iterator[Server]:
    """The server, started."""
    with connect(unconnected, pbx) as server:
        yield server


@pytest.fixture
def office(server: Server, pbx: Asterisk, trunk: Trunk, redis: RedisServer) -> Iterator[Office]:
    """All of it.  A test must pop every notification that its calls made, no more."""
    with Redis.from_url(redis.url) as client:
        client.flushall()  # what a test that failed has left
    with CRM(redis.url) as crm:
        office = Office(server, pbx, trunk, crm, redis)
        yield office
        assert crm.waiting() == 0
        # A call is counted out a moment after its record.
        until(lambda: office.held() == {}, 5, "all agents free")
