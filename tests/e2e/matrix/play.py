"""Play cells, many at a time, and say what was wrong with each."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

import httpx

from sandbox.notifications import Notification, Payload
from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Cell
from tests.e2e.matrix.expected import brief, compare
from tests.e2e.matrix.moves import MOVES
from tests.e2e.matrix.scene import Scene

#: Cells at a time. They wait more than they compute: so many keep one of two cores half busy.
AT_ONCE = int(os.environ.get("C2D_MATRIX_AT_ONCE", "8"))
RUNS = int(os.environ.get("C2D_MATRIX_RUNS", "1"))


@dataclass(frozen=True)
class Result:
    """One run of a cell; without problems it is as it should be."""

    cell: Cell
    problems: tuple[str, ...]
    records: tuple[Payload, ...]
    named: str
    seconds: float

    def report(self) -> str:
        lines = [f"- {problem}" for problem in self.problems]
        lines += [f"  record: {brief(record)}" for record in self.records]
        return "\n".join([f"{self.cell}, {self.seconds:.1f} s", *lines])


class Stage:
    """Where cells are played."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._free = asyncio.Semaphore(AT_ONCE)

    async def play(self, cell: Cell) -> Result:
        """Play a cell once."""
        async with self._free:
            began = time.monotonic()
            try:
                async with self.office.team(cell.integrator) as team:
                    scene = Scene(self.office, team, cell)
                    problems, records = await self._run(scene)
            except (TimeoutError, OSError, httpx.HTTPError) as error:  # nothing goes on any more
                return Result(cell, (f"{type(error).__name__}: {error}",), (), "", 0.0)
            named = ", ".join(_role(scene, one["extension"]) for one in records)
            return Result(cell, tuple(problems), tuple(records), named, time.monotonic() - began)

    async def _run(self, scene: Scene) -> tuple[list[str], list[Payload]]:
        """Return what was wrong, and the records."""
        problems: list[str] = []
        try:
            async with asyncio.timeout(patience(60)):
                await MOVES[scene.cell.move](scene)
        except (TimeoutError, AssertionError, LookupError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        records = await self._records(scene, complete=not problems)
        problems += scene.remarks
        if not problems:
            problems += compare(scene.expected, records)
            problems += self._joined(scene, records)
        problems += [f"left: {left}" for left in await scene.clear()]
        if problems:
            scene.team.spoilt = time.monotonic()
            records += await self._late(scene)
        self.office.trunk.forget({scene.number, scene.partner})
        return problems, records

    async def _records(self, scene: Scene, *, complete: bool) -> list[Payload]:
        """Return the scene's records: all that are expected, and what came with them."""
        lists = self.office.notifications

        def mine(one: Notification) -> bool:
            return one.list_name == scene.team.plan.cdr_list and scene.owns(one)

        if complete:
            await lists.wait(mine, len(scene.expected))
        return [one.payload for one in lists.take(mine)]

    def _joined(self, scene: Scene, records: list[Payload]) -> list[str]:
        """The client's call is told once when it is joined, if it was, and before its end.

        A consultation that is answered is told of, too, on the list of calls that agents placed.
        """
        kind = "inbound" if scene.cell.origin.inbound else "c2d"
        list_name = f"{scene.team.plan.name}:{kind}"
        told = self.office.notifications.take(
            lambda one: scene.owns(one) and one.list_name.endswith((f":{kind}", ":c2d"))
        )
        client = {one["call_ref"] for one in records if one["number"] == scene.number}
        calls = [one for one in told if one.payload["call_ref"] in client]
        wanted = 1 if scene.answered and scene.announced and client else 0
        if len(calls) == wanted and all(one.list_name == list_name for one in calls):
            return []
        return [f"{len(calls)} notifications of the answer, not {wanted}"]

    async def _late(self, scene: Scene) -> list[Payload]:
        await asyncio.sleep(0.5)
        return [
            one.payload
            for one in self.office.notifications.take(scene.owns)
            if one.list_name == scene.team.plan.cdr_list
        ]


def _role(scene: Scene, extension: str) -> str:
    names = [phone.name for phone in scene.team.all_phones()]
    roles = dict(zip(names, "ABCD", strict=False))
    return roles.get(extension, extension or "nobody")
