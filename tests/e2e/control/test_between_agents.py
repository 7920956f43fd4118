"""A client whom nobody talks to yet, and with whom the call is meanwhile, as the API says."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.ua import ring
from sandbox.waiting import patience
from tests.e2e.control.desk import play, ref_of
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene

pytestmark = pytest.mark.case("C20")


async def until_told(scene: Scene, ref: str, state: str, agent: str) -> None:
    """Wait until both servers tell this of a call, and meanwhile nothing that goes back."""
    office = scene.office
    async with asyncio.timeout(patience(5)):
        for server in range(len(office.servers)):
            told: dict[str, str] = {}
            while (told.get("state"), told.get("agent")) != (state, agent):
                answer = await office.ask_server(server, "GET", scene.team, f"/{ref}")
                if answer.status_code == 503:  # a busy machine's PBX
                    continue
                told = answer.json()
                assert told["state"] in ("up", "held"), told
                assert told["agent"], told


def test_while_a_colleague_rings(office: Office) -> None:
    """After a blind transfer and after an early one of a client on hold: up, with the agent."""

    async def blind(scene: Scene) -> None:
        await scene.begin()
        ref, second = await ref_of(scene), scene.team.second
        second.rule = ring()
        await scene.agent.hold()
        await until_told(scene, ref, "held", scene.team.first.name)
        await scene.agent.send_to(second.name)
        other = await second.next_call()
        await until_told(scene, ref, "up", scene.team.first.name)
        other.answer()
        await scene.hear(other)
        await until_told(scene, ref, "up", second.name)
        await scene.client.hang_up()

    async def early(scene: Scene) -> None:
        await scene.begin()
        ref, second = await ref_of(scene), scene.team.second
        second.rule = ring()
        asking = await scene.consult(second.name)
        other = await second.next_call()
        await until_told(scene, ref, "held", scene.team.first.name)
        await scene.put_together(asking, second.name)
        await until_told(scene, ref, "up", scene.team.first.name)
        other.answer()
        await scene.hear(other)
        await until_told(scene, ref, "up", second.name)
        await scene.client.hang_up()

    play(office, blind, origins=(Origin.PHONE, Origin.DID), strictly=False)
    play(office, early, origins=(Origin.PHONE, Origin.DID, Origin.QUEUE), strictly=False)


def test_with_a_number_outside(office: Office) -> None:
    """The call stays that of the agent who sent the client there, as its record says."""

    async def sent(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await scene.agent.send_to(scene.partner)
        other = await scene.office.trunk.next_call(number=scene.partner)
        await scene.hear(other)
        await until_told(scene, ref, "up", scene.team.first.name)
        await scene.client.hang_up()

    play(office, sent, origins=(Origin.DID, Origin.CREATED), strictly=False)
