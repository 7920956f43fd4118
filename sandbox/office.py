"""A whole office: Redis, server, PBX, the telephone network, and teams of agents with phones.

Many tests run in it at the same time, each with a team of its own: extensions, DIDs and queues are
the team's, numbers and references the test's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import httpx

from sandbox import office_conf, ports
from sandbox.asterisk import Asterisk
from sandbox.loop import LoopThread
from sandbox.notifications import Notifications
from sandbox.office_conf import (
    CARRIER,
    MEMBER,
    NAMED,
    NOBODY,
    OUTBOUND_ID,
    PICKER,
    PLANS,
    TWICE,
    Plan,
)
from sandbox.phone_call import PhoneCall
from sandbox.plain_http import Ari, PlainTransport
from sandbox.redis import redis_server
from sandbox.server import Server
from sandbox.sip_text import Headers
from sandbox.ua import UA
from sandbox.waiting import patience

DIALPLAN = Path(__file__).parents[1] / "dialplan/click2dial.conf"
CALLS = "/click2dial/calls"


@dataclass
class Team:
    """Three agents of an integrator, and what leads to the first of them."""

    plan: Plan
    base: int
    phones: list[UA] = field(default_factory=list)
    picker: UA | None = None
    spoilt: float = 0.0  # when something went wrong, in time.monotonic's seconds

    @property
    def first(self) -> UA:
        return self.phones[0]

    @property
    def second(self) -> UA:
        return self.phones[1]

    @property
    def third(self) -> UA:
        return self.phones[2]

    @property
    def nobody(self) -> str:
        """An extension of the integrator that no phone has."""
        return str(self.base + NOBODY)

    @property
    def twice(self) -> str:
        """An agent's endpoint for two registrations."""
        return str(self.base + TWICE)

    @property
    def named(self) -> tuple[str, str]:
        """An endpoint, and the extension that its C2D_EXTENSION says."""
        return f"alice{self.base}", str(self.base + NAMED)

    def did(self, kind: int = 1) -> str:
        return office_conf.did(self.base, kind)

    def all_phones(self) -> list[UA]:
        return [*self.phones, *([self.picker] if self.picker else [])]


class Office:
    """The processes and the loop in which the phones live; use it as a context manager.

    With several `servers` the PBX asks them in their order, and each has an API of its own.
    `extensions` are further contexts of the operator's, `pjsip` lines behind all endpoints,
    `member` is how queues name a phone, and `keys` are further ones of each integrator.
    """

    def __init__(
        self,
        tree: Path,
        *,
        servers: int = 1,
        verbose: bool = False,
        extensions: str = "",
        pjsip: str = "",
        member: str = MEMBER,
        keys: Mapping[str, Any] = MappingProxyType({}),
        dialplan: Path = DIALPLAN,
    ) -> None:
        self._tree = tree
        self._count = servers
        self._verbose = verbose
        self._extensions = extensions
        self._pjsip = pjsip
        self._member = member
        self._keys = keys
        self._dialplan = dialplan
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        self._teams: dict[str, asyncio.PriorityQueue[tuple[float, int, Team]]] = {}
        #: Held while Asterisk lets one channel take another's place. Two at the same moment can
        #: lock it for good: each waits for the other's thread (asterisk/asterisk issue 2036; seen
        #: here with Pickup and INVITE with Replaces, 1 of 400). A test that is not about that
        #: must not fall over it.
        self.masquerade = asyncio.Lock()
        self.loop = LoopThread()
        self._apis: list[dict[str, str]] = []  # each server's address of each integrator's

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            redis = stack.enter_context(redis_server())
            self.redis = redis
            self.servers = [Server(redis.url) for _ in range(self._count)]
            for server in self.servers:
                http = {plan.name: f"127.0.0.1:{ports.free_port()}" for plan in PLANS}
                server.config["integrators"] = [
                    office_conf.integrator(plan, http[plan.name], redis.url) for plan in PLANS
                ]
                self._apis.append(http)
            self.trunk_port = ports.free_port()
            self.pbx = stack.enter_context(
                Asterisk(
                    self._tree,
                    include=self._dialplan,
                    c2d_agi=" ".join(server.agi_url for server in self.servers),
                    trunk_port=self.trunk_port,
                    extra_extensions=office_conf.extensions() + self._extensions,
                    extra_pjsip=office_conf.pjsip() + self._pjsip,
                    queues=office_conf.queues(self._member),
                    verbose=self._verbose,
                )
            )
            login = {"ari_username": self.pbx.ari_username, "ari_password": self.pbx.ari_password}
            for server in self.servers:
                server.config["asterisk"] = {
                    "ari_url": self.pbx.ari_url,
                    **login,
                    **self.pbx.manager,
                }
                self.configure(server)
                stack.enter_context(server)
            lists = [f"{p.name}:{kind}" for p in PLANS for kind in ("cdr", "inbound", "c2d")]
            self.notifications = Notifications(redis.url, lists)
            self.trunk = UA(CARRIER, self.pbx.sip_port, network=True)
            stack.enter_context(self.loop)
            self.loop.run(self._open())
            stack.callback(lambda: self.loop.run(self._close()))
            stack.callback(self.loop.cancel)  # a test that was broken off places no more calls
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def server(self) -> Server:
        """The first server, which is asked first."""
        return self.servers[0]

    @property
    def http(self) -> dict[str, str]:
        """The address of each integrator's API at the first server."""
        return self._apis[0]

    def configure(self, server: Server) -> None:
        """Write a server's configuration."""
        for section in server.config["integrators"]:
            section |= self._keys
        server.write(server.config)

    async def _open(self) -> None:
        self.api = httpx.AsyncClient(
            trust_env=False, timeout=patience(15), transport=PlainTransport()
        )
        self._ari = Ari(self.pbx.ari_url, self.pbx.ari_username, self.pbx.ari_password)
        await self.notifications.open()
        await self.trunk.open(self.trunk_port)
        for plan in PLANS:
            queue = self._teams[plan.name] = asyncio.PriorityQueue()
            for base in map(plan.base, range(office_conf.TEAMS)):
                queue.put_nowait((0.0, base, Team(plan, base)))
        self._open_teams: list[Team] = []

    async def _close(self) -> None:
        for team in self._open_teams:
            for phone in team.all_phones():
                await phone.close()
        await self.trunk.close()
        await self.notifications.close()
        await self.api.aclose()
        await self._ari.close()

    @contextlib.asynccontextmanager
    async def team(self, name: str = "acme") -> AsyncIterator[Team]:
        """Lend a team whose phones are registered; nobody else has it meanwhile.

        One that something went wrong with (`spoilt`) is lent last: the server may still take an
        agent of it for busy.
        """
        _, base, team = await self._teams[name].get()
        try:
            if not team.phones:
                await self._equip(team)
            yield team
        finally:
            self._teams[name].put_nowait((team.spoilt, base, team))

    async def _equip(self, team: Team) -> None:
        self._open_teams.append(team)
        team.picker = UA(str(team.base + PICKER), self.pbx.sip_port)
        await team.picker.open()
        for agent in office_conf.AGENTS:
            phone = UA(str(team.base + agent), self.pbx.sip_port)
            team.phones.append(phone)
            await phone.open()
            answer = await phone.register()
            assert answer.status == 200, answer.start_line
        # Asterisk answers the REGISTER a moment before the endpoint counts as there.
        for phone in team.phones:
            await self.until_registered(phone.name)

    async def until_registered(self, extension: str) -> None:
        async with asyncio.timeout(patience(10)):
            while (await self.ari("GET", f"/endpoints/PJSIP/{extension}"))["state"] != "online":
                await asyncio.sleep(0.05)

    def number(self) -> str:
        """Return a number outside that no other test has."""
        return f"2783{next(self._numbers):07d}"  # the caller IDs are 2782…

    async def ari(self, method: str, path: str, **query: str) -> Any:
        """Ask the PBX itself."""
        return await self._ari.ask(method, path, **query)

    async def cli(self, command: str) -> str:
        return await asyncio.to_thread(self.pbx.cli, command)

    async def create(
        self, team: Team, callee: str, contact_ref: str, *, agent: str = ""
    ) -> httpx.Response:
        """POST a call of an agent, the team's first."""
        values = {"outbound_id": OUTBOUND_ID, "contact_ref": contact_ref}
        body = {"agent": agent or team.first.name, "callee": callee, **values}
        return await self.ask("POST", team, json=body)

    async def state(self, team: Team, call_ref: str) -> dict[str, Any]:
        state: dict[str, Any] = (await self.ask("GET", team, f"/{call_ref}")).json()
        return state

    async def delete(self, team: Team, call_ref: str) -> int:
        return (await self.ask("DELETE", team, f"/{call_ref}")).status_code

    def address(self, integrator: str, server: int = 0) -> str:
        """Return where a server's API of an integrator is."""
        return self._apis[server][integrator]

    async def ask(self, method: str, team: Team, path: str = "", **body: Any) -> httpx.Response:
        """Ask the API of the team's integrator, of the first server."""
        return await self.ask_server(0, method, team, path, **body)

    async def ask_server(
        self, number: int, method: str, team: Team, path: str, **body: Any
    ) -> httpx.Response:
        url = f"http://{self._apis[number][team.plan.name]}{CALLS}{path}"
        return await self.api.request(method, url, **body)

    async def dial_in(
        self, did: str, number: str, contact_ref: str = "", more: Headers = ()
    ) -> PhoneCall:
        """Call a DID from outside, with further headers."""
        headers = [("P-Asserted-Identity", f"<sip:{number}@127.0.0.1>"), *more]
        if contact_ref:
            headers.append(("X-Account", contact_ref))
        return await self.trunk.call(did, headers, mark=number)

    async def channels(self) -> list[dict[str, Any]]:
        """Return the PBX's channels as ARI describes them."""
        found: list[dict[str, Any]] = await self.ari("GET", "/channels")
        return found

    async def settled(self, user: str) -> None:
        """Return when the way to somebody who has answered stays as it is: here at once."""

    async def channels_of(self, names: set[str]) -> list[str]:
        """Return the names of the channels that have to do with these extensions and numbers."""
        return [
            channel["name"]
            for channel in await self.channels()
            if {
                channel["name"].partition("/")[2].rpartition("-")[0],
                channel["caller"]["number"],
                channel["connected"]["number"],
                channel["dialplan"]["exten"],
            }
            & names
        ]

    async def channel_of(self, call: PhoneCall) -> str:
        """Return the name of the PBX's channel of a phone's call."""
        for channel in await self.channels():
            answer = await self.ari(
                "GET", f"/channels/{channel['id']}/variable", variable="CHANNEL(pjsip,call-id)"
            )
            if answer.get("value") == call.call_id:
                return str(channel["name"])
        raise LookupError(f"no channel of {call.ua.name}'s call\n{call.ladder}")

    async def trapped(self) -> str:
        """Return what the context `trap` was asked to dial."""
        answer = await self.ari("GET", "/asterisk/variable", variable="TRAPPED")
        return str(answer.get("value") or "")

    def spooled(self) -> str:
        """Return what lies in the dialplan's spool."""
        file = self.pbx.spool_file
        return file.read_text("utf-8", "replace") if file.exists() else ""
