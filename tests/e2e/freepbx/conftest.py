"""A PBX that looks like FreePBX to the product: phones in from-internal, a trunk behind routes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.loop import LoopThread
from sandbox.notifications import Notifications, Payload
from sandbox.phone_call import PhoneCall
from sandbox.redis import redis_server
from sandbox.server import Server
from sandbox.ua import UA, answer
from tests.e2e.freepbx import contexts

ROOT = Path(__file__).parents[3]
PHONES = ("3001", "3002", "3003")
DEVICE = "d9001"  # of device and user mode
OUTBOUND_ID = "27820001234"
CDR = "acme:cdr"
DENIED = "27190000001"


class FreePBX:
    """PBX, server, Redis, phones and the telephone network."""

    def __init__(self, pbx: Asterisk, server: Server, http: str, notifications: Notifications):
        self.pbx, self.server, self.http = pbx, server, http
        self.notifications = notifications
        self.phones = {name: UA(name, pbx.sip_port) for name in (*PHONES, DEVICE)}
        self.trunk = UA("carrier", pbx.sip_port, network=True)
        self._numbers = itertools.count(1)

    async def open(self) -> None:
        await self.notifications.open()
        await self.trunk.open(self.pbx.trunk_port)
        for phone in self.phones.values():
            await phone.open()
            assert (await phone.register()).status == 200

    async def close(self) -> None:
        for phone in (*self.phones.values(), self.trunk):
            await phone.close()
        await self.notifications.close()

    def number(self, kind: str = contexts.ALLOW) -> str:
        return f"27{kind}{next(self._numbers):08d}"

    def clear(self) -> None:
        """Take back what a test has told phones; drop records that nobody asked for."""
        for phone in self.phones.values():
            phone.rule = answer()
            phone.forget()
        self.notifications.take(lambda one: True)

    async def call(self, number: str, name: str = "3001") -> PhoneCall:
        """Call with our header."""
        return await self.phones[name].call(number, [("X-Teleforge-Outbound-ID", OUTBOUND_ID)])

    async def dial_in(self, did: str, number: str) -> PhoneCall:
        headers = [("P-Asserted-Identity", f"<sip:{number}@127.0.0.1>")]
        return await self.trunk.call(did, headers, mark=number)

    def called(self, number: str) -> list[PhoneCall]:
        """Return the calls to a number outside."""
        return [call for call in self.trunk.incoming if call.number == number]

    async def create(self, callee: str, agent: str = "3001") -> httpx.Response:
        body = {"agent": agent, "callee": callee, "outbound_id": OUTBOUND_ID, "contact_ref": "r"}
        async with httpx.AsyncClient(trust_env=False, timeout=15, verify=False) as api:
            return await api.post(f"http://{self.http}/click2dial/calls", json=body)

    async def record(self, number: str) -> Payload:
        """Return the one record of a number."""

        def mine(one: Any) -> bool:
            return bool(one.list_name == CDR and one.payload["number"] == number)

        assert await self.notifications.wait(mine, 1), f"no record of {number}"
        (found,) = self.notifications.take(mine)
        return found.payload

    async def store(self, key: str, value: str = "") -> None:
        """Write a key of Asterisk's database, or drop it."""
        family, _, name = key.rpartition("/")
        command = (
            f"database put {family} {name} {value}" if value else f"database del {family} {name}"
        )
        await asyncio.to_thread(self.pbx.cli, command)

    def variable(self, name: str) -> str:
        answer = httpx.get(
            f"{self.pbx.ari_url}/asterisk/variable",
            params={"variable": name},
            auth=(self.pbx.ari_username, self.pbx.ari_password),
            trust_env=False,
            verify=False,
        )
        return str(answer.json().get("value", ""))


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as loop:
        yield loop


@pytest.fixture(scope="session")
def freepbx_pbx(tree: Path, loop: LoopThread) -> Iterator[FreePBX]:
    http = f"127.0.0.1:{ports.free_port()}"
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        integrator = {
            "http": http,
            "allow_from": ["127.0.0.0/8"],
            "key_prefix": "acme",
            "extensions": ["3000-3999"],
            "dids": ["2721555*"],
            "default_outbound_id": OUTBOUND_ID,
            "destinations": {"international": "all", "deny": [DENIED]},
            "trunk_dial": "Local/{number}@from-internal",
            "transfer_fallback": "click2dial-freepbx-xfer",
        }
        server = Server(redis.url, integrator=integrator)
        custom = (ROOT / "dialplan/freepbx.conf").read_text("utf-8")
        pbx = Asterisk(
            tree,
            include=ROOT / "dialplan/click2dial.conf",
            c2d_agi=server.agi_url,
            extra_extensions=custom + contexts.CONTEXTS,
            extra_pjsip=contexts.pjsip((*PHONES, DEVICE)),
            queues=contexts.QUEUES,
            verbose=True,
        )
        stack.enter_context(pbx)
        login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
        server.write({**server.config, "asterisk": {"ari_url": pbx.ari_url, **login}})
        stack.enter_context(server)
        for name in PHONES:
            pbx.cli(f"database put DEVICE/{name} user {name}")
            pbx.cli(f"database put AMPUSER/{name} cidnum {name}")
        pbx.cli(f"database put DEVICE/{DEVICE} user 3004")
        office = FreePBX(pbx, server, http, Notifications(redis.url, [CDR]))
        loop.run(office.open())
        stack.callback(lambda: loop.run(office.close()))
        yield office


@pytest.fixture
def freepbx(freepbx_pbx: FreePBX) -> Iterator[FreePBX]:
    freepbx_pbx.clear()
    yield freepbx_pbx
    freepbx_pbx.clear()


@pytest.fixture
def play(loop: LoopThread) -> Callable[[Awaitable[None]], None]:
    """Run a coroutine of the phones."""

    def run(work: Any) -> None:
        loop.run(work)

    return run
