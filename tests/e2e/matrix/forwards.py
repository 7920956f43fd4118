"""A phone that answers 302, by what the integrator's `forwarding` allows (docs/transfers.md)."""

from __future__ import annotations

import time

from sandbox.office_conf import DEFAULT_OUTBOUND_ID, OUTBOUND_ID
from sandbox.phone_call import PhoneCall
from sandbox.ua import UA, Rule, refuse
from sandbox.ua import forward as moved
from tests.e2e.matrix.cells import Origin, Target
from tests.e2e.matrix.expected import ABSENT, AGENT_HUNG_UP, BUSY, Ends, Expected
from tests.e2e.matrix.scene import Scene

_FOLLOWED = (
    Target.INTERNAL_COLLEAGUE,
    Target.ALLOWED_COLLEAGUE,
    Target.ALLOWED_OUTSIDE,
)


def _points_to(scene: Scene) -> Rule:
    """Return what the forwarding phone does."""
    target, team = scene.cell.target, scene.team
    user = team.third.name
    if target.outside:
        user = scene.partner
    elif target is Target.INTERNAL_UNKNOWN:
        user = team.nobody
    return moved(f"<{team.first.uri(user)}>")


async def forward(scene: Scene) -> None:
    """The phone that the call rings forwards it."""
    if scene.cell.target is Target.INTERNAL_BUSY:
        scene.team.third.rule = refuse(486)
    if scene.cell.origin is Origin.PHONE:
        await _a_colleague_forwards(scene)
    else:
        await _the_agent_forwards(scene)


async def _a_colleague_forwards(scene: Scene) -> None:
    """The agent calls a colleague, whose phone forwards."""
    team = scene.team
    team.second.rule = _points_to(scene)
    scene.began = time.time()
    scene.agent = await team.first.call(team.second.name, scene.headers(scene.ref))
    if scene.cell.target not in _FOLLOWED:
        _refused(scene, (await scene.agent.final()).status)
        _expect_internal(scene, _ends(scene))
        return
    other = await _forwarded(scene)
    await scene.agent.up()
    scene.answered = time.time()
    scene.client = scene.agent  # here the caller is the one who is served
    await scene.talk(other)
    await scene.agent.hang_up()
    await other.over()
    _expect_internal(scene, AGENT_HUNG_UP)
    if scene.cell.target.outside:
        _expect_leg(scene, team.second)


def _refused(scene: Scene, status: int) -> None:
    """A phone whose forward is not followed counts as busy; a target that is absent may say so."""
    wanted = {486, 480, 404} if scene.cell.target is Target.INTERNAL_UNKNOWN else {486}
    if status not in wanted:
        scene.remarks.append(f"the caller hears {status}, not {wanted}")


def _ends(scene: Scene) -> Ends:
    return BUSY | ABSENT if scene.cell.target is Target.INTERNAL_UNKNOWN else BUSY


def _expect_internal(scene: Scene, ends: Ends) -> None:
    agent = scene.team.first.name
    scene.expected.append(
        Expected(
            what="internal call",
            extension=agent,
            number=scene.team.second.name,
            dial_number=agent,
            contact_ref=scene.ref,
            call_dir="internal",
            ends=ends,
            began=scene.began,
            ended=scene.agent.ended_at,
            answered=scene.answered,
        )
    )


def _expect_leg(scene: Scene, by: UA) -> None:
    scene.expect_leg(scene.began, AGENT_HUNG_UP, by.name, "forward")


async def _forwarded(scene: Scene) -> PhoneCall:
    """Return the call where the forward leads to."""
    if not scene.cell.target.outside:
        return await scene.team.third.next_call()
    call = await scene.office.trunk.next_call(number=scene.partner)
    assert call.invite is not None
    shown = call.invite.from_user
    if shown not in (DEFAULT_OUTBOUND_ID, OUTBOUND_ID):
        scene.remarks.append(f"{shown} is shown")
    scene.leg_shown = shown
    return call


async def _the_agent_forwards(scene: Scene) -> None:
    """The phone of the agent whom the call is for forwards it."""
    team, origin = scene.team, scene.cell.origin
    team.first.rule = _points_to(scene)
    if origin is Origin.QUEUE:
        scene.kind = 3  # whose next agent is the second
    await scene.place()
    if scene.cell.target in _FOLLOWED and origin is Origin.DID:
        await _followed(scene)
    elif origin is Origin.QUEUE:
        other = await team.second.next_call()
        await other.up()
        scene.answered = other.answered_at
        await scene.end(other)
    elif origin is Origin.DID:
        _refused(scene, (await scene.client.final()).status)
        scene.expect_client("", _ends(scene), scene.client.ended_at)
    else:
        scene.agent = await team.first.next_call()
        await scene.agent.over()
        scene.expect_client(team.first.name, _ends(scene), scene.agent.ended_at)


async def _followed(scene: Scene) -> None:
    """What answers in the agent's place is joined with the client."""
    other = await _forwarded(scene)
    await other.up()
    await scene.client.up()
    scene.answered = scene.client.answered_at
    outside = scene.cell.target.outside
    scene.announced = not outside  # `inbound` tells of agents who answer
    await scene.end(other, scene.team.first.name if outside else None)
    if outside:
        _expect_leg(scene, scene.team.first)
