"""The moves: each plays one cell and leaves in the scene what its records must say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sandbox.office_conf import RING_TIMEOUT
from sandbox.phone_call import PhoneCall
from sandbox.ua import refuse, ring
from tests.e2e.matrix.cells import NOT_ANSWERED, Move, Origin, Target
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
from tests.e2e.matrix.takeovers import pickup, redirect, replaces

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
        case _ if scene.cell.move is Move.TWICE:
            return scene.team.third.name
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
    if scene.cell.target in NOT_ANSWERED:
        await _comes_back(scene)
    else:
        await _sent_on(scene, scene.agent)


async def _sent_on(scene: Scene, sender: PhoneCall) -> None:
    """Transfer to where somebody answers, and let them talk."""
    began = time.time()
    await sender.send_to(user_of(scene))
    other = await scene.arrival(scene.shown_for_agent)
    if scene.cell.target.outside:
        await scene.end(other, sender.ua.name)
        scene.expect_leg(began, AGENT_HUNG_UP, sender.ua.name, "transfer-blind")
    else:
        await scene.end(other)


async def _comes_back(scene: Scene) -> None:
    """Transfer to where nobody answers; the agent's phone rings again."""
    team, target = scene.team, scene.cell.target
    team.second.rule = ring() if target is Target.SILENT else refuse(486)
    if target is Target.DESERTED:
        team.first.rule = refuse(486)
    calls = len(team.first.incoming)
    if target is Target.DESERTED:
        await scene.agent.refer(f"<{team.first.uri(user_of(scene))}>")
        await scene.client.over()
        if not scene.agent.ended.is_set():
            await scene.agent.hang_up()
        ends = AGENT_HUNG_UP | CLIENT_HUNG_UP  # neither did
        scene.expect_client(team.first.name, ends, scene.client.ended_at)
    else:
        await scene.agent.send_to(user_of(scene))
        await scene.end(await team.first.next_call(after=calls, timeout=RING_TIMEOUT + 5))


async def twice(scene: Scene) -> None:
    """A colleague gets the client, and sends it on."""
    await scene.begin()
    await scene.agent.send_to(scene.team.second.name)
    colleague = await scene.team.second.next_call()
    await colleague.up()
    await scene.hear(colleague)
    await _sent_on(scene, colleague)


async def early(scene: Scene) -> None:
    """The agent transfers while the target's phone still rings."""
    other, consultation = await _transfer_early(scene)
    transferred, answered = consultation.ended_at, time.time()
    other.answer()
    if scene.cell.target.outside:
        await scene.end(other, scene.team.first.name)
        scene.expect_consultation(consultation, AGENT_HUNG_UP, other.ended_at, answered)
    else:
        await scene.end(other)
        scene.expect_consultation(consultation, GIVEN_UP, transferred, 0.0)


async def early_declined(scene: Scene) -> None:
    """The same, and the target declines: the client comes back to the agent."""
    other, consultation = await _transfer_early(scene)
    calls = len(scene.team.first.incoming)
    other.reply(603, "Decline")
    await scene.end(await scene.team.first.next_call(after=calls))
    scene.expect_consultation(consultation, DECLINED, consultation.ended_at, 0.0)


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
    """The agent talks to the target first, or sends the client on as soon as there is one."""
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
    if scene.cell.move is not Move.ATTENDED_AT_ONCE:
        await scene.hear_each_other(consultation, other)
    await scene.put_together(consultation, user)
    return other, consultation


MOVES: dict[Move, Callable[[Scene], Awaitable[None]]] = {
    Move.NONE: none,
    Move.BLIND: blind,
    Move.EARLY: early,
    Move.EARLY_DECLINED: early_declined,
    Move.ATTENDED: attended,
    Move.ATTENDED_LEFT: attended_left,
    Move.ATTENDED_AT_ONCE: attended,
    Move.TWICE: twice,
    Move.PICKUP: pickup,
    Move.REPLACES: replaces,
    Move.REDIRECT: redirect,
    Move.FORWARD: forward,
}
