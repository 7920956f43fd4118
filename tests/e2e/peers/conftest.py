"""Two PBXs without Kamailio, a server beside each, and scripted phones: agents at east and west."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.loop import LoopThread
from sandbox.notifications import Notifications
from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.redis import RedisServer, redis_server
from sandbox.server import Server
from sandbox.ua import UA
from sandbox.waiting import patience
from tests.e2e.pbxs.conftest import DIALPLAN, peer
from tests.e2e.rest.office import CALLS, KEY, OUTBOUND_ID, product

CDRS = "enigma:notifications:cdr"
CARRIER = "carrier"  # the From user of what comes from outside
DID = "27211000001"  # rings 1000
DID_OF_BOTH = "27211000002"  # rings 1000, and 1001 at west
DID_OF_QUEUE = "27211000003"  # whose member is 1001 at west
NUMBER = "27831112222"  # the client's
CONTACT_REF = "client-4711"
RING_TIMEOUT = 4

_CARRIER = f"""\
[{CARRIER}](common)
context = from-trunk
aors =
trust_id_inbound = yes
"""
_FROM_TRUNK = f"""
[from-trunk]
exten => {DID},1,MSet(C2D_AGENTS=PJSIP/1000,C2D_CONTACT_REF={CONTACT_REF})
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)
exten => {DID_OF_BOTH},1,MSet(C2D_AGENTS=PJSIP/1000&PJSIP/1001@west,C2D_CONTACT_REF={CONTACT_REF})
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)
exten => {DID_OF_QUEUE},1,MSet(C2D_QUEUE=support,C2D_CONTACT_REF={CONTACT_REF})
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)
"""
_QUEUES = """
[support]
joinempty = yes
retry = 1
member => PJSIP/1001@west,0,,PJSIP/west
"""


@dataclass
class Site:
    """Both PBXs and servers, the telephone network at east, and the records of all calls."""

    east: Asterisk
    west: Asterisk
    servers: list[Server]
    redis: RedisServer
    trunk_port: int
    loop: LoopThread = field(default_factory=LoopThread)

    async def open(self) -> None:
        self.api = httpx.AsyncClient(
            base_url=f"http://{self.servers[1].config['integrators'][0]['http']}",
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
            timeout=patience(15),
        )
        self.notifications = Notifications(self.redis.url, [CDRS])
        await self.notifications.open()
        self.network = UA(CARRIER, self.east.sip_port, network=True)
        await self.network.open(self.trunk_port)

    async def close(self) -> None:
        await self.network.close()
        await self.notifications.close()
        await self.api.aclose()

    @contextlib.asynccontextmanager
    async def phone(self, pbx: Asterisk, name: str) -> AsyncIterator[UA]:
        """Register a phone at a PBX."""
        phone = UA(name, pbx.sip_port)
        await phone.open()
        try:
            assert (await phone.register()).status == 200
            # Asterisk answers the REGISTER a moment before the endpoint counts as there.
            await asyncio.to_thread(until, lambda: pbx.is_registered(name), 10, f"{name} there")
            yield phone
            assert not phone.errors
        finally:
            await phone.register(expires=0)
            await phone.close()

    async def dial_in(self, did: str = DID) -> PhoneCall:
        """A client calls a number at east."""
        headers = [("P-Asserted-Identity", f"<sip:{NUMBER}@127.0.0.1>")]
        return await self.network.call(did, headers, caller=CARRIER, mark="client")

    async def dial_out(self, agent: UA) -> PhoneCall:
        """An agent calls a client; return the agent's call."""
        references = [
            ("X-Teleforge-Outbound-ID", OUTBOUND_ID),
            ("X-Teleforge-Contact-Ref", CONTACT_REF),
        ]
        return await agent.call(NUMBER, references)

    async def create(self, agent: str) -> None:
        """The server beside west is asked for an agent's call to a client."""
        values = {"agent": agent, "callee": NUMBER, "outbound_id": OUTBOUND_ID}
        answer = await self.api.post(CALLS, json={**values, "contact_ref": CONTACT_REF})
        assert answer.status_code == 201, answer.text

    async def steer(self, call_ref: str, action: str, **body: Any) -> httpx.Response:
        """Ask the server beside west, which has no part in the calls of east."""
        return await self.api.post(f"{CALLS}/{call_ref}/{action}", json=body or None)

    async def live(self) -> list[dict[str, Any]]:
        """Return the live calls as the API tells of them."""
        calls: list[dict[str, Any]] = (await self.api.get(CALLS)).json()["calls"]
        return calls

    async def records(self, count: int) -> list[dict[str, Any]]:
        """Return the records of a test, which are so many and no more."""
        assert await self.notifications.wait(lambda _: True, count), self.notifications.untaken
        await self.silence()
        taken = self.notifications.take(lambda _: True)
        assert len(taken) == count, taken
        return [one.payload for one in taken]

    async def silence(self) -> None:
        """Wait until no PBX has a channel: then nothing will be recorded any more."""
        await asyncio.to_thread(
            until, lambda: not self.channels(), 10, f"silence, not {self.channels()}"
        )

    def channels(self) -> list[str]:
        """Return the names of the channels of both PBXs."""
        lines = [
            line
            for pbx in (self.east, self.west)
            for line in pbx.cli("core show channels concise").splitlines()
        ]
        return [line.partition("!")[0] for line in lines if "!" in line]


def _pbx(tree: Path, servers: list[Server], other: str, own: str, **ports_: Any) -> Asterisk:
    east, west = ports_["sip"]["east"], ports_["sip"]["west"]
    first, second = servers if own == "east" else reversed(servers)
    return Asterisk(
        tree,
        include=DIALPLAN,
        c2d_agi=f"{first.agi_url} {second.agi_url}",
        sip_port=east if own == "east" else west,
        trunk_port=ports_["trunk"],
        extra_extensions=_FROM_TRUNK,
        queues=_QUEUES,
        extra_pjsip=peer(own, other, west if own == "east" else east) + _CARRIER,
    )


@pytest.fixture(scope="session")
def made(tree: Path) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        keys: dict[str, Any] = {
            "dids": ["2721*"],
            "payload_version": 4,
            "forwarding": "internal",
            "detailed_end_reasons": True,
            "ring_timeout": RING_TIMEOUT,
            "state_notifications": True,
            "agents_pubsub": True,
            # One phone places the calls of all tests, more than the 20 a minute that it may.
            "limits": {
                "calls_per_minute": 10_000,
                "concurrent_calls": 1000,
                "agent": {"calls_per_minute": 10_000, "concurrent_calls": 1000},
            },
        }
        servers = [product(redis, **keys), product(redis, **keys)]
        sip, trunk = {"east": ports.free_port(), "west": ports.free_port()}, ports.free_port()
        east = stack.enter_context(_pbx(tree, servers, "west", "east", sip=sip, trunk=trunk))
        west = stack.enter_context(_pbx(tree, servers, "east", "west", sip=sip, trunk=trunk))
        for server in servers:
            server.config["asterisk"] = [
                {
                    "name": name,
                    "ari_url": pbx.ari_url,
                    "ari_username": pbx.ari_username,
                    "ari_password": pbx.ari_password,
                    **pbx.manager,
                }
                for name, pbx in (("east", east), ("west", west))
            ]
            server.config["peer_dial"] = "PJSIP/{extension}@{pbx}"
            server.write(server.config)
            stack.enter_context(server)
        site = Site(east, west, servers, redis, trunk)
        stack.enter_context(site.loop)
        site.loop.run(site.open())
        stack.callback(lambda: site.loop.run(site.close()))
        stack.callback(site.loop.cancel)
        yield site


@pytest.fixture
def site(made: Site) -> Iterator[Site]:
    """All of it; a test takes every record that its calls made."""
    made.loop.run(made.silence())
    made.notifications.take(lambda _: True)  # what a test that failed has left
    yield made
    for pbx in (made.east, made.west):
        pbx.cli("channel request hangup all")  # of a test that failed
    assert made.notifications.untaken == []
