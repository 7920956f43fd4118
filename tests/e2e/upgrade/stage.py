"""A stage where something is done to many scenes at once, such as an upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly

#: The dialplans of releases that are upgraded with calls up. With a version's file can go what
#: click2dial.conf marks as that version's.
RELEASES = sorted(Path(__file__).parent.glob("click2dial-*.conf"))
Change = Callable[[], Awaitable[None]]
Act = Callable[[], Awaitable[None]]
Play = Callable[[Scene, Change], Awaitable[None]]


class Director:
    """Has something done to all scenes at once, when each is where it wants it to be."""

    def __init__(self, *acts: Act) -> None:
        self._acts = acts
        self._done = [asyncio.Event() for _ in acts]
        self._waiting = [0] * len(acts)

    def cue(self) -> Change:
        """Return what a scene awaits before it goes on: the next act, each time."""
        acts = iter(range(len(self._acts)))

        async def change() -> None:
            number = next(acts)
            self._waiting[number] += 1
            await self._done[number].wait()

        return change

    async def direct(self, scenes: list[asyncio.Task[Scene]]) -> None:
        for number, act in enumerate(self._acts):
            async with asyncio.timeout(patience(20)):
                while self._waiting[number] < sum(not scene.done() for scene in scenes):
                    await asyncio.sleep(0.02)
            await act()
            self._done[number].set()


class OldOffice(Office):
    """An office with the dialplan of a release."""

    def __init__(self, tree: Path, release: Path, *, extensions: str) -> None:
        super().__init__(tree, extensions=extensions, dialplan=release)
        self.release = release


async def install(office: OldOffice, dialplan: Path) -> None:
    """Put another dialplan in the release's place, as an upgrade does."""
    place = office.pbx.etc / office.release.name
    await asyncio.to_thread(shutil.copyfile, dialplan, place)
    await office.cli("dialplan reload")


def problems_of(
    office: OldOffice, plays: Sequence[tuple[Play, Origin]], *acts: Act, integrator: str = "acme"
) -> list[str]:
    """Play all at the same time, and do something in between; return what was wrong."""

    async def one(play: Play, origin: Origin, change: Change) -> Scene:
        async def told_once(scene: Scene) -> None:
            await play(scene, change)
            lists = (f"{scene.team.plan.name}:inbound", f"{scene.team.plan.name}:c2d")
            told = [
                one.payload["number"]
                for one in office.notifications.untaken
                if one.list_name in lists and scene.owns(one)
            ]
            scene.remarks += [
                f"{number} is told of twice" for number in {*told} if told.count(number) > 1
            ]

        return await play_strictly(office, origin, told_once, integrator=integrator)

    async def all_of_it() -> list[str]:
        director = Director(*acts)
        await install(office, office.release)
        tasks = [asyncio.create_task(one(*play, director.cue())) for play in plays]
        await director.direct(tasks)
        scenes = await asyncio.gather(*tasks)
        return [
            f"{play.__name__} {origin}: {remark}"
            for (play, origin), scene in zip(plays, scenes, strict=True)
            for remark in scene.remarks
        ]

    return office.loop.run(all_of_it())


async def _asking(office: Office, call: PhoneCall) -> bool:
    channels = [one for one in await office.channels() if one["dialplan"]["app_name"] == "AGI"]
    with contextlib.suppress(LookupError):
        name = await office.channel_of(call)
        return name in [one["name"] for one in channels]
    return False


async def until_asked(office: Office, call: PhoneCall) -> None:
    """Wait until the PBX's channel of a call asks a server."""
    async with asyncio.timeout(patience(5)):
        while not await _asking(office, call):
            await asyncio.sleep(0.05)
