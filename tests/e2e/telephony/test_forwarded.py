"""A consultation that a phone forwards to a number outside, and the transfer to that number."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import forward, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import BUSY, GIVEN_UP, Ends, Expected
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, play_strictly, problems_of

pytestmark = [pytest.mark.case("T1"), pytest.mark.case("T6"), pytest.mark.timeout(300)]


async def _consult(scene: Scene, *, ringing: bool) -> tuple[PhoneCall, PhoneCall, float]:
    """Bring the client to the agent, who asks a colleague, whose phone points outside."""
    team = scene.team
    team.second.rule = forward(f"<{team.second.uri(scene.partner)}>")
    if ringing:
        scene.office.trunk.plan[scene.partner] = ring()
    await scene.begin()
    consultation = await scene.consult(team.second.name)
    other = await scene.office.trunk.next_call(number=scene.partner)
    placed = time.time()
    if not ringing:
        await consultation.up()
        await consultation.media.hear(scene.partner)
    await scene.put_together(consultation, team.second.name)
    scene.expect_consultation(consultation, GIVEN_UP, consultation.ended_at)
    return other, consultation, placed


def _expect_leg(scene: Scene, placed: float, ends: Ends, ended: float) -> None:
    """The leg is that of the agent whose phone forwards, and continues the consultation's trail."""
    scene.expected.append(
        Expected(
            what="consultation's leg",
            extension=scene.team.second.name,
            number=scene.partner,
            dial_number="27820005555",
            contact_ref=f"{scene.ref}-c",
            call_dir="outbound",
            ends=ends,
            began=placed,
            ended=ended,
            call_type="forward",
        )
    )


async def _answered(scene: Scene, ringing: bool) -> None:
    other, _, placed = await _consult(scene, ringing=ringing)
    if ringing:
        await asyncio.sleep(0.3)
        other.answer()
    await scene.end(other, scene.team.first.name)
    _expect_leg(scene, placed, frozenset({("agent_hungup", 16)}), other.ended_at)


async def _declined(scene: Scene) -> None:
    """The number declines: the client, whose record was lost, is back with the agent."""
    other, _, placed = await _consult(scene, ringing=True)
    calls = len(scene.team.first.incoming)
    await asyncio.sleep(1.3)
    other.reply(486)
    await scene.end(await scene.team.first.next_call(after=calls))
    _expect_leg(scene, placed, BUSY, other.ended_at)


async def _given_up(scene: Scene) -> None:
    """The client hangs up while the number rings."""
    other, _, placed = await _consult(scene, ringing=True)
    await asyncio.sleep(1.3)
    await scene.client.hang_up()
    await other.over()
    agent = scene.team.first.name
    scene.expect_client(agent, frozenset({("callee_hungup", 16)}), scene.client.ended_at)
    _expect_leg(scene, placed, GIVEN_UP, other.ended_at)


PLAYS: dict[str, Play] = {
    "attended": partial(_answered, ringing=False),
    "early": partial(_answered, ringing=True),
    "declined": _declined,
    "given up": _given_up,
}


@pytest.mark.parametrize("way", PLAYS)
def test_the_colleagues_phone_forwards(office: Office, way: str) -> None:
    work = [play_strictly(office, origin, PLAYS[way], integrator="open") for origin in Origin]
    assert problems_of(office, work) == []
