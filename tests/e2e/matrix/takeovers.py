"""Moves that are not the agent's: a colleague takes the call, or a panel moves it."""

from __future__ import annotations

import asyncio

from sandbox.ua import refuse, ring
from tests.e2e.matrix.cells import Origin, Target
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene


async def pickup(scene: Scene) -> None:
    """The agent's phone rings; a colleague takes the call."""
    team = scene.team
    team.first.rule = ring()
    await scene.place()
    scene.agent = await team.first.next_call()
    await scene.agent.ladder.wait(lambda m: m.status == 180, "180")
    await asyncio.sleep(0.3)
    async with scene.office.masquerade:
        if scene.cell.target is Target.REPLACES:
            replaces = [("Replaces", scene.agent.replaces())]
            taken = await team.second.call(team.first.name, replaces)
        else:
            assert team.picker
            taken = await team.picker.call(f"*8{team.first.name}")
        await taken.up()
        await scene.agent.over()
        if scene.cell.origin is Origin.CREATED:
            scene.client = await scene.office.trunk.next_call(number=scene.number)
            await scene.client.up()
    scene.answered = max(taken.answered_at, scene.client.answered_at)
    await scene.end(taken)


async def replaces(scene: Scene) -> None:
    """The agent talks; a colleague takes the call."""
    await scene.begin()
    headers = [("Replaces", scene.agent.replaces())]
    async with scene.office.masquerade:
        taken = await scene.team.second.call(scene.team.first.name, headers)
        await taken.up()
    await scene.agent.over()
    await scene.end(taken)


async def redirect(scene: Scene) -> None:
    """A panel moves the client's channel to a context of the operator's own."""
    await scene.begin()
    if scene.cell.target is Target.BUSY:
        scene.team.second.rule = refuse(486)
    channel = await scene.office.channel_of(scene.client)
    way = "9" if scene.cell.target is Target.LOCAL else ""
    await scene.office.cli(f"channel redirect {channel} panel,{way}{scene.team.second.name},1")
    await scene.agent.over()
    if scene.cell.target is Target.BUSY:
        await scene.client.over()
        ends = AGENT_HUNG_UP | CLIENT_HUNG_UP  # neither did
        scene.expect_client(scene.team.first.name, ends, scene.client.ended_at)
    else:
        await scene.end(await scene.team.second.next_call())
