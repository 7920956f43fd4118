"""Kamailios whose Asterisks are the test: what passes them is seen byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from sandbox import ports
from sandbox.kamailio import Kamailio, command
from sandbox.redis import RedisServer
from sandbox.ua import UA, Rule
from sandbox.waiting import patience
from tests.kamailio.rig import PHONES, password

NAME = "pbx"


class Front:
    """Kamailios, and the ports on which their Asterisks would listen."""

    def __init__(self, kamailios: list[Kamailio], pbx_ports: list[int]) -> None:
        self.kamailios = kamailios
        self.pbx_ports = pbx_ports

    @property
    def kamailio(self) -> Kamailio:
        return self.kamailios[0]

    @classmethod
    @contextlib.contextmanager
    def running(
        cls, redis: RedisServer, pbxs: int = 1, nodes: int = 1, **keys: Any
    ) -> Iterator[Front]:
        """Run them; `keys` are those of the section."""
        kamailios = [Kamailio(number) for number in range(1, nodes + 1)]
        pbx_ports = [ports.free_port() for _ in range(pbxs)]
        config = {
            "errors_redis": redis.url,
            "integrators": [{"name": "acme", "extensions": [f"{PHONES.start}-{PHONES.stop - 1}"]}],
            "kamailio": {
                "nodes": [kamailio.node for kamailio in kamailios],
                "asterisks": [f"127.0.0.1:{port}" for port in pbx_ports],
                "secret": "what-all-kamailios-have-in-common",
                **keys,
            },
        }
        path = kamailios[0].directory / "click2dial.yaml"
        path.write_text(yaml.safe_dump(config))
        load(kamailios[0].directory, path)
        with contextlib.ExitStack() as stack:
            for kamailio in kamailios:
                kamailio.configure(path)
                stack.enter_context(kamailio)
            yield cls(kamailios, pbx_ports)

    @contextlib.asynccontextmanager
    async def pbx(self, rule: Rule, number: int = 0, node: int = 0) -> AsyncIterator[UA]:
        """Play an Asterisk that sends to a node."""
        pbx = UA(NAME, 0, rule)
        await pbx.open(self.pbx_ports[number])
        entrance = self.kamailios[node]
        pbx.wire.target = (entrance.inner_host, entrance.inner_port)
        try:
            # While nobody played it, it did not answer.
            async with asyncio.timeout(patience(5)):
                while not all(entrance.serves(self.pbx_ports[number])):
                    await asyncio.sleep(0.05)
            yield pbx
        finally:
            await pbx.close()

    @contextlib.asynccontextmanager
    async def phone(self, name: object, node: int = 0, **options: Any) -> AsyncIterator[UA]:
        """Lend a phone of a node, not registered."""
        port = self.kamailios[node].phones_port
        phone = UA(str(name), port, password=password(name), **options)
        await phone.open()
        try:
            yield phone
        finally:
            await phone.close()

    def has_seen(self, name: object, phone: socket.socket) -> None:
        """Let the first Kamailio know that a phone has logged in from that socket."""
        host, port = phone.getsockname()
        self.kamailio.rpc("htable.sets", "at", f"s:{name};0", f"s:{host}:{port}")


def load(directory: Path, config: Path, names: Iterable[int] = PHONES) -> None:
    """Load the logins of phones, of all if nothing is said."""
    file = directory / "logins"
    file.write_text("".join(f"{name}:{password(name)}\n" for name in names))
    command("kamailio-credentials", str(file), "--config", str(config))
