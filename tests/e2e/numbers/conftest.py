"""A server with four integrators: one by the contract, and one each of ZA, GB and US."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.loop import LoopThread
from sandbox.notifications import Notification, Notifications, Payload
from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.redis import redis_server
from sandbox.server import Server
from sandbox.ua import UA
from sandbox.waiting import patience

DIALPLAN = Path(__file__).parents[3] / "dialplan/click2dial.conf"
CALLS = "/click2dial/calls"
CARRIER = "carrier"


@dataclass(frozen=True)
class Country:
    """An integrator: its agent, its DID as its trunk writes it, and what its plan makes of numbers.

    ``callees`` are writings of one number; ``dialled`` and ``recorded`` what the trunk and the
    record get of it.  ``shown`` and ``shown_recorded`` are the caller ID likewise.
    """

    name: str
    agent: str
    extensions: str
    numbering: dict[str, Any]
    callees: tuple[str, ...]
    dialled: str
    recorded: str
    caller_id: str
    shown: str
    shown_recorded: str
    did: str
    did_recorded: str
    client: str
    client_recorded: str
    wrong: str
    error: str

    def section(self, http: str, redis_url: str) -> dict[str, Any]:
        """Return the integrator's section of the YAML."""
        return {
            "name": self.name,
            "http": http,
            "allow_from": ["127.0.0.0/8"],
            "redis": redis_url,
            "key_prefix": self.name,
            "extensions": [self.extensions],
            "dids": [self.did_recorded],
            "ring_timeout": 5,
            "numbering": self.numbering,
            "default_outbound_id": "random",
            "caller_ids": {
                "random": [self.caller_id],
                "owned": [self.caller_id],
                "calls_per_day": 1000,
            },
            "destinations": {"international": ["27", "44", "1"], "deny": ["premium"]},
        }


COUNTRIES = (
    Country(
        name="contract",
        agent="2001",
        extensions="2000-2099",
        numbering={},
        callees=("0820000100",),
        dialled="0820000100",
        recorded="0820000100",
        caller_id="27820001234",
        shown="27820001234",
        shown_recorded="27820001234",
        did="+27215550100",
        did_recorded="27215550100",
        client="+27820007777",
        client_recorded="27820007777",
        wrong="+27820000100",
        error="callee: 3-4 digits, 10 digits starting 0, 11 digits starting 27 or 13-16 digits "
        "starting 00",
    ),
    Country(
        name="south-africa",
        agent="3001",
        extensions="3000-3099",
        numbering={"country": "ZA", "dial_format": "national", "caller_id_format": "plus"},
        callees=("082 000 0200", "+27 (0)82 000-0200", "27820000200"),
        dialled="0820000200",
        recorded="27820000200",
        caller_id="011 000 1234",
        shown="+27110001234",
        shown_recorded="27110001234",
        did="0215550200",
        did_recorded="27215550200",
        client="082 000 7777",
        client_recorded="27820007777",
        wrong="071 234 567",
        error="callee: one digit too few for a mobile number of ZA",
    ),
    Country(
        name="britain",
        agent="40001",
        extensions="40000-40099",
        numbering={"country": "GB", "dial_format": "plus", "record_format": "national"},
        callees=("020 7946 0999", "tel:+44-20-7946-0999", "00442079460999"),
        dialled="+442079460999",
        recorded="02079460999",
        caller_id="020 7031 3000",
        shown="442070313000",
        shown_recorded="02070313000",
        did="442070313001",
        did_recorded="02070313001",
        client="+447911123456",
        client_recorded="07911123456",
        wrong="7946 0999",
        error="callee: the area code is missing for a number of GB",
    ),
    Country(
        name="america",
        agent="500001",
        extensions="500000-500099",
        numbering={
            "country": "US",
            "dial_format": "00",
            "caller_id_format": "national",
            "record_format": "plus",
        },
        callees=("(201) 555-0123", "1-201 555 0123", "+1.201.555.0123"),
        dialled="0012015550123",
        recorded="+12015550123",
        caller_id="+1 212 555 0100",
        shown="2125550100",
        shown_recorded="+12125550100",
        did="12125550101",
        did_recorded="+12125550101",
        client="+27820007777",
        client_recorded="+27820007777",
        wrong="555-0123",
        error="callee: the area code is missing for a number of US",
    ),
)


def extensions() -> str:
    """Return the operator's own contexts: each DID rings its integrator's agent."""
    lines = [
        f"exten => {one.did},1,Set(C2D_AGENTS=PJSIP/{one.agent})\n"
        " same => n,Goto(click2dial-inbound,${EXTEN},1)\n"
        for one in COUNTRIES
    ]
    return "\n[from-trunk]\n" + "".join(lines)


def pjsip() -> str:
    agents = [
        f"[{one.agent}](agent)\naors = {one.agent}\n[{one.agent}](aor)\n" for one in COUNTRIES
    ]
    return (
        f"[{CARRIER}](common)\ncontext = from-trunk\naors =\ntrust_id_inbound = yes\n"
        f"{''.join(agents)}"
    )


class World:
    """The processes, and the loop in which the phones live."""

    def __init__(self, server: Server, pbx: Asterisk, trunk_port: int, redis_url: str) -> None:
        self.server = server
        self.pbx = pbx
        self.loop = LoopThread()
        self.http = {
            one["name"]: f"http://{one['http']}{CALLS}" for one in server.config["integrators"]
        }
        self.notifications = Notifications(redis_url, [f"{one.name}:cdr" for one in COUNTRIES])
        self.trunk = UA(CARRIER, pbx.sip_port, network=True)
        self.agents = {one.name: UA(one.agent, pbx.sip_port) for one in COUNTRIES}
        self._trunk_port = trunk_port

    async def open(self) -> None:
        self.api = httpx.AsyncClient(trust_env=False, timeout=patience(15))
        await self.notifications.open()
        await self.trunk.open(self._trunk_port)
        for agent in self.agents.values():
            await agent.open()
            answer = await agent.register()
            assert answer.status == 200, answer.start_line

    async def close(self) -> None:
        for phone in (*self.agents.values(), self.trunk):
            await phone.close()
        await self.notifications.close()
        await self.api.aclose()

    async def clear(self) -> None:
        """End what a test that failed has left."""
        for phone in (self.trunk, *self.agents.values()):
            for call in phone.calls_up():
                if call.answered.is_set():
                    call.bye()
            phone.forget()

    def agent(self, country: Country) -> UA:
        return self.agents[country.name]

    async def create(self, country: Country, callee: str, agent: str = "") -> httpx.Response:
        body = {"agent": agent or country.agent, "callee": callee}
        return await self.api.post(self.http[country.name], json=body)

    async def record(self, country: Country, **matching: object) -> Payload:
        """Return the one record of an integrator, which must have these values."""
        [found] = await self.records(country, 1)
        assert matching.items() <= found.items(), found
        return found

    async def records(self, country: Country, count: int) -> list[Payload]:
        """Return the records of an integrator, when so many are there."""

        def mine(one: Notification) -> bool:
            return one.list_name == f"{country.name}:cdr"

        assert await self.notifications.wait(mine, count), f"no {count} records"
        return [one.payload for one in self.notifications.take(mine)]

    async def client(self, dialled: str) -> PhoneCall:
        """Return the trunk's only call, which must be for what was dialled."""
        call = await self.trunk.next_call()
        assert [one.number for one in self.trunk.incoming] == [dialled]
        await call.up()
        return call


@pytest.fixture(scope="package")
def whole_world(tree: Path) -> Iterator[World]:
    with redis_server() as redis:
        server = Server(redis.url)
        server.config["integrators"] = [
            one.section(f"127.0.0.1:{ports.free_port()}", redis.url) for one in COUNTRIES
        ]
        trunk_port = ports.free_port()
        with Asterisk(
            tree,
            include=DIALPLAN,
            c2d_agi=server.agi_url,
            trunk_port=trunk_port,
            extra_extensions=extensions(),
            extra_pjsip=pjsip(),
        ) as pbx:
            login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
            server.config["asterisk"] = {"ari_url": pbx.ari_url, **login}
            server.write(server.config)
            with server:
                world = World(server, pbx, trunk_port, redis.url)
                with world.loop:
                    try:
                        world.loop.run(world.open())
                        yield world
                    finally:
                        world.loop.run(world.close())


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The world; no call and no record of a test is left for the next."""
    yield whole_world
    whole_world.loop.run(whole_world.clear())
    until(lambda: "0 active channels" in whole_world.pbx.cli("core show channels count"), 10, "end")
    whole_world.notifications.take(lambda _: True)
