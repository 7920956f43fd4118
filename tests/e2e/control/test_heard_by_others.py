"""Somebody else comes into the place of a phone that hears a call, by what phones can do."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import UA
from tests.e2e.control.consulting import begin, none_left, only_with
from tests.e2e.control.desk import play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

pytestmark = pytest.mark.case("T101")


async def in_chanspy(scene: Scene, hearing: UA) -> None:
    """Wait until the PBX has a phone hear the call: it answers before."""
    while not any(
        one["name"].startswith(f"PJSIP/{hearing.name}-")
        and one["dialplan"]["app_name"] == "ChanSpy"
        for one in await scene.office.channels()
    ):
        await asyncio.sleep(0.05)


async def put_in_its_place(scene: Scene, hearing: PhoneCall, user: str) -> PhoneCall:
    """The phone that hears calls somebody, and presses the transfer key; return that one's call."""
    office, phone = scene.office, hearing.ua
    own = await phone.call(user, scene.headers(f"{scene.ref}-o"), mark=f"{phone.name}-own")
    if user == scene.partner:
        other = await office.trunk.next_call(number=user)
    else:
        other = await next(one for one in scene.team.all_phones() if one.name == user).next_call()
    await asyncio.gather(own.up(), other.up())
    await scene.hear_each_other(own, other)
    async with office.masquerade:
        replaces = quote(own.replaces(), safe="")
        asked = await hearing.refer(f"<{phone.uri(user)}?Replaces={replaces}>")
        assert asked.status == 202
        await hearing.leave()
        await asyncio.gather(own.over(), other.over())
    return other


async def they_talk_on(scene: Scene) -> None:
    await only_with(scene, scene.agent)
    await scene.client.hang_up()
    await scene.agent.over()


async def hears(scene: Scene) -> PhoneCall:
    """Begin the scene's call, and return that of the supervisor who hears it, the team's third."""
    await scene.begin()
    phone = scene.team.third
    await steer(scene, await ref_of(scene), "listen", extension=phone.name)
    supervisor = await phone.next_call()
    await supervisor.up()
    await in_chanspy(scene, phone)
    return supervisor


@pytest.mark.parametrize("outside", [False, True])
def test_a_supervisor_transfers_what_he_hears(office: Office, outside: bool) -> None:
    async def transfers(scene: Scene) -> None:
        team, supervisor = scene.team, await hears(scene)
        user = scene.partner if outside else team.second.name
        await put_in_its_place(scene, supervisor, user)
        await they_talk_on(scene)
        told = {one["number"]: one for one in await records(scene, 2)}
        assert told.keys() == {scene.number, user}
        assert told[user]["extension"] == team.third.name
        assert told[scene.number]["end_reason"] == "callee_hungup"

    play(office, transfers, origins=(Origin.PHONE, Origin.DID), strictly=False)


def test_another_phone_takes_what_a_supervisor_hears(office: Office) -> None:
    async def takes(scene: Scene) -> None:
        team, supervisor = scene.team, await hears(scene)
        async with office.masquerade:
            replaces = [("Replaces", supervisor.replaces())]
            other = await team.second.call(team.third.name, replaces)
            await asyncio.gather(other.over(), supervisor.over())
        await they_talk_on(scene)

    play(office, takes, strictly=False)


def test_a_colleague_transfers_who_is_asked(office: Office) -> None:
    """The consultation is over: he is not there any more."""

    async def transfers(scene: Scene) -> None:
        await scene.begin()
        colleague = await begin(scene, await ref_of(scene))
        await put_in_its_place(scene, colleague, scene.team.third.name)
        await they_talk_on(scene)

    play(office, transfers, origins=(Origin.PHONE, Origin.DID), strictly=False)
    office.loop.run(none_left(office))
