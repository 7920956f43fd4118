"""A client whom a panel has parked: nobody is joined with him."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.manager import act
from sandbox.office import Office
from tests.e2e.control.desk import ask, play, ref_of
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene

STEERED = ("hold", "mute", "unhold", "listen", "transfer")


@pytest.mark.case("L65")
def test_a_parked_client_is_not_steered(office: Office) -> None:
    """Asterisk leaves the client's name at the agent's channel, which stays."""

    async def parked(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        agent, client = [await office.channel_of(one) for one in (scene.agent, scene.client)]
        await act(office.pbx, "Park", Channel=client, TimeoutChannel=agent)
        await scene.client.media.hear_music()
        bodies = {
            "listen": {"extension": scene.team.third.name},
            "transfer": {"callee": scene.team.second.name},
        }
        for action in STEERED:
            answer = await ask(scene, ref, action, **bodies.get(action, {}))
            assert answer.status_code == 409, (action, answer.text)
        assert scene.team.third.incoming == []
        assert (await office.state(scene.team, ref))["state"] == "up"
        await scene.agent.hang_up()
        await asyncio.sleep(1)
        await scene.client.hang_up()
        scene.expect_client(scene.team.first.name, CLIENT_HUNG_UP, scene.client.ended_at)

    play(office, parked, origins=(Origin.PHONE, Origin.CREATED))
