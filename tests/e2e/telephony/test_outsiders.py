"""What a client outside, or a phone behind a dialplan of the operator's, may not bring about."""

from __future__ import annotations

from functools import partial

import pytest

from sandbox.office import Office
from sandbox.ua import forward
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records


async def _client_transfers(scene: Scene) -> None:
    """The client sends the agent on with REFER: he has left, and the call is over."""
    await scene.begin()
    trunk, agent = scene.office.trunk, scene.team.first
    known = len(trunk.incoming)
    for target in (scene.partner, scene.team.second.name):
        if not scene.client.ended.is_set():
            await scene.client.refer(f"<{trunk.uri(target)}>")
    await scene.agent.over()
    if not scene.client.ended.is_set():
        await scene.client.hang_up()
    [record] = await records(scene)
    assert record["extension"] == agent.name
    # Neither the target, nor the trunk without a number: that would be the agent's recall.
    new = [call.number for call in trunk.incoming[known:] if call.number in ("", scene.partner)]
    assert new == []
    assert scene.team.second.incoming == []


@pytest.mark.case("T5")
@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_a_client_transfers_the_agent(office: Office, integrator: str) -> None:
    work = [played(office, origin, _client_transfers, integrator=integrator) for origin in Origin]
    assert problems_of(office, work) == []


async def _phone_points_elsewhere(target: str, scene: Scene) -> None:
    """A phone that the operator's own Dial() rings, without the option i, answers 302."""
    team = scene.team
    user = team.third.name if target == "colleague" else scene.partner
    team.first.rule = team.second.rule = forward(f"<{team.second.uri(user)}>")
    if scene.cell.origin is Origin.PHONE:
        scene.agent = await team.first.call(team.second.name, scene.headers(scene.ref))
        await scene.agent.final()
    else:
        await scene.place()
        await (await team.first.next_call()).over()
    await records(scene)
    assert team.third.incoming == []
    assert [call for call in scene.office.trunk.incoming if call.number == scene.partner] == []


@pytest.mark.case("T5")
@pytest.mark.parametrize("target", ["colleague", "outside"])
def test_a_phone_behind_a_local_channel_forwards(office: Office, target: str) -> None:
    play = partial(_phone_points_elsewhere, target)
    origins = (Origin.PHONE, Origin.CREATED, Origin.DID)
    work = [played(office, origin, play, integrator="through") for origin in origins]
    assert problems_of(office, work) == []
