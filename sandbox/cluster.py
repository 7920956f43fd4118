"""Kamailios in front of several Asterisks, each with a server beside it, and who calls there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.kamailio import Kamailio, command
from sandbox.loop import LoopThread
from sandbox.office_conf import CARRIER
from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.redis_groups import Watched, watched
from sandbox.server import ACME, Server
from sandbox.ua import UA, Rule

DIALPLAN = Path(__file__).parents[1] / "dialplan/click2dial.conf"

#: Agents behind Kamailio: those with a phone, and those with a browser.
PHONES, BROWSERS = range(1300, 1310), range(1310, 1314)
OUTBOUND_ID = "27820001234"
OUTBOUND = ("X-Teleforge-Outbound-ID", OUTBOUND_ID)

#: Where Asterisks send agents' calls: all Kamailios have the address, and one that lives gets them.
ENTRANCE_HOST = "127.0.0.9"

_FROM_TRUNK = """
    [from-trunk]
    exten => _2721XXXXXXX,1,Set(C2D_AGENTS=PJSIP/${EXTEN:-4})
     same => n,Goto(click2dial-inbound,${EXTEN},1)
    """
CARRIER_PJSIP = f"""
    [{CARRIER}](common)
    context = from-trunk
    aors =
    trust_id_inbound = yes
    """


def password(name: object) -> str:
    """Return the password of a phone."""
    return f"of-phone-{name}"


class Cluster:
    """All of it; use it as a context manager.

    Each server is beside the Asterisk of its number, which asks it first.  Records, logins and
    errors are in a Redis that three Sentinels watch, `group`; who wants others has `_stores`.
    """

    def __init__(
        self,
        tree: Path,
        *,
        pbxs: int = 3,
        servers: int = 3,
        nodes: int = 2,
        tls: dict[str, str] | None = None,
    ) -> None:
        self._tree = tree
        self._tls = tls
        self._counts = (pbxs, servers)
        self.kamailios = [Kamailio(number) for number in range(1, nodes + 1)]
        self.loop = LoopThread()
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)

    @property
    def kamailio(self) -> Kamailio:
        return self.kamailios[0]

    @property
    def server(self) -> Server:
        return self.servers[0]

    @property
    def api_port(self) -> int:
        return self.api_ports[0]

    def __enter__(self) -> Self:
        pbxs, servers = self._counts
        with contextlib.ExitStack() as stack:
            self.redis_url, self.errors_url = self._stores(stack)
            self.servers = [Server(self.redis_url) for _ in range(servers)]
            self.api_ports = [ports.free_port() for _ in self.servers]
            self.trunks = [UA(CARRIER, 0, network=True) for _ in range(pbxs)]
            self._trunk_ports = [ports.free_port() for _ in self.trunks]
            self.pbxs = [self._asterisk(number) for number in range(pbxs)]
            self._configure()
            part = (self.kamailio.directory / "pjsip-kamailio.conf").read_text()
            for pbx in self.pbxs:
                pbx.add_pjsip(self._pjsip(pbx, part))
                stack.enter_context(pbx)
            for server in self.servers:
                stack.enter_context(server)
            self.load_logins()
            for kamailio in self.kamailios:
                stack.enter_context(kamailio)
            stack.enter_context(self.loop)
            self.loop.run(self._open())
            stack.callback(lambda: self.loop.run(self._close()))
            stack.callback(self.loop.cancel)
            self.until_all_serve()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.kamailio.tail())
        self._stack.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine where the phones live."""
        return self.loop.run(work)

    def number(self, last: str = "") -> str:
        """Return a number outside that nobody else dials, with its last digits as given."""
        return f"2783{next(self._numbers):0{7 - len(last)}d}{last}"

    def until_all_serve(self) -> None:
        until(self.all_serve, 10, "all Asterisks behind Kamailio")

    def all_serve(self) -> bool:
        """Tell whether each Kamailio takes all Asterisks for alive."""
        return all(all(self.alive(kamailio)) for kamailio in self.kamailios)

    def alive(self, kamailio: Kamailio) -> list[bool]:
        """Return which of the Asterisks a Kamailio takes for alive."""
        return kamailio.serves(*(pbx.sip_port for pbx in self.pbxs))

    def load_logins(self) -> None:
        """Load all logins, as an operator does."""
        file = self.kamailio.directory / "logins"
        names = [*PHONES, *BROWSERS]
        file.write_text("# of the tests\n" + "".join(f"{n}:{password(n)}\n" for n in names))
        command("kamailio-credentials", str(file), "--config", str(self.server.config_path))

    @contextlib.asynccontextmanager
    async def phone(
        self,
        name: object,
        rule: Rule | None = None,
        *,
        kamailio: Kamailio | None = None,
        register: bool = True,
        **options: Any,
    ) -> AsyncIterator[UA]:
        """Lend a phone that is registered at a Kamailio, the first one."""
        port = (kamailio or self.kamailio).phones_port
        options = {"password": password(name), **options}
        phone = UA(str(name), port, rule, **options)
        await phone.open()
        try:
            if register:
                response = await phone.register()
                assert response.status == 200, response.start_line
            yield phone
            assert phone.errors == []
        finally:
            if register:
                await phone.register(expires=0)
            await phone.close()

    async def at_trunk(self, number: str, timeout: float = 5.0) -> tuple[int, PhoneCall]:
        """Return at which Asterisk's trunk a number was called, and the call."""
        waits = [
            asyncio.create_task(trunk.next_call(number=number, timeout=timeout))
            for trunk in self.trunks
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            first = done.pop()
            return waits.index(first), first.result()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _stores(self, stack: contextlib.ExitStack) -> tuple[str, str]:
        """Start Redis; return where records are, and where logins and errors are."""
        self.group: Watched = stack.enter_context(watched())
        return self.group.url, self.group.url

    def _asterisk(self, number: int) -> Asterisk:
        first = number % len(self.servers)
        asked = self.servers[first:] + self.servers[:first]
        return Asterisk(
            self._tree,
            include=DIALPLAN,
            c2d_agi=" ".join(server.agi_url for server in asked),
            trunk_port=self._trunk_ports[number],
            extra_extensions=_FROM_TRUNK,
        )

    def _pjsip(self, pbx: Asterisk, part: str) -> str:
        """Return what an Asterisk has beside its own; `part` is for those behind Kamailio."""
        return part + CARRIER_PJSIP

    def _configure(self) -> None:
        entrance = f"{ENTRANCE_HOST}:{ports.free_port()}"
        kamailio = {
            "nodes": [one.node for one in self.kamailios],
            "asterisks": [f"127.0.0.1:{pbx.sip_port}" for pbx in self.pbxs],
            "secret": "what-all-kamailios-have-in-common",
            "browser_agents": [f"{BROWSERS.start}-{BROWSERS.stop - 1}"],
            "origins": [f"http://127.0.0.1:{self.api_port}"],
            **({"entrance": entrance} if len(self.kamailios) > 1 else {}),
            **({"tls": self._tls} if self._tls is not None else {}),
        }
        for number, (server, api_port) in enumerate(zip(self.servers, self.api_ports, strict=True)):
            server.config |= {
                # The Asterisk beside it may leave it records.
                "spool_dir": str(self.pbxs[number].spool),
                "integrators": [self._integrator(api_port)],
                "asterisk": self._known_pbxs(),
                "errors_redis": self.errors_url,
                "kamailio": kamailio,
            }
            server.write(server.config)
        for one in self.kamailios:
            one.configure(self.server.config_path)

    def _integrator(self, api_port: int) -> dict[str, Any]:
        return {
            **ACME,
            "redis": self.redis_url,
            "http": f"127.0.0.1:{api_port}",
            "allow_from": ["127.0.0.0/8"],
            "extensions": [f"{PHONES.start}-{BROWSERS.stop}"],
            "dids": ["2721*"],
            "ring_timeout": 5,
            "softphone": True,
            "softphone_ws": self.kamailio.ws_url,
            "limits": {**ACME["limits"], "calls_per_minute": 10_000, "concurrent_calls": 1000},
        }

    def _known_pbxs(self) -> list[dict[str, str]]:
        return [
            {
                "name": f"pbx{number}",
                "ari_url": pbx.ari_url,
                "ari_username": pbx.ari_username,
                "ari_password": pbx.ari_password,
                **pbx.manager,
            }
            for number, pbx in enumerate(self.pbxs, 1)
        ]

    async def _open(self) -> None:
        for trunk, port, pbx in zip(self.trunks, self._trunk_ports, self.pbxs, strict=True):
            await trunk.open(port)
            trunk.dial_through(pbx.sip_port)

    async def _close(self) -> None:
        for trunk in self.trunks:
            await trunk.close()
