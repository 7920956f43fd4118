"""A client is sent to a colleague whose phone points elsewhere, as its answer (302)."""

from __future__ import annotations

import asyncio
import time

import pytest

from sandbox.office import Office
from sandbox.ua import forward
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly, problems_of

pytestmark = pytest.mark.case("T6")


async def _to_a_colleague(scene: Scene) -> None:
    team = scene.team
    await scene.begin()
    team.second.rule = forward(f"<{team.second.uri(team.third.name)}>")
    await scene.agent.send_to(team.second.name)
    other = await team.third.next_call()
    await other.up()
    await scene.hear(other)
    await scene.end(other, team.third.name)


async def _outside(scene: Scene) -> None:
    """The leg is that of the agent whose phone forwards."""
    team = scene.team
    await scene.begin()
    team.second.rule = forward(f"<{team.second.uri(scene.partner)}>")
    placed = time.time()
    await scene.agent.send_to(team.second.name)
    other = await scene.office.trunk.next_call(number=scene.partner)
    await other.up()
    await scene.hear(other)
    await asyncio.sleep(1.2)
    await scene.client.hang_up()
    await other.over()
    scene.expect_client(team.second.name, frozenset({("callee_hungup", 16)}), scene.client.ended_at)
    scene.expect_leg(placed, AGENT_HUNG_UP, team.second.name, "forward")


@pytest.mark.parametrize("origin", Origin)
def test_to_another_colleague(office: Office, origin: Origin) -> None:
    work = [play_strictly(office, origin, _to_a_colleague, integrator="inside")]
    assert problems_of(office, work) == []


@pytest.mark.parametrize("origin", Origin)
def test_to_a_number_outside(office: Office, origin: Origin) -> None:
    assert problems_of(office, [play_strictly(office, origin, _outside, integrator="open")]) == []
