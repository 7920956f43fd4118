"""A created call at an Asterisk that has all calls that it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.trunk import Trunk
from tests.e2e.records import CRM
from tests.e2e.rest.conftest import DIALPLAN
from tests.e2e.rest.office import Office, connect, ended, product


@pytest.mark.case("T30")
def test_an_agent_who_is_connected_with_nobody(
    tree: Path, trunk: Trunk, redis: RedisServer
) -> None:
    """The channel that rings him takes the only place."""
    server = product(redis)
    with (
        Asterisk(
            tree, include=DIALPLAN, c2d_agi=server.agi_url, trunk_port=trunk.port, max_calls=1
        ) as pbx,
        connect(server, pbx),
        CRM(redis.url) as crm,
    ):
        crm.clear()
        office = Office(server, pbx, trunk, crm, redis)
        with office.phone():
            call_ref = office.create(trunk.number("answer"))
            record = crm.pop()
        assert (record["call_ref"], ended(record)) == (call_ref, ("error", 34))
