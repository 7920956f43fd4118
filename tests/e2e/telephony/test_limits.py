"""No phone opens more calls than its integrator's limits, by whatever way (docs/contract.md)."""

from __future__ import annotations

import asyncio

import pytest

from click2dial_agi.domain.integrators import Limits
from sandbox.office import Office
from sandbox.office_conf import AT_A_TIME
from sandbox.phone_call import PhoneCall
from sandbox.ua import forward
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, played, problems_of, records

pytestmark = [
    pytest.mark.case("A5"),
    pytest.mark.skipif("agent" not in Limits.model_fields, reason="limits are of created calls"),
]
BURST = 12


def hold(office: Office, play: Play) -> None:
    work = [played(office, Origin.PHONE, play, integrator="tight")]
    assert problems_of(office, work) == []


def test_many_calls_at_once(office: Office) -> None:
    """So many are up as may be; each of the others is refused, and recorded as an error."""

    async def play(scene: Scene) -> None:
        calls = await _burst(scene, scene.number)
        finals = await asyncio.gather(*(call.final() for call in calls))
        up = [call for call in calls if call.answered.is_set()]
        assert len(up) == AT_A_TIME, [final.status for final in finals]
        for call in up:
            await call.hang_up()
        told = await records(scene, BURST)
        refused = [one for one in told if one["end_reason"] == "error"]
        assert len(told) == BURST
        assert len(refused) == BURST - AT_A_TIME

    hold(office, play)


def test_the_limit_frees_itself(office: Office) -> None:
    async def play(scene: Scene) -> None:
        for _ in range(3):
            calls = await _burst(scene, scene.number, AT_A_TIME)
            await asyncio.gather(*(call.up() for call in calls))
            await asyncio.gather(*(call.hang_up() for call in calls))
            await records(scene, AT_A_TIME)

    hold(office, play)


def test_many_forwards_at_once(office: Office) -> None:
    """A forward to outside counts as a call of the agent whose phone forwards."""

    async def play(scene: Scene) -> None:
        second, third = scene.team.second, scene.team.third
        second.rule = forward(f"<{second.uri(scene.partner)}>")
        callers = (scene.team.first, third)
        calls = [
            await caller.call(second.name, scene.headers(f"{scene.ref}-{number}"))
            for caller in callers
            for number in range(AT_A_TIME)
        ]
        await asyncio.gather(*(call.final() for call in calls))
        asked = [call for call in scene.office.trunk.incoming if call.number == scene.partner]
        assert len(asked) <= AT_A_TIME, len(asked)
        for call in calls:
            if call.answered.is_set():
                await call.hang_up()
        await records(scene, len(calls) + len(asked))

    hold(office, play)


async def _burst(scene: Scene, number: str, count: int = BURST) -> list[PhoneCall]:
    return [
        await scene.team.first.call(number, scene.headers(f"{scene.ref}-{index}"))
        for index in range(count)
    ]
