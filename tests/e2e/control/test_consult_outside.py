"""An agent asks at a number outside, by the API: a call of its own, on the client's trail."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from sandbox.office import CALLS, Office
from sandbox.office_conf import AT_A_TIME
from sandbox.phone_call import PhoneCall
from sandbox.ua import Rule, refuse, ring
from sandbox.waiting import patience
from tests.e2e.control.consulting import none_left, only_with
from tests.e2e.control.desk import ask, play, ref_of, steer
from tests.e2e.control.test_hold import until_shown
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.expected import AGENT_HUNG_UP, BUSY, CLIENT_HUNG_UP, GIVEN_UP, Ends
from tests.e2e.matrix.scene import TALK, Scene
from tests.e2e.telephony.stage import records

ALL = tuple(Origin)
SOME = (Origin.PHONE, Origin.DID)
DECLINED: Ends = frozenset({("reject", 21)})
UNANSWERED: Ends = frozenset({("timeout", 19)})


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is mixed into what others send."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


async def begin(scene: Scene) -> str:
    """Bring the two together, and have the partner called; return the call_ref."""
    scene.cell = Cell(scene.cell.origin, Move.ATTENDED, Target.OUTSIDE)
    await scene.begin()
    ref = await ref_of(scene)
    await steer(scene, ref, "transfer", callee=scene.partner, type="consult")
    return ref


async def talking(scene: Scene, ref: str) -> PhoneCall:
    """Return the partner's call once agent and partner talk, and the client hears music."""
    partner = await scene.arrival(scene.shown_for_agent)
    await partner.up()
    async with asyncio.timeout(patience(5)):
        told = {"consult": ""}
        while told["consult"] != "talking":
            told = await steer(scene, ref, "transfer", callee=scene.partner, type="consult")
    agent, client = scene.agent.media, scene.client.media
    await scene.hear_each_other(scene.agent, partner)
    await client.hear_music()
    async with asyncio.timeout(patience(5)):
        while client.lately(0.5) or client.mark in agent.lately(0.5) | partner.media.lately(0.5):
            await asyncio.sleep(0.05)  # what was said before may come late
    return partner


def expect_leg(scene: Scene, partner: PhoneCall, ends: Ends) -> None:
    """It is as long as the partner's phone saw it."""
    scene.expect_leg(partner.began_at, ends, scene.team.first.name, "transfer-attended")
    scene.expected[-1] = replace(scene.expected[-1], ended=partner.ended_at)


async def leg_of(scene: Scene) -> dict[str, Any]:
    """Return the partner's call as the API shows it."""
    url = f"http://{scene.office.http[scene.team.plan.name]}{CALLS}"
    listed = (await scene.office.api.get(url)).json()["calls"]
    [leg] = [one for one in listed if scene.partner in one.values()]
    assert leg["contact_ref"] == scene.ref
    return dict(leg)


@pytest.mark.case("T3")
@pytest.mark.parametrize(("integrator", "origins"), [("acme", ALL), ("through", (Origin.PHONE,))])
def test_the_client_goes_there(
    office: Office, integrator: str, origins: tuple[Origin, ...]
) -> None:
    """Whoever of the two hangs up in the end; also through a Local channel."""

    async def given(scene: Scene) -> None:
        ref = await begin(scene)
        partner = await talking(scene, ref)
        await until_shown(scene, ref, "held")
        assert (await leg_of(scene))["state"] == "up"
        await steer(scene, ref, "transfer/complete")
        await scene.agent.over()
        await only_with(scene, partner)
        assert (await steer(scene, ref, "transfer/complete"))["consult"] is None
        calls = [one for one in office.trunk.incoming if one.number == scene.partner]
        assert len(calls) == 1, "called twice"
        if scene.cell.origin in (Origin.PHONE, Origin.QUEUE):
            await scene.end(partner, scene.team.first.name)
            expect_leg(scene, partner, AGENT_HUNG_UP)
        else:
            await scene.left(partner, scene.team.first.name)
            expect_leg(scene, partner, CLIENT_HUNG_UP)

    play(office, given, origins=origins, integrator=integrator)
    office.loop.run(none_left(office))


@pytest.mark.case("T3")
@pytest.mark.parametrize("origin", SOME)
def test_nobody_answers_there(office: Office, origin: Origin) -> None:
    """The agent has the client again."""

    async def alone(scene: Scene, how: str, rule: Rule, ends: Ends) -> None:
        office.trunk.plan[scene.partner] = rule
        ref = await begin(scene)
        partner = await scene.arrival(scene.shown_for_agent)
        if how == "cancelled":
            assert (await steer(scene, ref, "unmute"))["consult"] == "ringing"
            assert (await ask(scene, ref, "transfer/complete")).status_code == 409
            assert (await steer(scene, ref, "transfer/cancel"))["consult"] is None
        await partner.over()
        legs = [partner]
        if how == "busy":  # once more, which counts on in the client's trail
            before = len(office.trunk.incoming)
            await until_shown(scene, ref, "up")
            await steer(scene, ref, "transfer", callee=scene.partner, type="consult")
            legs.append(await office.trunk.next_call(before, scene.partner))
            await legs[-1].over()
        await until_shown(scene, ref, "up")
        await only_with(scene, scene.agent)
        await scene.end(scene.agent)
        for leg in legs:
            expect_leg(scene, leg, ends)

    plays = [
        partial(alone, how="busy", rule=refuse(486), ends=BUSY),
        partial(alone, how="declined", rule=refuse(603), ends=DECLINED),
        partial(alone, how="silent", rule=ring(), ends=UNANSWERED),
        partial(alone, how="cancelled", rule=ring(), ends=GIVEN_UP),
    ]
    play(office, *plays, origins=(origin,))
    office.loop.run(none_left(office))


@pytest.mark.case("T3")
@pytest.mark.parametrize("origin", SOME)
def test_whoever_ends_it(office: Office, origin: Origin) -> None:
    """Nobody is left on the line, and the leg is recorded for as long as it was."""

    async def ended(scene: Scene, how: str) -> None:
        ref = await begin(scene)
        partner = await talking(scene, ref)
        await asyncio.sleep(TALK)
        if how == "partner":
            await partner.hang_up()
        elif how == "transfer/cancel":
            await steer(scene, ref, how)
        elif how == "delete":
            assert await office.delete(scene.team, (await leg_of(scene))["call_ref"]) == 204
        else:
            await (scene.client if how == "client" else scene.agent).hang_up()
        await partner.over()
        if how in ("client", "agent"):
            await asyncio.gather(scene.client.over(), scene.agent.over())
            by = CLIENT_HUNG_UP if how == "client" else AGENT_HUNG_UP
            scene.expect_client(scene.team.first.name, by, scene.client.ended_at)
        else:
            await until_shown(scene, ref, "up")
            await only_with(scene, scene.agent)
            await scene.end(scene.agent)
        by = CLIENT_HUNG_UP if how == "partner" else AGENT_HUNG_UP
        expect_leg(scene, partner, by)

    hows = ("transfer/cancel", "partner", "client", "agent", "delete")
    play(office, *(partial(ended, how=how) for how in hows), origins=(origin,))
    office.loop.run(none_left(office))


def test_what_may_not_be_called(office: Office) -> None:
    """It leaves the call as it is, and calls nobody; a limit is one of the agent's own."""

    async def refused(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        for callee, status in (("0044770090012345", 403), ("112", 422), ("08200001", 422)):
            answer = await ask(scene, ref, "transfer", callee=callee, type="consult")
            assert answer.status_code == status, (callee, answer.text)
            assert [one["field"] for one in answer.json()["errors"]] == ["callee"]
        headers = scene.headers(scene.ref)
        others = [await scene.team.first.call(scene.number, headers) for _ in range(AT_A_TIME - 1)]
        await asyncio.gather(*(one.up() for one in others))
        answer = await ask(scene, ref, "transfer", callee=scene.partner, type="consult")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5"), answer.text
        assert [one["field"] for one in answer.json()["errors"]] == ["limits"]
        await scene.hear(scene.agent)
        await others[0].hang_up()
        await records(scene)
        await steer(scene, ref, "transfer", callee=scene.partner, type="consult")
        await office.trunk.next_call(number=scene.partner)
        await asyncio.gather(*(one.hang_up() for one in (*others[1:], scene.agent)))
        await records(scene, AT_A_TIME)

    play(office, refused, integrator="tight", strictly=False)
