"""Calls for help by other ways than a phone's keys: a transfer, the API, a consultation."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, played, problems_of, records

pytestmark = pytest.mark.case("T17")

#: No test hears another's: they run one after the other.
NUMBERS = {
    "blind": "112",
    "attended": "10111",
    "created": "10177",
    "alone": "107",
    "times": "107",
    "taken": "112",
}


def play(office: Office, *plays: Play, origin: Origin = Origin.PHONE) -> None:
    assert problems_of(office, [played(office, origin, one) for one in plays]) == []


async def hear(one: PhoneCall, two: PhoneCall) -> None:
    await asyncio.gather(one.media.hear(two.media.mark), two.media.hear(one.media.mark))


async def help_(office: Office, number: str, after: int) -> PhoneCall:
    """Return the call that arrives where help is, once it is answered."""
    call = await office.trunk.next_call(after, number)
    await call.up()
    return call


@pytest.mark.case("T61")
@pytest.mark.parametrize("written", [NUMBERS["blind"], "1%201%202", "1-1-2", "(112)"])
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.DID, Origin.CREATED])
def test_a_client_is_sent_there(office: Office, origin: Origin, written: str) -> None:
    """By a blind transfer: the client is joined, and both calls are recorded to their true end."""

    async def blind(scene: Scene) -> None:
        await scene.begin()
        before = len(office.trunk.incoming)
        await scene.agent.send_to(written)
        rescue = await help_(office, NUMBERS["blind"], before)
        await hear(scene.client, rescue)
        await asyncio.sleep(1.5)
        await scene.client.hang_up()
        await rescue.over()
        await _client_and_leg(scene, NUMBERS["blind"], sent=True)

    play(office, blind, origin=origin)


def test_a_client_is_put_through(office: Office) -> None:
    """By an attended transfer: the consultation was a call for help."""

    async def attended(scene: Scene) -> None:
        await scene.begin()
        await scene.agent.hold()
        before = len(office.trunk.incoming)
        consultation = await scene.team.first.call(NUMBERS["attended"])
        rescue = await help_(office, NUMBERS["attended"], before)
        await consultation.up()
        await hear(consultation, rescue)
        await scene.put_together(consultation, NUMBERS["attended"])
        await hear(scene.client, rescue)
        await asyncio.sleep(1.5)
        await scene.client.hang_up()
        await rescue.over()
        await _client_and_leg(scene, NUMBERS["attended"])

    play(office, attended)


async def _client_and_leg(scene: Scene, number: str, *, sent: bool = False) -> None:
    """Each of the two has one record, as long as it was, of the agent who placed it."""
    # A consultation has no reference of the scene's, but its agent; a leg is the client's.
    told = {record["number"]: record for record in await records(scene, 2)}
    assert set(told) == {scene.number, number}, told
    for record in told.values():
        assert record["extension"] == scene.team.first.name, record
        assert record["end_reason"].endswith("hungup"), record
        assert record["call_time"] >= 1, record
    if sent:
        client, leg = told[scene.number], told[number]
        assert leg["contact_ref"] == client["contact_ref"] == scene.ref
        assert leg["call_trail_ref"] == client["call_ref"] != leg["call_ref"]
        assert (client["call_trail_number"], leg["call_trail_number"]) == (1, 2)
        assert leg["call_type"] == "transfer-blind"


@pytest.mark.parametrize("busy", [False, True])
def test_the_api_calls_for_help(office: Office, busy: bool) -> None:
    """Also for an agent who talks."""

    async def created(busy: bool, scene: Scene) -> None:
        first = scene.team.first
        if busy:
            await (await first.call(scene.number, scene.headers(scene.ref))).up()
        before, rung = len(office.trunk.incoming), len(first.incoming)
        response = await office.create(scene.team, NUMBERS["created"], f"{scene.ref}-help")
        assert response.status_code == 201, response.text
        agent = await first.next_call(rung)
        await agent.up()
        rescue = await help_(office, NUMBERS["created"], before)
        await hear(agent, rescue)
        await rescue.hang_up()
        await agent.over()
        (record,) = await records(scene)
        assert (record["number"], record["extension"]) == (NUMBERS["created"], first.name)
        assert record["call_ref"] == response.json()["call_ref"]

    play(office, partial(created, busy))


def test_no_server_is_needed_for_a_transfer(office: Office) -> None:
    """All servers are away: the client of a call that goes on is sent to where help is."""

    async def alone(scene: Scene) -> None:
        await scene.begin()
        await asyncio.to_thread(office.servers[0].stop)
        try:
            before = len(office.trunk.incoming)
            await scene.agent.send_to(NUMBERS["alone"])
            rescue = await help_(office, NUMBERS["alone"], before)
            await hear(scene.client, rescue)
            await scene.client.hang_up()
            await rescue.over()
        finally:
            await asyncio.to_thread(office.servers[0].start)

    play(office, alone)


@pytest.mark.parametrize("who", ["help", "agent"])
def test_it_is_recorded_when_help_answered(office: Office, who: str) -> None:
    async def alone(scene: Scene) -> None:
        before = len(office.trunk.incoming)
        call = await scene.team.first.call(NUMBERS["times"])
        rescue = await help_(office, NUMBERS["times"], before)
        await hear(call, rescue)
        await asyncio.sleep(1.1)
        await (rescue if who == "help" else call).hang_up()
        (record,) = await records(scene)
        assert record["answered_at"] >= record["dialed_at"] > 0
        assert record["talk_time"] in (1, 2, 3)
        assert record["ring_time_number"] <= 1

    play(office, alone)


@pytest.mark.case("T64")
@pytest.mark.parametrize("who", ["help", "colleague"])
@pytest.mark.parametrize("way", ["attended", "replaces"])
def test_a_colleague_takes_it_over(office: Office, way: str, who: str) -> None:
    """Whoever talked to help last is named, as in any other call."""

    async def taken(scene: Scene) -> None:
        first, second = scene.team.first, scene.team.second
        before, number = len(office.trunk.incoming), NUMBERS["taken"]
        scene.agent = await first.call(number)
        scene.client = rescue = await help_(office, number, before)
        await scene.hear(scene.agent)
        if way == "attended":
            await scene.agent.hold()
            consultation = await first.call(second.name, scene.headers(scene.ref))
            colleague = await second.next_call()
            await hear(consultation, colleague)
            await scene.put_together(consultation, second.name)
        else:
            async with office.masquerade:
                replaces = [("Replaces", scene.agent.replaces())]
                colleague = await second.call(first.name, replaces)
                await colleague.up()
        await hear(colleague, rescue)
        await (rescue if who == "help" else colleague).hang_up()
        told = await records(scene, 2 if way == "attended" else 1)
        (record,) = [one for one in told if one["number"] == number]
        assert record["extension"] == second.name
        assert record["end_reason"] == ("callee_hungup" if who == "help" else "agent_hungup")

    play(office, taken)
