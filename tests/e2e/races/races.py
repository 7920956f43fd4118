"""The races: each brings a call to a point and lets two things happen at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from sandbox.phone_call import PhoneCall
from sandbox.ua import ring
from tests.e2e.matrix.scene import Scene

Act = Callable[[], Awaitable[object] | object]
Race = Callable[[Scene, float], Awaitable[set[str]]]


async def clash(one: Act, other: Act, offset: float) -> None:
    """Do both, the other one so many seconds later, or, below zero, earlier."""
    first, second = (one, other) if offset >= 0 else (other, one)
    work = [first()]
    await asyncio.sleep(abs(offset))
    work.append(second())
    await asyncio.gather(*(one for one in work if isinstance(one, Awaitable)))


async def both_hang_up(scene: Scene, offset: float) -> set[str]:
    """Agent and client hang up."""
    await scene.begin()
    await clash(scene.agent.bye, scene.client.bye, offset)
    return {scene.number}


async def given_up_and_answered(scene: Scene, offset: float) -> set[str]:
    """The agent gives up while the client answers."""
    scene.office.trunk.plan[scene.number] = ring()
    await scene.place()
    scene.client = await scene.office.trunk.next_call(number=scene.number)
    await scene.agent.wait_status(180)
    await clash(scene.agent.cancel, lambda: _answer(scene.client), offset)
    await scene.agent.final()
    return {scene.number}


async def hung_up_and_transferred(scene: Scene, offset: float) -> set[str]:
    """The client hangs up while the agent transfers."""
    await scene.begin()
    target = f"<{scene.agent.ua.uri(scene.team.second.name)}>"
    await clash(lambda: scene.agent.refer_now(target), scene.client.bye, offset)
    return {scene.number}


async def left_and_transferred(scene: Scene, offset: float) -> set[str]:
    """The agent's phone transfers and hangs up without waiting for anything."""
    await scene.begin()
    target = f"<{scene.agent.ua.uri(scene.team.second.name)}>"
    await clash(lambda: scene.agent.refer_now(target), scene.agent.bye, abs(offset))
    return {scene.number}


async def early_and_answered(scene: Scene, offset: float) -> set[str]:
    """The agent transfers early while the colleague answers."""
    other, refer = await _consult(scene)
    async with scene.office.masquerade:
        await clash(refer, lambda: _answer(other), offset)
        await scene.agent.leave()
    return {scene.number, scene.team.second.name}


async def early_and_hung_up(scene: Scene, offset: float) -> set[str]:
    """The agent transfers early while the client hangs up."""
    _, refer = await _consult(scene)
    async with scene.office.masquerade:
        await clash(refer, scene.client.bye, offset)
        await scene.agent.leave()
    return {scene.number, scene.team.second.name}


async def deleted_and_agent_hangs_up(scene: Scene, offset: float) -> set[str]:
    await scene.begin()
    await clash(lambda: _delete(scene), scene.agent.bye, offset)
    return {scene.number}


async def deleted_and_client_hangs_up(scene: Scene, offset: float) -> set[str]:
    await scene.begin()
    await clash(lambda: _delete(scene), scene.client.bye, offset)
    return {scene.number}


async def deleted_and_agent_answers(scene: Scene, offset: float) -> set[str]:
    scene.team.first.rule = ring()
    await scene.place()
    scene.agent = await scene.team.first.next_call()
    await clash(lambda: _delete(scene), lambda: _answer(scene.agent), offset)
    return {scene.number}


async def deleted_and_client_answers(scene: Scene, offset: float) -> set[str]:
    scene.office.trunk.plan[scene.number] = ring()
    await scene.place()
    scene.client = await scene.office.trunk.next_call(number=scene.number)
    await clash(lambda: _delete(scene), lambda: _answer(scene.client), offset)
    return {scene.number}


async def deleted_and_transferred(scene: Scene, offset: float) -> set[str]:
    await scene.begin()
    target = f"<{scene.agent.ua.uri(scene.team.second.name)}>"
    await clash(lambda: _delete(scene), lambda: scene.agent.refer_now(target), offset)
    return {scene.number}


async def deleted_and_transferred_early(scene: Scene, offset: float) -> set[str]:
    _, refer = await _consult(scene)
    async with scene.office.masquerade:
        await clash(lambda: _delete(scene), refer, offset)
        await scene.agent.leave()
    return {scene.number, scene.team.second.name}


async def _consult(scene: Scene) -> tuple[PhoneCall, Act]:
    """Let a colleague's phone ring; return its call, and what presses the transfer key."""
    scene.team.second.rule = ring()
    await scene.begin()
    user = scene.team.second.name
    consultation = await scene.consult(user)
    replaces = quote(consultation.replaces(), safe="")
    target = f"<{scene.agent.ua.uri(user)}?Replaces={replaces}>"
    return await scene.team.second.next_call(), lambda: scene.agent.refer_now(target)


def _answer(call: PhoneCall) -> None:
    """Answer, unless it has been given up already."""
    if not call.final_status:
        call.answer()


async def _delete(scene: Scene) -> None:
    """The CRM hangs up; the call may be over by then."""
    status = await scene.office.delete(scene.team, scene.call_ref)
    if status not in (204, 404, 409):
        scene.remarks.append(f"DELETE: {status}")


#: Races of an agent's own call, and of a client who called in where it makes a difference.
CALLS: tuple[Race, ...] = (
    both_hang_up,
    given_up_and_answered,
    hung_up_and_transferred,
    left_and_transferred,
    early_and_answered,
    early_and_hung_up,
)
INBOUND: tuple[Race, ...] = (
    both_hang_up,
    hung_up_and_transferred,
    early_and_answered,
    early_and_hung_up,
)
CREATED: tuple[Race, ...] = (
    both_hang_up,
    deleted_and_agent_hangs_up,
    deleted_and_client_hangs_up,
    deleted_and_agent_answers,
    deleted_and_client_answers,
    deleted_and_transferred,
    deleted_and_transferred_early,
)
