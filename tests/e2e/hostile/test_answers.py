"""A called phone, or the trunk, answers an INVITE with a redirection of any kind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import UA, Rule, forward
from tests.e2e.hostile.play import Play, play_all
from tests.e2e.hostile.targets import KINDS, Kind
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene

pytestmark = [pytest.mark.case("T5"), pytest.mark.timeout(300)]

#: However a phone forwards, it is asked once for a call, and a queue tries it again each second.
TIMES = 4


def _rule(kind: Kind, scene: Scene) -> Rule:
    return forward(*kind.contacts(scene), headers=kind.headers, status=kind.status)


async def _an_agent(kind: Kind, scene: Scene) -> None:
    """The phone of the agent for whom the call is answers so."""
    phone = scene.team.first
    phone.rule = _rule(kind, scene)
    await scene.place()
    await phone.next_call()
    if scene.cell.origin is Origin.DID:
        await _refused(kind, scene, scene.client)
    elif scene.cell.origin is Origin.QUEUE:
        await asyncio.sleep(1.3)
        await scene.client.hang_up()
    elif kind.unreadable:
        await scene.office.delete(scene.team, scene.call_ref)
    _times(scene, phone)


async def _a_colleague(kind: Kind, scene: Scene) -> None:
    """A colleague's phone answers so."""
    scene.team.second.rule = _rule(kind, scene)
    call = await scene.team.first.call(scene.team.second.name, scene.headers(scene.ref))
    await scene.team.second.next_call()
    await _refused(kind, scene, call)


async def _the_trunk(kind: Kind, scene: Scene) -> None:
    """The provider answers so."""
    scene.office.trunk.plan[scene.number] = _rule(kind, scene)
    call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
    await scene.office.trunk.next_call(number=scene.number)
    await _refused(kind, scene, call, {*range(400, 700)})


async def _refused(
    kind: Kind, scene: Scene, call: PhoneCall, statuses: Collection[int] = (486,)
) -> None:
    """The caller hears that the phone is busy."""
    if kind.unreadable:
        await asyncio.sleep(0.3)
        call.cancel()
        await call.final()
        return
    status = (await call.final()).status
    if status not in statuses:
        scene.remarks.append(f"the caller hears {status}")


def _times(scene: Scene, *phones: UA) -> None:
    asked = sum(len(phone.incoming) for phone in phones)
    if asked > TIMES:
        scene.remarks.append(f"{asked} INVITEs")


WAYS: dict[str, tuple[Origin, Callable[[Kind, Scene], Awaitable[None]]]] = {
    "a phone dials": (Origin.PHONE, _a_colleague),
    "the CRM": (Origin.CREATED, _an_agent),
    "a DID": (Origin.DID, _an_agent),
    "a queue": (Origin.QUEUE, _an_agent),
    "the trunk answers": (Origin.PHONE, _the_trunk),
}


@pytest.mark.parametrize("integrator", ["acme", "open"])
@pytest.mark.parametrize("way", WAYS)
def test_redirections(office: Office, way: str, integrator: str) -> None:
    origin, play = WAYS[way]
    plays: dict[str, Play] = {kind.name: partial(play, kind) for kind in KINDS}
    problems = office.loop.run(play_all(office, origin, integrator, plays))
    assert not problems, "\n".join(problems[:40])
    assert office.loop.run(office.trapped()) == ""


async def _itself(scene: Scene) -> None:
    """Forward a call to the extension that is called."""
    phone = scene.team.second
    phone.rule = forward(f"<{phone.uri(phone.name)}>")
    await _bounded(scene)


async def _each_other(scene: Scene) -> None:
    """Two phones forward to one another."""
    second, first = scene.team.second, scene.team.first
    second.rule = forward(f"<{first.uri(first.name)}>")
    first.rule = forward(f"<{second.uri(second.name)}>")
    await _bounded(scene)


async def _bounded(scene: Scene) -> None:
    first, second = scene.team.first, scene.team.second
    call = await first.call(second.name, scene.headers(scene.ref))
    status = (await call.final()).status
    if status != 486:
        scene.remarks.append(f"the caller hears {status}")
    _times(scene, first, second)


@pytest.mark.parametrize("integrator", ["acme", "inside", "open"])
def test_loops(office: Office, integrator: str) -> None:
    """At most three forwards in a row (docs/transfers.md)."""
    plays: dict[str, Play] = {"itself": _itself, "each other": _each_other}
    problems = office.loop.run(play_all(office, Origin.PHONE, integrator, plays))
    assert not problems, "\n".join(problems)
