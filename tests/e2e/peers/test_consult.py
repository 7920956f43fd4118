"""An agent asks a colleague whose phone is registered at another PBX, by the API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.phone_call import PhoneCall
from sandbox.ua import refuse, ring
from sandbox.waiting import patience
from tests.e2e.peers.conftest import Site
from tests.e2e.peers.test_transfers import Origin, Scene, ended, origins, play

pytestmark = pytest.mark.case("S9")


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is mixed into what others send."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


async def steer(scene: Scene, ref: str, action: str, **body: Any) -> dict[str, Any]:
    answer = await scene.site.steer(ref, action, **body)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def ask(scene: Scene, callee: str = "1001") -> str:
    """Have the agent ask a colleague; return the call's reference."""
    ref = str((await scene.live())["call_ref"])
    told = await steer(scene, ref, "transfer", callee=callee, type="consult")
    assert told["held"] is True
    await scene.client.media.hear_music()
    return ref


async def talk(scene: Scene, ref: str, asking: PhoneCall, asked: PhoneCall) -> None:
    """Return when the two who ask and are asked hear each other, and the API says so."""
    await asked.up()
    await asyncio.gather(asking.media.hear(asked.media.mark), asked.media.hear(asking.media.mark))
    async with asyncio.timeout(patience(5)):
        callee = asked.ua.name
        while (await steer(scene, ref, "transfer", callee=callee, type="consult"))["consult"] != (
            "talking"
        ):
            await asyncio.sleep(0.05)


@origins
def test_the_colleague_is_asked_and_given_the_client(site: Site, origin: Origin) -> None:
    """Then the client is his, and comes back to him from whoever does not take the client."""

    async def act(scene: Scene) -> None:
        ref = await ask(scene)
        other = await scene.colleague.next_call()
        assert other.invite is not None
        assert other.invite.from_user == "1000"
        await talk(scene, ref, scene.first, other)
        await steer(scene, ref, "transfer/complete")
        await scene.first.over()
        await scene.hear(other)
        assert (await scene.live())["agent"] == "1001"
        assert len(scene.colleague.incoming) == 1
        scene.agent.rule = refuse(486)
        await scene.send_by_api("1000")
        again = await scene.colleague.next_call(1)
        await scene.hear(again)
        await again.hang_up()

    assert ended(play(site, origin, act)) == ("1001", "agent_hungup", 16)


def test_the_colleague_asks_in_turn(site: Site) -> None:
    """The call's PBX has the phone of whom he asks, and only the way to his own."""

    async def act(scene: Scene) -> None:
        await scene.send_by_api("1001")
        other = await scene.colleague.next_call()
        await scene.hear(other)
        before = len(scene.agent.incoming)
        ref = await ask(scene, "1000")
        third = await scene.agent.next_call(before)
        await talk(scene, ref, other, third)
        await steer(scene, ref, "transfer/complete")
        await other.over()
        await scene.hear(third)
        await third.hang_up()

    assert ended(play(site, Origin.PHONE, act)) == ("1000", "agent_hungup", 16)


@pytest.mark.parametrize("how", ["cancel", "rings", "declines", "hangs up"])
def test_nothing_comes_of_it(site: Site, how: str) -> None:
    """Agent and client talk again, and the colleague is in no record."""

    async def act(scene: Scene) -> None:
        if how in ("rings", "declines"):
            scene.colleague.rule = ring() if how == "rings" else refuse(603)
        ref = await ask(scene)
        other = await scene.colleague.next_call()
        if how in ("cancel", "hangs up"):
            await talk(scene, ref, scene.first, other)
        if how in ("cancel", "rings"):
            told = await steer(scene, ref, "transfer/cancel")
            assert (told["held"], told["consult"]) == (False, None)
        elif how == "hangs up":
            await other.hang_up()
        await other.over()
        async with asyncio.timeout(patience(4)):  # who is never rung is waited for longer
            await scene.hear(scene.first)
        await scene.first.hang_up()

    assert ended(play(site, Origin.DID, act)) == ("1000", "agent_hungup", 16)


def test_a_colleague_who_talks_there_is_not_rung(site: Site) -> None:
    """Nor is one who has no phone at any of them."""

    async def act(scene: Scene) -> None:
        ref = str((await scene.live())["call_ref"])
        async with site.phone(site.west, "1002") as neighbour:
            busy = await neighbour.call("1001")
            await busy.up()
            for callee, status in (("1001", 429), ("1003", 409)):
                answer = await site.steer(ref, "transfer", callee=callee, type="consult")
                assert answer.status_code == status, answer.text
            await busy.hang_up()
        await scene.hear(scene.first)
        await scene.first.hang_up()

    assert ended(play(site, Origin.DID, act, records=2)) == ("1000", "agent_hungup", 16)
