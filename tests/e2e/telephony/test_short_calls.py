"""Who answers and hangs up at once has answered: the record says who it was, and when."""

from __future__ import annotations

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

pytestmark = pytest.mark.case("T23")

ROUNDS = 12  # before, a fifth of a queue's went wrong


async def _answer_and_hang_up(call: PhoneCall) -> None:
    """Send BYE in the moment in which the PBX has the answer: before its ACK no phone may."""
    call.answer()
    await call.ladder.wait(lambda m: m.method == "ACK" and not m.sent, "ACK")
    call.bye()


async def _rings(scene: Scene) -> PhoneCall:
    """Place the call, and return it where it rings."""
    office, team = scene.office, scene.team
    office.trunk.plan[scene.number] = ring()
    if scene.cell.origin.inbound:
        team.first.rule = ring()
    await scene.place()
    if scene.cell.origin.inbound:
        return await team.first.next_call()
    if scene.cell.origin is Origin.CREATED:
        scene.agent = await team.first.next_call()
    return await office.trunk.next_call(number=scene.number)


async def _play(scene: Scene) -> None:
    called = await _rings(scene)
    caller = scene.client if scene.cell.origin.inbound else scene.agent
    await _answer_and_hang_up(called)
    await caller.over()
    (record,) = await records(scene)
    who = "agent" if scene.cell.origin.inbound else "callee"
    assert (record["extension"], record["end_reason"]) == (scene.team.first.name, f"{who}_hungup")
    assert record["answered_at"]


@pytest.mark.parametrize("origin", Origin)
def test_it_is_recorded_as_answered(office: Office, origin: Origin) -> None:
    assert problems_of(office, [played(office, origin, _play) for _ in range(ROUNDS)]) == []


async def _within(scene: Scene) -> None:
    colleague = scene.team.second
    colleague.rule = ring()
    call = await scene.team.first.call(colleague.name, scene.headers(scene.ref))
    await _answer_and_hang_up(await colleague.next_call())
    await call.over()
    (record,) = await records(scene)
    assert (record["number"], record["end_reason"]) == (colleague.name, "callee_hungup")
    assert record["answered_at"]


def test_a_colleague_who_hangs_up_at_once(office: Office) -> None:
    work = [played(office, Origin.PHONE, _within) for _ in range(ROUNDS)]
    assert problems_of(office, work) == []
