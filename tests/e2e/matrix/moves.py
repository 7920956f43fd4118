"""The moves: each plays one cell and leaves in the scene what its records must say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sandbox.phone_call import PhoneCall
from sandbox.ua import refuse, ring
from tests.e2e.matrix.cells import Move, Origin, Target
from tests.e2e.matrix.expected import (
    AGENT_HUNG_UP,
    BUSY,
    CLIENT_HUNG_UP,
    GIVEN_UP,
    UNKNOWN,
    Ends,
)
from tests.e2e.matrix.forwards import forward
from tests.e2e.matrix.scene import Scene

TRANSFERRED = AGENT_HUNG_UP  # the agent leaves the consultation by the transfer
#: A consultation whose target declines after the agent has left it may say either.
DECLINED: Ends = GIVEN_UP | {("reject", 21)}


def user_of(scene: Scene) -> str:
    """Return what a phone dials to reach the cell's target."""
    match scene.cell.target:
        case Target.OUTSIDE | Target.LOCAL_OUTSIDE:
            return scene.partner
        case Target.UNKNOWN:
            return scene.team.nobody
        case _:
            return scene.team.second.name


async def none(scene: Scene) -> None:
    """Nothing: client and agent talk, or do not come together."""
    target, origin = scene.cell.target, scene.cell.origin
    if target in (Target.COLLEAGUE, Target.LOCAL):
        await scene.begin()
        await scene.end(scene.agent)
    elif origin is Origin.QUEUE:
        await _abandoned(scene)
    elif origin is Origin.DID:
        scene.team.first.rule = refuse(486)
        await scene.place()
        final = await scene.client.final()
        _heard(scene, final.status, 486)
        scene.expect_client("", BUSY, scene.client.ended_at)
    else:
        await _refused(scene, 404 if target is Target.UNKNOWN else 486)


async def _refused(scene: Scene, status: int) -> None:
    scene.office.trunk.plan[scene.number] = refuse(status, after=0.3)
    await scene.place()
    if scene.cell.origin is Origin.CREATED:
        scene.agent = await scene.team.first.next_call()
    else:
        _heard(scene, (await scene.agent.final()).status, status)
    await scene.agent.over()
    ends = UNKNOWN if status == 404 else BUSY
    scene.expect_client(scene.team.first.name, ends, scene.agent.ended_at)


async def _abandoned(scene: Scene) -> None:
    """The only agent is busy, and the client gives up."""
    scene.team.first.rule = refuse(486)
    await scene.place()
    await scene.client.up()
    await asyncio.sleep(1.5)
    await scene.client.hang_up()
    scene.expect_client("", CLIENT_HUNG_UP, scene.client.ended_at)


def _heard(scene: Scene, status: int, wanted: int) -> None:
    if status != wanted:
        scene.remarks.append(f"the caller hears {status}, not {wanted}")


async def blind(scene: Scene) -> None:
    """REFER; if nobody takes the client, it comes back to the agent."""
    await scene.begin()
    target, first = scene.cell.target, scene.team.first
    if target in (Target.BUSY, Target.LOCAL_BUSY):
        scene.team.second.rule = refuse(486)
    calls = len(first.incoming)
    began = time.time()
    response = await scene.agent.refer(f"<{first.uri(user_of(scene))}>")
    assert response.status == 202, response.start_line
    await scene.agent.leave()
    if target in (Target.BUSY, Target.LOCAL_BUSY, Target.UNKNOWN):
        await scene.end(await first.next_call(after=calls))
        return
    other = await scene.arrival(scene.shown_for_agent)
    if target.outside:
        await scene.end(other, first.name)
        scene.expect_leg(began, AGENT_HUNG_UP)
    else:
        await scene.end(other)


async def early(scene: Scene) -> None:
    """The agent transfers while the target's phone still rings."""
    other, consultation = await _transfer_early(scene)
    transferred = consultation.ended_at
    other.answer()
    if scene.cell.target.outside:
        await scene.end(other, scene.team.first.name)
        scene.expect_consultation(consultation, AGENT_HUNG_UP, other.ended_at)
    else:
        await scene.end(other)
        scene.expect_consultation(consultation, GIVEN_UP, transferred)


async def early_declined(scene: Scene) -> None:
    """The same, and the target declines: the client comes back to the agent."""
    other, consultation = await _transfer_early(scene)
    calls = len(scene.team.first.incoming)
    other.reply(603, "Decline")
    await scene.end(await scene.team.first.next_call(after=calls))
    scene.expect_consultation(consultation, DECLINED, consultation.ended_at)


async def _transfer_early(scene: Scene) -> tuple[PhoneCall, PhoneCall]:
    user = user_of(scene)
    scene.team.second.rule = ring()
    scene.office.trunk.plan[scene.partner] = ring()
    await scene.begin()
    consultation = await scene.consult(user)
    other = await scene.arrival()
    await scene.put_together(consultation, user)
    return other, consultation


async def attended(scene: Scene) -> None:
    """The agent talks to the target first."""
    other, consultation = await _transfer_attended(scene)
    transferred = consultation.ended_at
    if scene.cell.target.outside:
        await scene.end(other, scene.team.first.name)
        scene.expect_consultation(consultation, AGENT_HUNG_UP, other.ended_at)
    else:
        await scene.end(other)
        scene.expect_consultation(consultation, TRANSFERRED, transferred)


async def attended_left(scene: Scene) -> None:
    """The same, and in the end the target hangs up."""
    other, consultation = await _transfer_attended(scene)
    transferred = consultation.ended_at
    if scene.cell.target.outside:
        await scene.left(other, scene.team.first.name)
        scene.expect_consultation(consultation, CLIENT_HUNG_UP, other.ended_at)
    else:
        await scene.left(other)
        scene.expect_consultation(consultation, TRANSFERRED, transferred)


async def _transfer_attended(scene: Scene) -> tuple[PhoneCall, PhoneCall]:
    user = user_of(scene)
    await scene.begin()
    consultation = await scene.consult(user)
    other = await scene.arrival()
    await consultation.up()
    await asyncio.gather(
        consultation.media.hear(other.media.mark), other.media.hear(consultation.media.mark)
    )
    await scene.put_together(consultation, user)
    return other, consultation


async def pickup(scene: Scene) -> None:
    """The agent's phone rings; a colleague takes the call."""
    team = scene.team
    team.first.rule = ring()
    await scene.place()
    scene.agent = await team.first.next_call()
    await scene.agent.ladder.wait(lambda m: m.status == 180, "180")
    await asyncio.sleep(0.3)
    if scene.cell.target is Target.REPLACES:
        replaces = [("Replaces", scene.agent.replaces())]
        taken = await team.second.call(team.first.name, replaces)
    else:
        assert team.picker
        taken = await team.picker.call(f"*8{team.first.name}")
    await taken.up()
    scene.answered = time.time()
    await scene.agent.over()
    await scene.end(taken)


async def replaces(scene: Scene) -> None:
    """The agent talks; a colleague takes the call."""
    await scene.begin()
    headers = [("Replaces", scene.agent.replaces())]
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


MOVES: dict[Move, Callable[[Scene], Awaitable[None]]] = {
    Move.NONE: none,
    Move.BLIND: blind,
    Move.EARLY: early,
    Move.EARLY_DECLINED: early_declined,
    Move.ATTENDED: attended,
    Move.ATTENDED_LEFT: attended_left,
    Move.PICKUP: pickup,
    Move.REPLACES: replaces,
    Move.REDIRECT: redirect,
    Move.FORWARD: forward,
}
