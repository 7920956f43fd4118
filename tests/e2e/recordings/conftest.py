"""A PBX whose calls are recorded, and two integrators who fetch recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.trunk import Trunk
from tests.e2e.records import CRM
from tests.e2e.rest.conftest import DIALPLAN
from tests.e2e.rest.office import Office, connect, product

OTHER_KEY = "key-of-other"
DID = "27215550100"
TONE = "0820000190"  # Asterisk itself answers, with a tone
EXTENSIONS = f"""
    [world]
    exten => {TONE},1,Answer(,i)
     same => n,Milliwatt()
    exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk)

    [from-trunk]
    exten => {DID},1,MSet(C2D_AGENTS=PJSIP/1001,C2D_RECORD=acme)
     same => n,Goto(click2dial-inbound,{DID},1)
    """
PJSIP = """
    [27820007777](common)
    context = from-trunk
    aors =
    """


@pytest.fixture(scope="session")
def studio(tree: Path, trunk: Trunk, redis: RedisServer) -> Iterator[Office]:
    """All of it, started."""
    server = product(redis, record=True, dids=[DID])
    port = ports.free_port()
    other = {
        "name": "other",
        "http": f"127.0.0.1:{port}",
        "api_keys": [OTHER_KEY],
        "redis": redis.url,
        "key_prefix": "other",
        "extensions": ["2000-2999"],
        "record": True,
    }
    server.config["integrators"].append(other)
    with Asterisk(
        tree,
        include=DIALPLAN,
        c2d_agi=server.agi_url,
        trunk_port=trunk.port,
        extra_extensions=EXTENSIONS,
        extra_pjsip=PJSIP,
    ) as pbx:
        server.config["recordings_dir"] = str(pbx.spool / "recordings")
        with connect(server, pbx), CRM(redis.url) as crm:
            yield Office(server, pbx, trunk, crm, redis)


@pytest.fixture
def office(studio: Office) -> Iterator[Office]:
    """A test must pop every record that its calls made, no more."""
    studio.crm.clear()
    yield studio
    assert studio.crm.waiting() == 0
