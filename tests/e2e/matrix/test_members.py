"""Queues that name their members as docs/inbound.md says, so that all of an agent's phones ring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.ua import refuse, ring
from tests.e2e.matrix.cells import CELLS, Cell, Origin
from tests.e2e.matrix.play import Result, Stage
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import further_phone, played, problems_of, records

pytestmark = pytest.mark.case("T46")

MEMBER = "Local/{extension}@click2dial-member"
QUEUED = [cell for cell in CELLS if cell.origin is Origin.QUEUE and not cell.target.local]


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, member=MEMBER) as office:
        yield office


@pytest.mark.timeout(300)
def test_all_goes_on_as_with_the_phones_themselves(office: Office) -> None:
    """Each cell of the matrix that begins in a queue."""
    stage = Stage(office)

    async def all_of_them(cells: list[Cell]) -> list[Result]:
        return await asyncio.gather(*map(stage.play, cells))

    results = office.loop.run(all_of_them(QUEUED))
    assert not [result.report() for result in results if result.problems]


@asynccontextmanager
async def member(scene: Scene, endpoint: str) -> AsyncIterator[None]:
    """One more of the team's first queue."""
    queue, name = f"one{scene.team.base}", MEMBER.format(extension=endpoint)
    await scene.office.cli(f"queue add member {name} to {queue}")
    try:
        yield
    finally:
        await scene.office.cli(f"queue remove member {name} from {queue}")


def test_all_contacts_ring_and_the_rest_stop(office: Office) -> None:
    async def play(scene: Scene) -> None:
        name = scene.team.twice
        scene.team.first.rule = refuse(486)
        async with (
            member(scene, name),
            further_phone(scene, name) as desk,
            further_phone(scene, name) as mobile,
        ):
            desk.rule = mobile.rule = ring()
            client = await office.dial_in(scene.team.did(2), scene.number, scene.ref)
            at_desk, at_mobile = await asyncio.gather(desk.next_call(), mobile.next_call())
            at_mobile.answer()
            await at_desk.over(2)
            assert at_desk.final_status == 487
            await scene.hear_each_other(client, at_mobile)
            await at_mobile.hang_up()
            await client.over()
            [record] = await records(scene)
            assert record["extension"] == name
            assert at_mobile.invite
            assert at_mobile.invite.header("X-Teleforge-Call-Ref") == record["call_ref"]

    assert problems_of(office, [played(office, Origin.QUEUE, play)]) == []


def test_an_endpoint_with_an_extension_of_another_name(office: Office) -> None:
    async def play(scene: Scene) -> None:
        endpoint, extension = scene.team.named
        scene.team.first.rule = refuse(486)
        async with member(scene, endpoint), further_phone(scene, endpoint) as phone:
            client = await office.dial_in(scene.team.did(2), scene.number, scene.ref)
            call = await phone.next_call()
            await call.up()
            await scene.hear_each_other(client, call)
            await client.hang_up()
            [record] = await records(scene)
            assert record["extension"] == extension

    assert problems_of(office, [played(office, Origin.QUEUE, play)]) == []
