"""Asterisk itself dies under load, and its calls with it."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path

from sandbox.asterisk import Asterisk
from sandbox.load import LoadResult
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.chaos.conftest import DIALPLAN
from tests.chaos.ledger import Chaos, connect, pause


def test_asterisk_is_killed(tree: Path, trunk: Trunk, redis: RedisServer) -> None:
    """What ended before is recorded, what comes after too; what was up is named."""
    connect(redis.url).flushall()
    server = Server(redis.url, integrator={"ring_timeout": 1})
    with Asterisk(tree, include=DIALPLAN, c2d_agi=server.agi_url, trunk_port=trunk.port) as pbx:
        server.config["spool_dir"] = str(pbx.spool)
        server.write(server.config)
        with server:
            chaos = Chaos(pbx, trunk, lambda: connect(redis.url), [pbx.spool])

            def kill(placing: Future[LoadResult]) -> None:
                pause(placing, 2.0)
                if not placing.done() and not chaos.deaths:
                    killed = time.time()
                    pbx.kill()
                    pbx.start()
                    chaos.deaths.append((killed, time.time()))

            chaos.run(kill)
            assert chaos.deaths
