"""Two PBXs and two servers with one Redis: each server beside a PBX, and each PBX asks both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from click2dial_agi.domain.pbx_runs import CLOCKS
from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.trunk import Trunk
from tests.e2e.records import CRM
from tests.e2e.rest.office import Office, connect, product

DIALPLAN = Path(__file__).parents[3] / "dialplan/click2dial.conf"


@dataclass(frozen=True)
class Site:
    """Both offices: each a server, the PBX beside it, and what they share."""

    east: Office
    west: Office

    @property
    def crm(self) -> CRM:
        return self.east.crm

    @property
    def offices(self) -> tuple[Office, Office]:
        return self.east, self.west

    def know_all(self) -> None:
        """Give both servers both PBXs."""
        pbxs = [
            {
                "name": name,
                "ari_url": office.pbx.ari_url,
                "ari_username": office.pbx.ari_username,
                "ari_password": office.pbx.ari_password,
            }
            for name, office in (("east", self.east), ("west", self.west))
        ]
        for office in self.offices:
            office.server.config["asterisk"] = pbxs
            office.server.config["peer_dial"] = "PJSIP/{extension}@{pbx}"
            office.server.write(office.server.config)
            office.server.reload()

    def wait_old(self) -> None:
        """Return when both PBXs were up before any call that comes, whosoever's clock dates it.

        Their entity ids are the same: by its age alone is one not a later run of the other.
        """
        pbxs = [office.pbx for office in self.offices]
        until(lambda: all(uptime(pbx) > CLOCKS for pbx in pbxs), 2 * CLOCKS, "PBXs of some age")

    def know_own(self) -> None:
        """Give each server its own PBX alone, as one mapping."""
        for office in self.offices:
            office.server.config.pop("peer_dial", None)
            connect(office.server, office.pbx)
            office.server.reload()


def uptime(pbx: Asterisk) -> int:
    """Return for how many whole seconds a PBX has been up."""
    told = re.search(r"System uptime: (\d+)", pbx.cli("core show uptime seconds"))
    return int(told[1]) if told else 0


def peer(own: str, name: str, port: int) -> str:
    """Return the way from one PBX to another; the From user says who calls, as all do here."""
    return f"""\
        [{name}](common)
        context = click2dial-peer
        aors = {name}
        from_user = {own}
        send_pai = yes
        trust_id_outbound = yes
        trust_id_inbound = yes
        [{name}]
        type = aor
        contact = sip:127.0.0.1:{port}
        """


@pytest.fixture(scope="session")
def made(tree: Path, trunk: Trunk, redis: RedisServer) -> Iterator[Site]:
    servers = [product(redis), product(redis)]
    east, west = (server.agi_url for server in servers)
    sip = {"east": ports.free_port(), "west": ports.free_port()}
    with (
        Asterisk(
            tree,
            include=DIALPLAN,
            c2d_agi=f"{east} {west}",
            trunk_port=trunk.port,
            sip_port=sip["east"],
            extra_pjsip=peer("east", "west", sip["west"]),
        ) as east_pbx,
        Asterisk(
            tree,
            include=DIALPLAN,
            c2d_agi=f"{west} {east}",
            trunk_port=trunk.port,
            sip_port=sip["west"],
            extra_pjsip=peer("west", "east", sip["east"]),
        ) as west_pbx,
        connect(servers[0], east_pbx),
        connect(servers[1], west_pbx),
        CRM(redis.url) as crm,
    ):
        yield Site(
            Office(servers[0], east_pbx, trunk, crm, redis),
            Office(servers[1], west_pbx, trunk, crm, redis),
        )


@pytest.fixture
def site(made: Site) -> Iterator[Site]:
    """All of it, known to both servers; a test must pop every record that its calls made."""
    with Redis.from_url(made.east.redis.url) as client:
        client.flushall()  # what a test that failed has left
    made.know_all()
    yield made
    for office in made.offices:
        office.pbx.cli("channel request hangup all")  # of a test that failed
    assert made.crm.waiting() == 0
    until(lambda: made.east.held() == {}, 5, "all agents free")
