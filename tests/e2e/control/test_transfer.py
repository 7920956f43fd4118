"""Sending the client elsewhere, and what records say of it."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.ua import refuse
from sandbox.waiting import patience
from tests.e2e.control.desk import RECORDED, ask, play, ref_of, steer
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.expected import AGENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

ALL = tuple(Origin)


def test_to_a_colleague(office: Office) -> None:
    """The agent, muted or not, is out of it; the colleague is heard, and named in the record."""

    async def sent(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await steer(scene, ref, "mute")
        second = scene.team.second
        await steer(scene, ref, "transfer", callee=second.name, type="blind")
        other = await second.next_call()
        await scene.agent.over()
        await scene.hear(other)
        assert (await steer(scene, ref, "unmute"))["muted"] is False
        assert (await ask(scene, ref, "transfer", callee=second.name)).status_code == 422
        await scene.end(other)

    play(office, sent, origins=ALL)


def test_to_a_number_outside(office: Office) -> None:
    """A call of its own, on the client's trail, as after the phone's own transfer."""

    async def sent(scene: Scene) -> None:
        scene.cell = Cell(scene.cell.origin, Move.BLIND, Target.OUTSIDE)
        await scene.begin()
        ref = await ref_of(scene)
        agent = scene.team.first.name
        await steer(scene, ref, "transfer", callee=scene.partner)
        other = await scene.arrival(scene.shown_for_agent)
        began = other.began_at
        await scene.end(other, agent)
        scene.expect_leg(began, AGENT_HUNG_UP, agent, "transfer-blind")

    play(office, sent, origins=ALL)


@pytest.mark.case("C21")
def test_to_an_emergency_number(office: Office) -> None:
    """As the phone's own transfer does: told of at its beginning, a call of its own, recorded."""
    numbers = {Origin.PHONE: ("112", "112"), Origin.DID: ("1 01 11", "10111")}

    async def sent(scene: Scene) -> None:
        await scene.begin()
        ref, agent = await ref_of(scene), scene.team.first.name
        written, number = numbers[scene.cell.origin]
        before = len(office.trunk.incoming)
        asked = await ask(scene, ref, "transfer", callee=number, type="consult")
        assert asked.status_code == 422
        assert "emergency" in asked.json()["errors"][0]["message"]
        await steer(scene, ref, "transfer", callee=written, type="blind")
        rescue = await office.trunk.next_call(before, number)
        await rescue.up()
        await scene.agent.over()
        await scene.hear(rescue)
        alarm = f"EMERGENCY call from {agent} to {number}"
        async with asyncio.timeout(patience(5)):
            while not any(alarm in server.log() for server in office.servers):
                await asyncio.sleep(0.05)
        await scene.client.hang_up()
        await rescue.over()
        ended = {one["number"]: one["extension"] for one in await records(scene, 2)}
        assert ended == {scene.number: agent, number: agent}

    play(office, sent, origins=tuple(numbers), strictly=False)


def test_what_may_not_be_leaves_the_call_as_it_is(office: Office) -> None:
    async def refused(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        for callee, status in (
            *(("1", 422), ("", 422), ("x" * 60, 422), ("0820000100\r\nAction: Hangup", 422)),
            *((scene.team.first.name, 422), ("0044770090012345", 403), ("3001", 422)),
            ("click2dial-end", 422),
        ):
            answer = await ask(scene, ref, "transfer", callee=callee)
            assert answer.status_code == status, (callee, answer.text)
            [error] = answer.json()["errors"]
            assert error["field"] == "callee", error
        other = await ask(scene, ref, "transfer", callee=scene.team.second.name, type="attended")
        assert (other.status_code, "blind or consult" in other.text) == (422, True)
        await scene.hear(scene.agent)
        await scene.end(scene.agent)

    play(office, refused, origins=(Origin.PHONE, Origin.DID))


@pytest.mark.parametrize("busy", [True, False])
def test_a_client_whom_nobody_takes_is_with_the_agent_again(office: Office, busy: bool) -> None:
    """Busy, or an extension without a phone."""

    async def recalled(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        scene.team.second.rule = refuse(486)
        before = len(scene.team.first.incoming)
        to = scene.team.second.name if busy else scene.team.nobody
        await steer(scene, ref, "transfer", callee=to)
        again = await scene.team.first.next_call(before)
        await scene.end(again, scene.team.first.name)

    play(office, recalled, origins=ALL)


def test_twice_with_one_key_is_once(office: Office) -> None:
    async def keyed(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        body = {"callee": scene.team.second.name}
        key = {"Idempotency-Key": scene.ref}
        path = f"/{ref}/transfer"
        for _ in range(3):
            answer = await office.ask("POST", scene.team, path, json=body, headers=key)
            assert answer.status_code == 202, answer.text
        other = await scene.team.second.next_call()
        await other.up()
        answer = await office.ask(
            "POST",
            scene.team,
            f"/{ref}/transfer",
            json=body,
            headers={"Idempotency-Key": scene.ref},
        )
        assert answer.status_code == 202, answer.text
        assert len(scene.team.second.incoming) == 1
        await scene.end(other)

    play(office, keyed)


def test_a_paused_recording_goes_on(office: Office) -> None:
    async def sent(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await steer(scene, ref, "recording/pause")
        await asyncio.sleep(0.5)
        await steer(scene, ref, "transfer", callee=scene.team.second.name)
        other = await scene.team.second.next_call()
        await other.up()
        await scene.hear(other)
        assert (await steer(scene, ref, "unmute"))["recording_paused"] is False
        await asyncio.sleep(1.0)
        await scene.client.hang_up()
        (record,) = await records(scene)
        ((begin, end),) = record["recording_pauses"]
        assert 0.3 < end - begin < 1.5

    play(office, sent, integrator=RECORDED, strictly=False)
