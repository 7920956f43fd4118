"""How long a look at a PBX with many endpoints takes: `make bench ARGS=endpoints`.

First the reader's own, at each login at the manager; then what a CRM waits for that asks for all
agents, or begins to listen.  `C2D_ENDPOINTS` is their number.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from itertools import count

import httpx

from bench.create import KEY, agent_endpoint
from click2dial_agi.ami import Message
from click2dial_agi.app.live.look import look
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.live.board import Board
from click2dial_agi.io.ami import AMI, AMIConnection
from click2dial_agi.io.ari_facts import ARIFacts
from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.process import until
from sandbox.redis import LocalRedis
from sandbox.server import Server
from sandbox.tree import asterisk_tree

ENDPOINTS = int(os.environ.get("C2D_ENDPOINTS", "5000"))
FIRST = 20_000
RUNS = 9


class Looker:
    """Looks at the PBX some times as soon as it is logged in."""

    def __init__(self, server: Server) -> None:
        self._config = parse_config(server.config)
        self.done = asyncio.get_running_loop().create_future()

    def heard(self, event: Message) -> None:
        """Take no note."""

    async def began(self, connection: AMIConnection) -> None:
        """Look."""
        facts, ticks = ARIFacts(self._config.pbxs[0]), count()

        async def once() -> None:
            board = Board(self._config, "")
            await look(connection, facts.endpoint_states, board, lambda: next(ticks))
            assert len(board.agents_of("acme")) == ENDPOINTS

        times = await timed(once)
        await facts.close()
        self.done.set_result(times)

    async def ended(self) -> None:
        """Take no note."""


async def timed(once: Callable[[], Awaitable[None]]) -> list[float]:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        await once()
        times.append(time.perf_counter() - began)
    return times


async def measure(server: Server, url: str) -> None:
    """Print the times."""
    looker, [pbx] = Looker(server), parse_config(server.config).pbxs
    assert pbx.ami is not None
    login = (pbx.ami.host, pbx.ami.port, pbx.ami_username or "", pbx.ami_password or "")
    looking = asyncio.create_task(AMI(*login).run(looker))
    show("the reader's look, at a login", await looker.done)
    looking.cancel()
    await asyncio.wait((looking,))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:

        async def agents() -> None:
            answer = await http.get("/click2dial/agents")
            assert len(answer.json()["agents"]) == ENDPOINTS

        async def snapshot() -> None:
            async with http.stream("GET", "/click2dial/events") as events:
                async for line in events.aiter_lines():
                    if line.startswith("data: "):
                        assert line.count('"extension"') >= ENDPOINTS
                        return

        show("`GET /click2dial/agents`", await timed(agents))
        show("`GET /click2dial/events`, to the snapshot", await timed(snapshot))


def show(what: str, times: list[float]) -> None:
    print(f"| {what} | {statistics.median(times) * 1e3:.0f} ms | {max(times) * 1e3:.0f} ms |")


def main() -> None:
    """Measure and print a table."""
    http = ports.free_port()
    extensions = range(FIRST, FIRST + ENDPOINTS)
    with contextlib.ExitStack() as stack:
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        server = Server(
            redis.url,
            integrator={
                "http": f"127.0.0.1:{http}",
                "api_keys": [KEY],
                "extensions": [f"{extensions[0]}-{extensions[-1]}"],
            },
        )
        pbx = stack.enter_context(
            Asterisk(
                asterisk_tree(),
                c2d_agi=server.agi_url,
                extra_pjsip="".join(agent_endpoint(str(one), 9) for one in extensions),
            )
        )
        login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
        server.config["asterisk"] = {"ari_url": pbx.ari_url, **login, **pbx.manager}
        server.write(server.config)
        stack.enter_context(server)
        url = f"http://127.0.0.1:{http}"

        def is_known() -> bool:
            answer = httpx.get(
                f"{url}/click2dial/agents/{FIRST}", headers={"Authorization": f"Bearer {KEY}"}
            )
            return answer.is_success and answer.json()["state"] != "unknown"

        until(is_known, 30, "the agents' states")
        print(f"| {ENDPOINTS} endpoints | median | of {RUNS}, slowest |\n|---|---:|---:|")
        asyncio.run(measure(server, url))


if __name__ == "__main__":
    main()
