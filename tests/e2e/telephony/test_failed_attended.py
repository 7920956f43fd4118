"""A transfer that fails since the colleague hangs up in that moment takes no record away."""

from __future__ import annotations

import asyncio
import signal
from urllib.parse import quote

import pytest

from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

pytestmark = pytest.mark.case("T22")

ROUNDS = 6  # what the PBX makes of it differs: in about half of them the agent keeps the client


async def _play(scene: Scene) -> None:
    office, colleague = scene.office, scene.team.second
    await scene.begin()
    asked = await scene.consult(colleague.name)
    await asked.up()
    other = await colleague.next_call()
    await scene.hear_each_other(asked, other)
    replaces = quote(asked.replaces(), safe="")
    async with office.masquerade:
        office.pbx.signal(signal.SIGSTOP)  # so both arrive in the same moment
        try:
            scene.agent.refer_now(f"<{scene.agent.ua.uri(colleague.name)}?Replaces={replaces}>")
            other.bye()
            await asyncio.sleep(0.7)
        finally:
            office.pbx.signal(signal.SIGCONT)
        await asked.over()
        done = f"{scene.agent.cseq} REFER"
        await scene.agent.answer_to(done, patience(5))
        if not scene.agent.ended.is_set():
            scene.agent.bye()
    numbers = sorted(str(one["number"]) for one in await records(scene, 2))
    assert numbers == sorted([scene.number, colleague.name])


def test_both_calls_are_recorded(office: Office) -> None:
    for _ in range(ROUNDS):
        assert problems_of(office, [played(office, Origin.PHONE, _play)]) == []
