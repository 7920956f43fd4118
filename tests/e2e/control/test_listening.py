"""A supervisor's phone in a call: whom it hears, who hears it, and who is told."""

from __future__ import annotations

import asyncio
import json

import pytest
from redis.asyncio import Redis

from sandbox.office import Office
from sandbox.ua import forward, refuse, ring
from sandbox.waiting import patience
from tests.e2e.control.desk import SUPERVISOR, ask, play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene

HEARD_BY = {"listen": (), "whisper": ("agent",), "barge": ("agent", "client")}


async def told(scene: Scene) -> list[dict[str, object]]:
    """Take what the supervisor's list has of the scene."""
    async with Redis.from_url(scene.office.redis.url, decode_responses=True) as redis:
        texts = await redis.lrange(f"{scene.team.plan.name}:listen", 0, -1)
    payloads = [json.loads(text) for text in texts]
    assert {one["type"] for one in payloads} <= {"listen"}
    return [one["payload"] for one in payloads if one["payload"]["contact_ref"] == scene.ref]


async def rung_out(scene: Scene) -> None:
    """Wait until what rang the supervisor is gone; now and then it stays as long as it may ring."""
    async with asyncio.timeout(patience(15)):
        while any("click2dial-listen" in one["name"] for one in await scene.office.channels()):
            await asyncio.sleep(0.1)


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a supervisor says is mixed into what the others send."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


@pytest.mark.parametrize("mode", HEARD_BY)
def test_who_hears_whom(office: Office, mode: str) -> None:
    async def heard(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        third = scene.team.third
        for _ in range(2):
            await steer(scene, ref, "listen", extension=third.name, mode=mode)
        supervisor = await third.next_call()
        await supervisor.up()
        await steer(scene, ref, "listen", extension=third.name, mode=mode)
        parties = {"agent": scene.agent, "client": scene.client, "supervisor": supervisor}
        for speaker, speaking in parties.items():
            for one in parties.values():
                one.media.silent = one is not speaking
            listeners = HEARD_BY[mode] if speaker == "supervisor" else set(parties) - {speaker}
            await asyncio.gather(
                *(parties[name].media.hear(speaking.media.mark) for name in listeners)
            )
            await asyncio.sleep(0.8)
            for name in set(parties) - {speaker, *listeners}:
                assert speaking.media.mark not in parties[name].media.lately(0.7), name
        for one in parties.values():
            one.media.silent = False
        assert len(third.incoming) == 1
        [use] = await told(scene)
        assert (use["extension"], use["mode"], use["call_ref"]) == (third.name, mode, ref)
        assert use["agent"] == scene.team.first.name
        assert f"supervisor {third.name}: {mode} to agent" in office.server.log()
        await scene.client.hang_up()
        await asyncio.gather(scene.agent.over(), supervisor.over())

    play(office, heard, origins=(Origin.PHONE, Origin.DID), strictly=False)


def test_the_call_and_its_record_are_as_without(office: Office) -> None:
    """Also if the supervisor leaves first, or the agent hands the client on."""

    async def listened(scene: Scene, *, leaves: bool) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await steer(scene, ref, "listen", extension=scene.team.third.name)
        supervisor = await scene.team.third.next_call()
        await supervisor.up()
        if leaves:
            await supervisor.hang_up()
            await rung_out(scene)
            await scene.end(scene.agent)
            return
        await rung_out(scene)
        await scene.agent.send_to(scene.team.second.name)
        other = await scene.team.second.next_call()
        await supervisor.over()
        await scene.end(other)

    async def leaves(scene: Scene) -> None:
        await listened(scene, leaves=True)

    async def handed_on(scene: Scene) -> None:
        await listened(scene, leaves=False)

    play(office, leaves, handed_on, origins=tuple(Origin))


@pytest.mark.case("L5")
def test_a_supervisor_who_has_not_answered_rings_no_longer_than_the_agent_talks(
    office: Office,
) -> None:
    async def over(scene: Scene, *, handed_on: bool) -> None:
        await scene.begin()
        third = scene.team.third
        third.rule = ring()
        await steer(scene, await ref_of(scene), "listen", extension=third.name)
        supervisor = await third.next_call()
        if handed_on:
            await scene.agent.send_to(scene.team.second.name)
            other = await scene.team.second.next_call()
        await asyncio.gather(supervisor.over(), *(() if handed_on else (scene.end(scene.agent),)))
        if handed_on:
            await scene.end(other)

    async def ends(scene: Scene) -> None:
        await over(scene, handed_on=False)

    async def goes_on(scene: Scene) -> None:
        await over(scene, handed_on=True)

    play(office, ends, goes_on, origins=tuple(Origin))


def test_who_may_not_and_which_phone_cannot(office: Office) -> None:
    async def refused(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        third = scene.team.third
        for headers, status in (
            ({}, 403),
            ({"Authorization": "Bearer x"}, 403),
            ({"Authorization": f"Basic {SUPERVISOR}x"}, 403),
        ):
            answer = await office.ask(
                "POST",
                scene.team,
                f"/{ref}/listen",
                json={"extension": third.name},
                headers=headers,
            )
            assert answer.status_code == status, answer.text
        for body, status in (
            ({"extension": "3001"}, 422),  # another integrator's
            ({"extension": scene.team.first.name}, 422),  # the agent himself
            ({"extension": scene.team.nobody}, 409),
            ({"extension": third.name, "mode": "spy"}, 422),
            ({"extension": f"{third.name}&PJSIP/trunk"}, 422),
        ):
            answer = await ask(scene, ref, "listen", **body)
            assert answer.status_code == status, (body, answer.text)
        assert await told(scene) == []
        for rule in (refuse(486), forward("<sip:0820000100@127.0.0.1>")):  # it leads nowhere
            third.rule = rule
            before = len(third.incoming)
            await steer(scene, ref, "listen", extension=third.name)
            await (await third.next_call(before)).over()
            await rung_out(scene)
        await scene.end(scene.agent)

    play(office, refused)
