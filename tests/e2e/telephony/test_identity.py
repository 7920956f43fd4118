"""Who the agent and the client are, however endpoints and providers name them."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.ua import refuse, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, further_phone, played, problems_of, records


def hold(office: Office, origin: Origin, play: Play) -> None:
    assert problems_of(office, [played(office, origin, play)]) == []


@pytest.mark.case("T11")
@pytest.mark.parametrize("way", ["colleague", "created", "blind"])
def test_an_endpoint_with_an_extension_of_another_name(office: Office, way: str) -> None:
    async def play(scene: Scene) -> None:
        endpoint, extension = scene.team.named
        async with further_phone(scene, endpoint) as phone:
            if way == "colleague":
                call = await scene.team.first.call(extension, scene.headers(scene.ref))
            elif way == "created":
                response = await office.create(scene.team, scene.number, scene.ref, agent=extension)
                assert response.status_code == 201, response.text
            else:
                await scene.begin()
                await scene.agent.send_to(extension)
            reached = await phone.next_call()
            await reached.up()
            if way == "colleague":
                await call.hang_up()
            else:
                client = await office.trunk.next_call(number=scene.number)
                await client.up()
                await client.media.hear(endpoint)
                await client.hang_up()
            [record] = await records(scene)
        named = (record["extension"], record["number"])
        right = (extension, scene.number)
        if way == "colleague":
            right = (scene.team.first.name, extension)
        assert named == right

    hold(office, Origin.PHONE, play)


@pytest.mark.case("T12")
def test_a_withheld_number(office: Office) -> None:
    async def play(scene: Scene) -> None:
        privacy = [("Privacy", "id")]
        client = await office.dial_in(scene.team.did(), scene.number, scene.ref, privacy)
        agent = await scene.team.first.next_call()
        await client.up()
        assert agent.invite
        assert scene.number.encode() not in agent.invite.raw
        await client.hang_up()
        [record] = await records(scene)
        assert record["number"] == ""

    hold(office, Origin.DID, play)


@pytest.mark.case("T18")
@pytest.mark.parametrize("prefix", ["+27", "0027", "0", "27"])
def test_a_did_in_any_writing(office: Office, prefix: str) -> None:
    async def play(scene: Scene) -> None:
        did = prefix + scene.team.did().removeprefix("27")
        client = await office.dial_in(did, scene.number, scene.ref)
        await scene.team.first.next_call()
        await client.up()
        await client.hang_up()
        [record] = await records(scene)
        assert record["dial_number"][-9:] == did[-9:]
        assert record["extension"] == scene.team.first.name

    hold(office, Origin.DID, play)


@pytest.mark.case("T14")
@pytest.mark.parametrize("way", ["created", "colleague"])
def test_all_contacts_ring_and_the_rest_stop(office: Office, way: str) -> None:
    async def play(scene: Scene) -> None:
        name = scene.team.twice
        async with further_phone(scene, name) as desk, further_phone(scene, name) as mobile:
            desk.rule = mobile.rule = ring()
            if way == "created":
                response = await office.create(scene.team, scene.number, scene.ref, agent=name)
                assert response.status_code == 201, response.text
            else:
                await scene.team.first.call(name, scene.headers(scene.ref))
            at_desk, at_mobile = await asyncio.gather(desk.next_call(), mobile.next_call())
            at_mobile.answer()
            await at_desk.over(2)
            assert at_desk.final_status == 487
            await asyncio.sleep(0.3)
            assert at_mobile.ended_at == 0.0
            await at_mobile.hang_up()
            await records(scene)

    hold(office, Origin.PHONE, play)


@pytest.mark.case("T14")
def test_a_created_call_for_an_agent_who_talks(office: Office) -> None:
    async def play(scene: Scene) -> None:
        await scene.begin()
        response = await office.create(scene.team, scene.partner, scene.ref)
        await scene.agent.hang_up()
        await records(scene)
        assert response.status_code == 429, response.text
        assert not scene.team.first.incoming

    hold(office, Origin.PHONE, play)


@pytest.mark.case("T16")
@pytest.mark.parametrize("answered", [True, False])
def test_the_client_gives_up(office: Office, answered: bool) -> None:
    """In a queue, or while the agent's phone rings."""

    async def play(scene: Scene) -> None:
        scene.team.first.rule = refuse(486) if answered else ring()
        await scene.place()
        await scene.team.first.next_call()
        if answered:
            await scene.client.hang_up()
        else:
            scene.client.cancel()
        [record] = await records(scene)
        assert (record["end_reason"], record["extension"]) == ("callee_hungup", "")
        assert record["end_code"] in (0, 16)

    hold(office, Origin.QUEUE if answered else Origin.DID, play)
