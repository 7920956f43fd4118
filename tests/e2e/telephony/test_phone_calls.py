"""The API knows a phone's own live call: it shows it, ends it, and rings no agent who talks."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import CALLS, Office
from sandbox.ua import answer
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, played, problems_of, records

pytestmark = pytest.mark.case("C7")


def play(office: Office, *plays: Play, integrator: str = "acme") -> None:
    work = [played(office, Origin.PHONE, one, integrator=integrator) for one in plays]
    assert problems_of(office, work) == []


async def listed(scene: Scene) -> list[dict[str, object]]:
    """Return the calls of this scene that the API lists."""
    url = f"http://{scene.office.http[scene.team.plan.name]}{CALLS}"
    answered = (await scene.office.api.get(url)).json()["calls"]
    return [one for one in answered if str(one["contact_ref"]).startswith(scene.ref)]


async def one_in(scene: Scene, state: str) -> str:
    """Return the reference of the scene's only call, once it is in that state."""
    async with asyncio.timeout(patience(5)):
        while [one["state"] for one in await listed(scene)] != [state]:
            await asyncio.sleep(0.05)
    async with asyncio.timeout(patience(2)):
        while True:
            (found,) = await listed(scene)
            # Between two questions it may have got another agent.
            if await scene.office.state(scene.team, str(found["call_ref"])) == found:
                return str(found["call_ref"])


@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_it_is_shown_and_hung_up(office: Office, integrator: str) -> None:
    """Directly, and where all that is dialled goes through Local channels."""

    async def to_outside(scene: Scene) -> None:
        office.trunk.plan[scene.number] = answer(1.0)
        call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
        await one_in(scene, "ringing-callee")
        await call.up()
        ref = await one_in(scene, "up")
        client = await office.trunk.next_call(number=scene.number)
        assert await office.delete(scene.team, ref) == 204
        await asyncio.gather(call.over(), client.over())
        (record,) = await records(scene)
        assert (record["call_ref"], record["end_reason"][-6:]) == (ref, "hungup")
        shown = await office.state(scene.team, ref)
        assert (shown["state"], shown["record"]) == ("ended", record)
        assert await listed(scene) == []
        assert await office.delete(scene.team, ref) == 204

    async def from_outside(scene: Scene) -> None:
        scene.team.first.rule = answer(1.0)
        client = await office.dial_in(scene.team.did(), scene.number, scene.ref)
        ref = await one_in(scene, "ringing-agent")
        await client.up()
        await one_in(scene, "up")
        (found,) = await listed(scene)
        assert found["agent"] == scene.team.first.name
        agent = await scene.team.first.next_call()
        assert await office.delete(scene.team, ref) == 204
        await asyncio.gather(agent.over(), client.over())
        (record,) = await records(scene)
        assert record["call_ref"] == ref

    play(office, to_outside, from_outside, integrator=integrator)


def test_it_goes_on_with_a_colleague(office: Office) -> None:
    """Sent to a colleague by the agent it is the same call, and the colleague's."""

    async def sent_on(scene: Scene) -> None:
        call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
        await call.up()
        client = await office.trunk.next_call(number=scene.number)
        await asyncio.gather(client.media.hear(call.media.mark), call.media.hear(client.media.mark))
        ref = await one_in(scene, "up")
        await call.send_to(scene.team.second.name)
        colleague = await scene.team.second.next_call()
        await colleague.up()
        assert await one_in(scene, "up") == ref
        async with asyncio.timeout(patience(5)):
            while (await listed(scene))[0]["agent"] != scene.team.second.name:
                await asyncio.sleep(0.05)
        assert await office.delete(scene.team, ref) == 204
        await asyncio.gather(colleague.over(), client.over())
        (record,) = await records(scene)
        assert (record["call_ref"], record["extension"]) == (ref, scene.team.second.name)

    play(office, sent_on)


@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_an_agent_who_talks_is_not_rung_and_free_at_once(office: Office, integrator: str) -> None:
    async def talks(scene: Scene) -> None:
        first = scene.team.first
        call = await first.call(scene.number, scene.headers(scene.ref))
        await one_in(scene, "up")
        refused = await office.create(scene.team, scene.partner, f"{scene.ref}-no")
        assert refused.status_code == 429, refused.text
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert first.incoming == []
        await call.hang_up()
        await records(scene)  # who has popped it asks for the next call
        accepted = await office.create(scene.team, scene.partner, f"{scene.ref}-yes")
        assert accepted.status_code == 201, accepted.text
        await (await first.next_call()).up()

    play(office, talks, integrator=integrator)


def test_no_integrator_sees_or_ends_anothers(office: Office) -> None:
    async def alone(scene: Scene) -> None:
        call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
        ref = await one_in(scene, "up")
        for name in ("through", "open"):
            url = f"http://{office.http[name]}{CALLS}"
            assert ref not in (await office.api.get(url)).text
            assert (await office.api.get(f"{url}/{ref}")).status_code == 404
            assert (await office.api.delete(f"{url}/{ref}")).status_code == 404
        assert await one_in(scene, "up") == ref
        await call.hang_up()
        await records(scene)

    play(office, alone)
