"""Calls that are transferred, each in another way, while servers and Redis fail."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.office import Office, Team
from sandbox.process import until
from sandbox.server import Server
from tests.chaos.ledger import CALLS, PATIENCE, anything_waits, pause
from tests.e2e.matrix.cells import CELLS, Cell, Move, Target
from tests.e2e.matrix.play import Result, Stage

#: Each of these is played 1,400 / 5 times by `make chaos`.
COUNT = CALLS // 5 or 1
TARGETS = (Target.COLLEAGUE, Target.OUTSIDE, Target.ALLOWED_COLLEAGUE, Target.ALLOWED_OUTSIDE)


def in_each_way(count: int) -> list[Cell]:
    """Return cells: all ways to move a call in turn, and of each way the origins and targets."""
    ways = [
        itertools.cycle([cell for cell in CELLS if cell.move is move and cell.target in TARGETS])
        for move in Move
    ]
    return [next(way) for way in itertools.islice(itertools.cycle(ways), count)]


class ShakenOffice(Office):
    """An office with two servers, one of which may be away."""

    def __init__(self, tree: Path) -> None:
        super().__init__(tree, servers=2)
        self.away: Server | None = None
        self._asking: asyncio.Lock

    async def _open(self) -> None:
        self._asking = asyncio.Lock()
        await super()._open()

    def configure(self, server: Server) -> None:
        if server is self.servers[0]:  # one of them drains what the PBX wrote itself
            server.config["spool_dir"] = str(self.pbx.spool)
        super().configure(server)

    async def ask(self, method: str, team: Team, path: str = "", **body: Any) -> httpx.Response:
        """Ask a server that is there; a POST that its end cuts off is another test's matter."""
        async with self._asking:
            number = next(n for n, one in enumerate(self.servers) if one is not self.away)
            return await self.ask_server(number, method, team, path, **body)

    async def send(self, server: Server, signum: signal.Signals) -> None:
        """Send a signal while nobody asks the API."""
        async with self._asking:
            self.away = None if signum is signal.SIGCONT else server
            os.kill(server.pid, signum)

    def play(self, disturb: Callable[[Future[Any]], None]) -> None:
        """Play the calls, disturb until all have been played, and look at each."""
        stage = Stage(self)
        cells = in_each_way(COUNT)
        playing = self.loop.submit(_together([stage.play(cell) for cell in cells]))
        while not playing.done():
            disturb(playing)
        wrong = [result.report() for result in playing.result() if result.problems]
        print(f"{len(cells)} calls, {len(cells) - len(wrong)} as they should be")
        assert not wrong, "\n\n".join(wrong)
        until(self._nothing_waits, PATIENCE, "empty journals and spools")
        assert self.loop.run(self.channels()) == []
        assert self.notifications.untaken == []

    def _nothing_waits(self) -> bool:
        directories = {Path(server.config["spool_dir"]) for server in self.servers}
        return not any(map(anything_waits, directories))


async def _together(played: list[Coroutine[Any, Any, Result]]) -> list[Result]:
    return list(await asyncio.gather(*played))


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[ShakenOffice]:
    with ShakenOffice(tree) as office:
        yield office


@pytest.mark.timeout(3600)
def test_two_servers_are_killed_in_turn(office: ShakenOffice) -> None:
    turns = itertools.cycle(office.servers)

    def kill(playing: Future[Any]) -> None:
        server = next(turns)
        pause(playing, 1.0)
        office.loop.run(office.send(server, signal.SIGKILL))
        server.kill()
        pause(playing, 0.5)
        server.start()
        office.away = None

    office.play(kill)


@pytest.mark.timeout(3600)
def test_one_server_is_frozen(office: ShakenOffice) -> None:
    """The PBX waits two seconds for it and asks the other one: longer than phones are patient."""
    server = office.servers[0]

    def freeze(playing: Future[Any]) -> None:
        pause(playing, 4.0)
        office.loop.run(office.send(server, signal.SIGSTOP))
        pause(playing, 3.0)
        office.loop.run(office.send(server, signal.SIGCONT))

    office.play(freeze)


@pytest.mark.timeout(3600)
def test_redis_is_frozen(office: ShakenOffice) -> None:
    def freeze(playing: Future[Any]) -> None:
        pause(playing, 2.0)
        office.redis.pause()
        pause(playing, 2.0)
        office.redis.resume()

    office.play(freeze)
