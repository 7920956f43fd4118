"""A PBX with the product's dialplan, and what it needs to be put into trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.chaos.ledger import Chaos, connect
from tests.e2e.conftest import tree, trunk

__all__ = ["tree", "trunk"]

DIALPLAN = Path(__file__).parents[2] / "dialplan/click2dial.conf"


@pytest.fixture(scope="session")
def chaos_pbx(tree: Path, trunk: Trunk) -> Iterator[Asterisk]:
    with Asterisk(tree, include=DIALPLAN, trunk_port=trunk.port) as pbx:
        yield pbx


@pytest.fixture
def pbx(chaos_pbx: Asterisk) -> Asterisk:
    """The PBX, with an empty spool."""
    for left in chaos_pbx.spool.iterdir():
        left.unlink()
    return chaos_pbx


@pytest.fixture
def server(pbx: Asterisk) -> Iterator[Callable[..., Server]]:
    """Start servers that follow the manager; they drain the PBX's spool unless told otherwise."""
    started: list[Server] = []
    login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}

    def start(redis_url: str, spool_dir: Path = pbx.spool, **options: Any) -> Server:
        options["integrator"] = {"ring_timeout": 1}
        made = Server(redis_url, spool_dir=str(spool_dir), **options)
        made.config["asterisk"] = {"ari_url": pbx.ari_url, **login, **pbx.manager}
        made.write(made.config)
        made.start()
        started.append(made)
        return made

    yield start
    for one in started:
        one.__exit__(None, None, None)


@pytest.fixture
def chaos(pbx: Asterisk, trunk: Trunk) -> Callable[..., Chaos]:
    """Point the PBX at servers; return the load and the ledger."""

    def start(redis: RedisServer | Callable[[], Redis], *servers: Server) -> Chaos:
        urls = " ".join(one.agi_url for one in servers)
        pbx.cli(f'dialplan set global C2D_AGI "{urls}"')
        connecting = redis if callable(redis) else lambda: connect(redis.url)
        directories = {pbx.spool, *(Path(one.config["spool_dir"]) for one in servers)}
        return Chaos(pbx, trunk, connecting, [*directories])

    return start
