"""Play a hostile scene: what must never happen, whoever answers what to whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sandbox.notifications import Notification
from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.expected import brief
from tests.e2e.matrix.play import AT_ONCE
from tests.e2e.matrix.scene import Scene
from tests.e2e.races.run import end_all

Play = Callable[[Scene], Awaitable[None]]


async def play_all(
    office: Office, origin: Origin, integrator: str, plays: dict[str, Play]
) -> list[str]:
    """Play scenes, many at a time; return what was wrong, with the scene's name."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, play: Play) -> list[str]:
        async with free:
            return [f"{name}: {wrong}" for wrong in await _play(office, origin, integrator, play)]

    found = await asyncio.gather(*(one(name, play) for name, play in plays.items()))
    return [problem for problems in found for problem in problems]


async def _play(office: Office, origin: Origin, integrator: str, play: Play) -> list[str]:
    async with office.team(integrator) as team:
        scene = Scene(office, team, Cell(origin, Move.FORWARD, Target.NONE_OUTSIDE))
        problems: list[str] = []
        try:
            async with asyncio.timeout(patience(30)):
                await play(scene)
        except (TimeoutError, AssertionError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        problems += _dialled(scene)
        await end_all(scene)
        problems += scene.remarks
        problems += [f"left: {left}" for left in await scene.clear()]
        problems += await _one_record(scene)
        office.trunk.forget({scene.number, scene.partner})
        if problems:
            team.spoilt = time.monotonic()
        return problems


def _dialled(scene: Scene) -> list[str]:
    """What the trunk was asked for beyond the client, and whether a colleague rang."""
    asked = [call.number for call in scene.office.trunk.incoming if scene.partner in call.number]
    rang = len(scene.team.third.incoming)
    problems = [f"the trunk was asked for {number[:60]}" for number in asked]
    return problems + ([f"{scene.team.third.name} rang"] if rang else [])


async def _one_record(scene: Scene) -> list[str]:
    """The call has one record, which names nothing that the phone made up."""

    def mine(one: Notification) -> bool:
        return one.list_name == scene.team.plan.cdr_list and scene.owns(one)

    lists = scene.office.notifications
    await lists.wait(mine, 1, timeout=3.0)
    records = [one.payload for one in lists.take(mine)]
    lists.take(scene.owns)
    if len(records) == 1 and scene.partner not in str(records[0]):
        return []
    return [f"{len(records)} records", *map(brief, records)]
