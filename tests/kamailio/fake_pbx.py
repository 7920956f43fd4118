"""A Kamailio whose Asterisk is the test: what passes Kamailio is seen byte by byte."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from sandbox import ports
from sandbox.kamailio import Kamailio, command
from sandbox.redis import RedisServer
from sandbox.ua import UA, Rule
from tests.kamailio.rig import PHONES, password

NAME = "pbx"


class Front:
    """A Kamailio, and the ports on which its Asterisks would listen."""

    def __init__(self, kamailio: Kamailio, pbx_ports: list[int]) -> None:
        self.kamailio = kamailio
        self.pbx_ports = pbx_ports

    @classmethod
    @contextlib.contextmanager
    def running(cls, redis: RedisServer, pbxs: int = 1, **keys: Any) -> Iterator[Front]:
        """Run one; `keys` are those of the section."""
        kamailio, pbx_ports = Kamailio(), [ports.free_port() for _ in range(pbxs)]
        config = {
            "errors_redis": redis.url,
            "integrators": [{"name": "acme", "extensions": [f"{PHONES.start}-{PHONES.stop - 1}"]}],
            "kamailio": {
                "nodes": [kamailio.node],
                "asterisks": [f"127.0.0.1:{port}" for port in pbx_ports],
                "secret": "what-all-kamailios-have-in-common",
                **keys,
            },
        }
        path = kamailio.directory / "click2dial.yaml"
        path.write_text(yaml.safe_dump(config))
        kamailio.configure(path)
        load(kamailio.directory, path)
        with kamailio:
            yield cls(kamailio, pbx_ports)

    @contextlib.asynccontextmanager
    async def pbx(self, rule: Rule, number: int = 0) -> AsyncIterator[UA]:
        """Play an Asterisk."""
        pbx = UA(NAME, 0, rule)
        await pbx.open(self.pbx_ports[number])
        pbx.wire.target = (self.kamailio.inner_host, self.kamailio.inner_port)
        try:
            yield pbx
        finally:
            await pbx.close()

    @contextlib.asynccontextmanager
    async def phone(self, name: object, **options: Any) -> AsyncIterator[UA]:
        """Lend a phone, not registered."""
        phone = UA(str(name), self.kamailio.phones_port, password=password(name), **options)
        await phone.open()
        try:
            yield phone
        finally:
            await phone.close()


def load(directory: Path, config: Path, names: Iterable[int] = PHONES) -> None:
    """Load the logins of phones, of all if nothing is said."""
    file = directory / "logins"
    file.write_text("".join(f"{name}:{password(name)}\n" for name in names))
    command("kamailio-credentials", str(file), "--config", str(config))
