"""A PBX, a server and a Redis of which doctor finds nothing wrong; each test makes one fault."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from click2dial_agi import __version__
from click2dial_agi.app.doctor import Finding, Level, examine
from click2dial_agi.io.asterisk_console import AsteriskConsole
from click2dial_agi.io.config_file import load_config
from sandbox import astconf
from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.conftest import tree

__all__ = ["tree"]

DIALPLAN = Path(__file__).parents[2] / "dialplan/click2dial.conf"

#: As the sample has it: who is outside sends nobody on.
PROVIDER = """
[trunk](+)
allow_transfer = no
"""

#: Endpoints that are wrong, each in its own way; the healthy configuration owns none of them.
WRONG_ENDPOINTS = """
[alice](agent)
aors = alice
set_var = C2D_EXTENSION=3050
[alice](aor)

[bob](agent)
aors = bob
[bob](aor)

[3001](agent)
aors = 3001
context = from-internal
[3001](aor)

[3002](agent)
aors = 3002
[3002](aor)
contact = sip:0900123456@127.0.0.1:5062

[3003](agent)
aors = 3003
[3003](aor)
contact = sip:3003@198.51.100.7:5060
"""

#: The operator's own ways to the phones: one follows what a phone answers, the other does not.
WAYS = """
[follows]
exten => _XXXX,1,Dial(PJSIP/${EXTEN},${IF($[1]?20:30)},gU(sub^i))

[keeps]
exten => _XXXX,1,Dial(PJSIP/${EXTEN},20,gi)
"""


@dataclass
class Place:
    """What is examined."""

    pbx: Asterisk
    server: Server
    redis: RedisServer

    def found(self, **changes: Any) -> dict[str, Finding]:
        """Examine; return the findings that are no notes, the last of each kind by its kind."""
        return {one.check: one for one in self.all_found(**changes)}

    def all_found(self, **changes: Any) -> list[Finding]:
        """Examine with some sections of the configuration changed; what is no note."""
        return [one for one in self.everything(**changes) if one.level is not Level.NOTE]

    def everything(self, **changes: Any) -> list[Finding]:
        """Examine with some sections of the configuration changed."""
        path = self.server.config_path
        self.server.write({**self.server.config, **changes})
        try:
            config = load_config(path)
            path.chmod(0o640)
            conf = f"{self.pbx.inside}/etc/asterisk.conf"
            console = AsteriskConsole(["chroot", str(self.pbx.tree), "asterisk", "-C", conf])
            return asyncio.run(examine(config, path, console=console, etc=self.pbx.etc))
        finally:
            self.server.write(self.server.config)

    def integrator(self, **changes: Any) -> dict[str, Any]:
        """Return the section with the one integrator changed."""
        return {"integrators": [{**self.server.config["integrators"][0], **changes}]}

    def set_global(self, name: str, value: str) -> None:
        self.pbx.cli(f'dialplan set global {name} "{value}"')


@pytest.fixture(scope="session")
def pbx(tree: Path) -> Iterator[Asterisk]:
    with Asterisk(
        tree, include=DIALPLAN, extra_pjsip=PROVIDER + WRONG_ENDPOINTS, extra_extensions=WAYS
    ) as pbx:
        yield pbx


@pytest.fixture(scope="session")
def healthy(pbx: Asterisk, running_redis: RedisServer) -> Iterator[Place]:
    asterisk = {
        "ari_url": pbx.ari_url,
        "ari_username": pbx.ari_username,
        "ari_password": pbx.ari_password,
    }
    with Server(running_redis.url, asterisk=asterisk) as server:
        yield Place(pbx, server, running_redis)


@pytest.fixture
def place(healthy: Place) -> Place:
    """Everything right, but for the endpoints that nobody owns and one that dials through us."""
    directory = healthy.server.config_path.parent
    directory.chmod(0o750)
    healthy.set_global("C2D_AGI", healthy.server.agi_url)
    healthy.set_global("C2D_SPOOL", f"{directory}/calls.spool")
    healthy.set_global("C2D_RECORDINGS", healthy.server.config.get("recordings_dir", "/x"))
    healthy.set_global("C2D_SECRET", astconf.SECRET)
    healthy.set_global("C2D_VERSION", __version__)
    healthy.set_global("C2D_EMERGENCY_DIAL", "PJSIP/@trunk")
    return healthy
