"""A scene for one test, and its records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from sandbox.notifications import Payload
from sandbox.office import Office
from sandbox.ua import UA
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.expected import compare
from tests.e2e.matrix.play import AT_ONCE
from tests.e2e.matrix.scene import Scene
from tests.e2e.races.run import end_all

Play = Callable[[Scene], Awaitable[None]]


#: Of integrators who send clients on into the operator's dialplan, the context further.
SENDING = {"transfer_fallback": "further"}


async def played(office: Office, origin: Origin, play: Play, *, integrator: str = "acme") -> Scene:
    """Play a scene; what was wrong is in its remarks."""
    async with office.team(integrator) as team:
        scene = Scene(office, team, Cell(origin, Move.NONE, Target.COLLEAGUE))
        try:
            await play(scene)
        except (TimeoutError, AssertionError) as error:
            team.spoilt = time.monotonic()
            scene.remarks.append(f"{type(error).__name__}: {error}")
        await end_all(scene)
        scene.remarks += [f"left: {left}" for left in await scene.clear()]
        office.notifications.take(scene.owns)
        office.trunk.forget({scene.number, scene.partner})
        return scene


async def play_strictly(
    office: Office, origin: Origin, play: Play, *, integrator: str = "acme"
) -> Scene:
    """Play a scene, and compare its records with what it expects: none is lost or too many."""

    async def strictly(scene: Scene) -> None:
        await play(scene)
        told = await records(scene, len(scene.expected))
        await asyncio.sleep(0.3)  # what comes twice comes soon
        told += [one.payload for one in office.notifications.take(scene.is_record)]
        scene.remarks += compare(scene.expected, told)

    return await played(office, origin, strictly, integrator=integrator)


def problems_of(office: Office, work: Iterable[Awaitable[Scene]]) -> list[str]:
    """Play scenes, many at a time, and return all their remarks."""

    async def all_of_it() -> list[Scene]:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(scene: Awaitable[Scene]) -> Scene:
            async with free:
                return await scene

        return await asyncio.gather(*map(one, work))

    return [remark for scene in office.loop.run(all_of_it()) for remark in scene.remarks]


async def records(scene: Scene, count: int = 1) -> list[Payload]:
    """Return the scene's records, when so many are there."""

    lists = scene.office.notifications
    assert await lists.wait(scene.is_record, count), f"no {count} records"
    return [one.payload for one in lists.take(scene.is_record)]


@asynccontextmanager
async def further_phone(scene: Scene, name: str) -> AsyncIterator[UA]:
    """Register one more phone, for an endpoint of the team's."""
    phone = UA(name, scene.office.pbx.sip_port)
    await phone.open()
    try:
        assert (await phone.register()).status == 200
        await scene.office.until_registered(name)
        yield phone
    finally:
        for call in phone.calls_up():
            if call.answered.is_set():
                call.bye()
        await phone.register(expires=0)
        await phone.close()
