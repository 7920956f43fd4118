"""Kamailio in front of two Asterisks with one server, and who calls through them."""

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
from sandbox.notifications import Notification, Notifications
from sandbox.office_conf import CARRIER
from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.redis import RedisServer, redis_server
from sandbox.server import ACME, Server
from sandbox.ua import UA, Rule

DIALPLAN = Path(__file__).parents[2] / "dialplan/click2dial.conf"

#: Agents behind Kamailio: those with a phone, and those with a browser.
PHONES, BROWSERS = range(1300, 1310), range(1310, 1314)
OUTBOUND = ("X-Teleforge-Outbound-ID", "27820001234")

_FROM_TRUNK = """
    [from-trunk]
    exten => _2721XXXXXXX,1,Set(C2D_AGENTS=PJSIP/${EXTEN:-4})
     same => n,Goto(click2dial-inbound,${EXTEN},1)
    """
_CARRIER = f"""
    [{CARRIER}](common)
    context = from-trunk
    aors =
    trust_id_inbound = yes
    """


def password(name: object) -> str:
    """Return the password of a phone."""
    return f"of-phone-{name}"


class Rig:
    """All of it; use it as a context manager.  With `nodes` of 2 there are two Kamailios.

    Redis has the records; `shared` is the one of logins and errors, which tests take away.
    """

    def __init__(self, tree: Path, *, nodes: int = 1, tls: dict[str, str] | None = None) -> None:
        self._tree = tree
        self._tls = tls
        self.kamailios = [Kamailio(number) for number in range(1, nodes + 1)]
        self.loop = LoopThread()
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)

    @property
    def kamailio(self) -> Kamailio:
        return self.kamailios[0]

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.redis: RedisServer = stack.enter_context(redis_server())
            self.shared: RedisServer = stack.enter_context(redis_server())
            self.server = Server(self.redis.url)
            self.trunks = [UA(CARRIER, 0, network=True) for _ in range(2)]
            self._trunk_ports = [ports.free_port() for _ in self.trunks]
            self.pbxs = [self._asterisk(port) for port in self._trunk_ports]
            self.api_port = ports.free_port()
            self._configure()
            part = (self.kamailio.directory / "pjsip-kamailio.conf").read_text()
            for pbx in self.pbxs:
                pbx.add_pjsip(part + _CARRIER)
                stack.enter_context(pbx)
            stack.enter_context(self.server)
            self.load_logins()
            for kamailio in self.kamailios:
                stack.enter_context(kamailio)
            self.notifications = Notifications(self.redis.url, ["enigma:notifications:cdr"])
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
        """Run a test's coroutine where the phones live."""
        return self.loop.run(work)

    @property
    def page(self) -> str:
        """The softphone's address."""
        return f"http://127.0.0.1:{self.api_port}/softphone"

    def number(self) -> str:
        """Return a number outside that no other test dials."""
        return f"2783{next(self._numbers):07d}"

    def until_all_serve(self) -> None:
        until(self.all_serve, 10, "both Asterisks behind Kamailio")

    def all_serve(self) -> bool:
        """Tell whether each Kamailio takes both Asterisks for alive."""
        return all(all(self.alive(kamailio)) for kamailio in self.kamailios)

    def alive(self, kamailio: Kamailio) -> list[bool]:
        """Return which of the Asterisks a Kamailio takes for alive."""
        return [kamailio.serves(pbx.sip_port) for pbx in self.pbxs]

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
                answer = await phone.register()
                assert answer.status == 200, answer.start_line
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

    async def record(self, number: str, timeout: float = 5.0) -> dict[str, Any]:
        """Return the record of the call with a number, when it is there."""

        def mine(one: Notification) -> bool:
            return bool(one.payload["number"] == number)

        assert await self.notifications.wait(mine, 1, timeout), f"no record of {number}"
        (found,) = self.notifications.take(mine)
        return found.payload

    def _asterisk(self, trunk_port: int) -> Asterisk:
        return Asterisk(
            self._tree,
            include=DIALPLAN,
            c2d_agi=self.server.agi_url,
            trunk_port=trunk_port,
            extra_extensions=_FROM_TRUNK,
        )

    def _configure(self) -> None:
        integrator = {
            **ACME,
            "redis": self.redis.url,
            "http": f"127.0.0.1:{self.api_port}",
            "allow_from": ["127.0.0.0/8"],
            "extensions": [f"{PHONES.start}-{BROWSERS.stop}"],
            "dids": ["2721*"],
            "ring_timeout": 5,
            "softphone": True,
            "softphone_ws": self.kamailio.ws_url,
        }
        first = self.pbxs[0]
        kamailio = {
            "nodes": [one.node for one in self.kamailios],
            "asterisks": [f"127.0.0.1:{pbx.sip_port}" for pbx in self.pbxs],
            "secret": "what-all-kamailios-have-in-common",
            "browser_agents": [f"{BROWSERS.start}-{BROWSERS.stop - 1}"],
            "origins": [f"http://127.0.0.1:{self.api_port}"],
        }
        if self._tls is not None:
            kamailio["tls"] = self._tls
        self.server.config |= {
            "integrators": [integrator],
            "asterisk": {
                "ari_url": first.ari_url,
                "ari_username": first.ari_username,
                "ari_password": first.ari_password,
            },
            "errors_redis": self.shared.url,
            "kamailio": kamailio,
        }
        self.server.write(self.server.config)
        for one in self.kamailios:
            one.configure(self.server.config_path)

    async def _open(self) -> None:
        await self.notifications.open()
        for trunk, port, pbx in zip(self.trunks, self._trunk_ports, self.pbxs, strict=True):
            await trunk.open(port)
            trunk.dial_through(pbx.sip_port)

    async def _close(self) -> None:
        for trunk in self.trunks:
            await trunk.close()
        await self.notifications.close()
