"""Two servers decide for one PBX, and one goes away: what it has counted, the other one counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.office_conf import AT_A_TIME
from sandbox.waiting import patience
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.test_limits import REFUSED, burst, hold

pytestmark = pytest.mark.case("A5")


@pytest.fixture
def two_servers(tree: Path) -> Iterator[Office]:
    with Office(tree, servers=2) as office:
        yield office


def test_the_other_server_takes_the_count_over(two_servers: Office) -> None:
    async def play(scene: Scene) -> None:
        first, _ = two_servers.servers
        before = await burst(scene, scene.number, count=AT_A_TIME)
        await asyncio.gather(*(call.up() for call in before))
        await asyncio.to_thread(first.kill)
        # The first that the other one decides on makes it look; until it has, it cannot know.
        status = 0
        async with asyncio.timeout(patience(5)):
            while status != REFUSED:
                (call,) = await burst(scene, scene.partner, count=1)
                status = (await call.final()).status
        (call,) = await burst(scene, scene.partner, count=1)
        assert (await call.final()).status == REFUSED
        await asyncio.gather(*(call.hang_up() for call in scene.team.first.calls_up()))
        # Back again, the first has nothing left of what ended without it.
        await asyncio.to_thread(first.start)
        calls = await burst(scene, scene.number, count=AT_A_TIME)
        await asyncio.gather(*(call.up() for call in calls))

    hold(two_servers, play)
