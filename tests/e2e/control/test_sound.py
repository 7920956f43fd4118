"""Muting, and keys that are pressed: what the other side hears."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.control.desk import KEYS, ask, play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene

ALL = tuple(Origin)


@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_a_muted_agent_is_not_heard_and_hears(office: Office, integrator: str) -> None:
    """Asked for twice, and undone twice; also through Local channels."""

    async def muted(scene: Scene) -> None:
        await scene.begin()
        client, agent = scene.client.media, scene.agent.media
        ref = await ref_of(scene)
        for _ in range(2):
            assert (await steer(scene, ref, "mute"))["muted"] is True
        await asyncio.sleep(0.3)  # what was on its way
        await agent.hear(client.mark)
        await asyncio.sleep(0.5)
        assert agent.mark not in client.lately(0.5)
        for _ in range(2):
            assert (await steer(scene, ref, "unmute"))["muted"] is False
        await client.hear(agent.mark)
        await scene.end(scene.agent)

    play(office, muted, origins=ALL, integrator=integrator)


def test_keys_reach_the_other_side_in_their_order(office: Office) -> None:
    async def pressed(scene: Scene) -> None:
        scene.number = KEYS
        call = await scene.team.first.call(KEYS, scene.headers(scene.ref))
        await call.up()
        ref = await ref_of(scene)
        await steer(scene, ref, "dtmf", digits="1")
        await steer(scene, ref, "dtmf", digits="92*0A")
        async with asyncio.timeout(patience(8)):
            while (told := await office.ari("GET", "/asterisk/variable", variable="PRESSED")).get(
                "value"
            ) != "192*0A":
                assert not told.get("value"), told
                await asyncio.sleep(0.1)
        await call.hang_up()
        assert (await ask(scene, ref, "dtmf", digits="1")).status_code == 409

    play(office, pressed, integrator="through", strictly=False)
