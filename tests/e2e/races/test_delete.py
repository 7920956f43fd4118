"""DELETE ends a created call wherever a transfer has taken it, and the agent is free."""

from __future__ import annotations

import time

import pytest

from sandbox.notifications import Notification
from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import answer, ring
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.scene import Scene


@pytest.mark.case("T2")
@pytest.mark.case("C2")
@pytest.mark.parametrize("move", [Move.NONE, Move.BLIND, Move.EARLY, Move.ATTENDED])
def test_delete_after_a_transfer(office: Office, move: Move) -> None:
    problems = office.loop.run(_delete_after(office, move))
    assert not problems, "\n".join(problems)


async def _delete_after(office: Office, move: Move) -> list[str]:
    async with office.team() as team:
        scene = Scene(office, team, Cell(Origin.CREATED, move, Target.COLLEAGUE))
        try:
            other = await _transferred(scene, move)
            await scene.talk(other, 0.5)
            await scene.look()
            status = await office.delete(team, scene.call_ref)
            await scene.client.over(2.0)
            await other.over(2.0)
            return scene.remarks + await _told(scene, status, other.ua.name)
        except (TimeoutError, AssertionError) as error:
            team.spoilt = time.monotonic()
            return [*scene.remarks, str(error)]
        finally:
            await scene.clear()


async def _transferred(scene: Scene, move: Move) -> PhoneCall:
    """Play the move, and return the phone that the client talks to then."""
    second = scene.team.second
    second.rule = ring() if move is Move.EARLY else answer()
    await scene.begin()
    if move is Move.NONE:
        return scene.agent
    if move is Move.BLIND:
        await scene.agent.refer(f"<{second.uri(second.name)}>")
        await scene.agent.leave()
        return await scene.arrival()
    consultation = await scene.consult(second.name)
    other = await scene.arrival()
    if move is Move.ATTENDED:
        await consultation.up()
        await scene.hear_each_other(consultation, other)
    await scene.put_together(consultation, second.name)
    if move is Move.EARLY:
        other.answer()
    return other


async def _told(scene: Scene, status: int, last: str) -> list[str]:
    """Compare what the CRM hears with what is so."""
    office, team, ref = scene.office, scene.team, scene.call_ref

    def mine(one: Notification) -> bool:
        return one.list_name == team.plan.cdr_list and one.payload["call_ref"] == ref

    await office.notifications.wait(mine, 1)
    again = await office.create(team, office.number(), scene.ref)
    if again.status_code == 201:
        await office.delete(team, again.json()["call_ref"])
    records = [one.payload for one in office.notifications.take(mine)]
    told = {
        "DELETE": (status, 204),
        "records": ([(one["extension"], one["number"]) for one in records], [(last, scene.number)]),
        "GET": ((await office.state(team, ref))["state"], "ended"),
        "POST for the agent": (again.status_code, 201),
    }
    return [
        f"{what}: {value}, not {right}" for what, (value, right) in told.items() if value != right
    ]
