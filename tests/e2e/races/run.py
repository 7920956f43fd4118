"""Run a race many times, a little earlier and later each time."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

from sandbox.notifications import Notification, Payload
from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.expected import brief
from tests.e2e.matrix.play import AT_ONCE
from tests.e2e.matrix.scene import Scene
from tests.e2e.races.races import Race

COUNT = int(os.environ.get("C2D_RACES", "5"))
SPREAD = 0.02  # the two acts are so far apart at most; PBX and server need about a tenth of it


async def run(office: Office, race: Race, origin: Origin, count: int = COUNT) -> list[str]:
    """Run it so often and return what was wrong."""
    free = asyncio.Semaphore(AT_ONCE)

    async def once(number: int) -> list[str]:
        offset = SPREAD * (2 * number / max(count - 1, 1) - 1)
        async with free:
            return await _once(office, race, origin, offset)

    problems = await asyncio.gather(*map(once, range(count)))
    return [problem for found in problems for problem in found]


async def _once(office: Office, race: Race, origin: Origin, offset: float) -> list[str]:
    async with office.team() as team:
        scene = Scene(office, team, Cell(origin, Move.NONE, Target.COLLEAGUE))
        problems: list[str] = []
        numbers: set[str] = set()
        try:
            numbers = await race(scene, offset)
        except (TimeoutError, AssertionError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        await end_all(scene)
        problems += scene.remarks
        problems += [f"left: {left}" for left in await scene.clear()]
        problems += await _records(scene, numbers)
        office.trunk.forget({scene.number, scene.partner})
        if problems:
            team.spoilt = time.monotonic()
        return [f"{offset * 1000:+.1f} ms: {problem}" for problem in problems]


async def end_all(scene: Scene) -> None:
    """Hang up what goes on after the race, as people do, until nothing does."""
    deadline = time.monotonic() + patience(5.0)
    quiet = 0
    while quiet < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        calls = [call for phone in scene.team.all_phones() for call in phone.calls_up()]
        calls += [c for c in scene.office.trunk.calls_up() if c.media.mark == scene.number]
        for call in calls:
            _hang_up(call)
        busy = calls or await scene.office.channels_of(scene.names())
        quiet = 0 if busy else quiet + 1


def _hang_up(call: PhoneCall) -> None:
    if call.answered.is_set():
        call.bye()
    elif call.invite is not None:
        call.reply(486, "Busy Here")
    elif not call.cancelled:
        call.cancel()


async def _records(scene: Scene, numbers: set[str]) -> list[str]:
    """Each call has one record, and its reference in it."""
    lists = scene.office.notifications

    def mine(one: Notification) -> bool:
        return one.list_name == scene.team.plan.cdr_list and scene.owns(one)

    await lists.wait(mine, len(numbers), timeout=3.0)
    payloads: list[Payload] = [one.payload for one in lists.take(mine)]
    lists.take(scene.owns)  # that it was answered
    problems = []
    if Counter(one["number"] for one in payloads) != Counter(numbers):
        problems.append(f"{len(payloads)} records instead of one for each of {sorted(numbers)}")
    if len({one["call_ref"] for one in payloads}) < len(payloads):
        problems.append("two records with one call_ref")
    for one in payloads:
        wanted = scene.ref if one["number"] == scene.number else f"{scene.ref}-c"
        if one["contact_ref"] != wanted:
            problems.append(f"contact_ref is not {wanted}")
    return problems + [f"  {brief(one)}" for one in payloads] if problems else []
