"""A colleague who is asked sends the agent on, who puts that call together with his client."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.ua import ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

pytestmark = pytest.mark.case("T29")


async def _play(scene: Scene) -> None:
    """The consultation was answered once, and rings again when the client takes its place."""
    second, third = scene.team.second, scene.team.third
    third.rule = ring()
    await scene.begin()
    asked = await scene.consult(second.name)
    await asked.up()
    other = await second.next_call()
    await scene.hear_each_other(asked, other)
    await other.send_to(third.name)
    last = await third.next_call()
    await scene.put_together(asked, third.name)
    await asyncio.sleep(2)  # what is measured
    last.answer()
    await scene.end(last)
    told = await records(scene, 2)
    (record,) = (one for one in told if one["contact_ref"] == scene.ref)
    scene.remarks += scene.expected[-1].problems(record)


@pytest.mark.parametrize("origin", Origin)
def test_the_client_was_answered_when_he_was(office: Office, origin: Origin) -> None:
    assert problems_of(office, [played(office, origin, _play)]) == []
