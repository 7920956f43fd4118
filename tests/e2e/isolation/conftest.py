"""Two integrators on one server and one PBX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.records import CRM
from tests.e2e.rest.conftest import DIALPLAN
from tests.e2e.rest.office import KEY, connect, product

OTHER_KEY = "key-of-other"
ACME_DID, OTHER_DID = "27215550100", "27215550200"
CLIENT = "27820007777"
EXTENSIONS = f"""
    [from-trunk]
    exten => {ACME_DID},1,Set(C2D_AGENTS=PJSIP/2000)
     same => n,Goto(click2dial-inbound,{ACME_DID},1)
    exten => {OTHER_DID},1,Set(C2D_AGENTS=PJSIP/2000)
     same => n,Goto(click2dial-inbound,{OTHER_DID},1)
    """
PJSIP = f"""
    [2000](agent)
    aors = 2000
    [2000](aor)

    [{CLIENT}](common)
    context = from-trunk
    aors =
    """


@dataclass(frozen=True)
class House:
    """What both have, and each one's records."""

    server: Server
    pbx: Asterisk
    trunk: Trunk
    acme: CRM
    other: CRM

    def client(self, integrator: int, key: str) -> httpx.Client:
        """Return a client on the port of one integrator (0 acme, 1 other) with some key."""
        return httpx.Client(
            base_url=f"http://{self.server.config['integrators'][integrator]['http']}",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=10,
            verify=False,
        )


def with_database(redis: RedisServer, number: int) -> str:
    return f"{redis.url.rpartition('/')[0]}/{number}"


@pytest.fixture(scope="package")
def whole_house(tree: Path, trunk: Trunk, redis: RedisServer) -> Iterator[House]:
    port = ports.free_port()
    server = product(redis, dids=[ACME_DID])
    other: dict[str, Any] = {
        "name": "other",
        "http": f"127.0.0.1:{port}",
        "api_keys": [OTHER_KEY],
        "redis": with_database(redis, 1),
        "key_prefix": "other",
        "payload_version": 2,
        "extensions": ["2000-2999"],
        "dids": [OTHER_DID],
        "ring_timeout": 2,
        "caller_ids": {"verified": {"secret": "27119990000"}, "random": ["27119990001"]},
        "limits": {"calls_per_minute": 1000, "concurrent_calls": 1},
    }
    server.config["integrators"].append(other)
    with (
        Asterisk(
            tree,
            include=DIALPLAN,
            c2d_agi=server.agi_url,
            trunk_port=trunk.port,
            extra_extensions=EXTENSIONS,
            extra_pjsip=PJSIP,
        ) as pbx,
        connect(server, pbx),
        CRM(redis.url) as acme_crm,
        CRM(other["redis"], "other:cdr") as other_crm,
    ):
        yield House(server, pbx, trunk, acme_crm, other_crm)


@pytest.fixture
def house(whole_house: House, redis: RedisServer) -> Iterator[House]:
    """A test must pop every record that its calls made, no more."""
    with Redis.from_url(redis.url) as client:
        client.flushall()
    yield whole_house
    assert (whole_house.acme.waiting(), whole_house.other.waiting()) == (0, 0)


__all__ = ["KEY", "OTHER_KEY"]
