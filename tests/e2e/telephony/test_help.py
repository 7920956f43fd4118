"""A client who is sent to an emergency number in vain, and a call for help that is sent on."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.ua import answer, refuse
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

pytestmark = [pytest.mark.case("T17"), pytest.mark.timeout(120)]
HELP = "112"


async def _busy(scene: Scene) -> None:
    """Nobody helps: the client is back with the agent."""
    trunk = scene.office.trunk
    trunk.plan[HELP] = refuse(486, after=0.2)
    await scene.begin()
    calls = len(scene.team.first.incoming)
    await scene.agent.send_to(HELP)
    back = await scene.team.first.next_call(after=calls)
    await back.up()
    await scene.hear(back)
    await scene.client.hang_up()
    assert {record["number"] for record in await records(scene, 2)} == {HELP, scene.number}


# Not at the same time: all of them dial one number.
@pytest.mark.parametrize("origin", list(Origin))
def test_nobody_helps(office: Office, origin: Origin) -> None:
    assert problems_of(office, [played(office, origin, _busy)]) == []


async def _kept(scene: Scene) -> None:
    trunk, first = scene.office.trunk, scene.team.first
    trunk.plan[HELP] = answer()
    known = len(trunk.incoming)
    call = await first.call(HELP)
    other = await trunk.next_call(number=HELP, after=known)
    await call.up()
    await call.media.hear(HELP)
    await call.refer(f"<{first.uri(scene.team.second.name)}>")
    assert not await call.leave()
    await asyncio.gather(call.media.hear(HELP), other.media.hear(first.name))
    await call.hang_up()
    await records(scene, 1)


def test_a_call_for_help_stays(office: Office) -> None:
    assert problems_of(office, [played(office, Origin.PHONE, _kept)]) == []
