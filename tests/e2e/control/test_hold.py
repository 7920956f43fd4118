"""A client on hold by the API: what is heard, what is told of it, and what ends it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from sandbox.office import CALLS, Office
from sandbox.sdp import Direction
from sandbox.waiting import patience
from tests.e2e.control import consulting
from tests.e2e.control.desk import KEYS, RECORDED, ask, none_left, play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

ALL = tuple(Origin)
OF_A_KEY, FLASH = [("Content-Type", "application/dtmf-relay")], "Signal=!\r\nDuration=80\r\n"


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Music is mixed into what the agent's phone sends."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


async def hold(scene: Scene, ref: str) -> None:
    """Put the client on hold, twice; he hears music, and the agent nothing."""
    for _ in range(2):
        assert (await steer(scene, ref, "hold"))["held"] is True
    await on_hold(scene)


async def on_hold(scene: Scene) -> None:
    client, agent = scene.client.media, scene.agent.media
    await client.hear_music()
    await asyncio.sleep(0.8)
    assert agent.mark not in client.lately(0.5)
    assert client.mark not in agent.lately(0.5)
    assert time.monotonic() - agent.music_at > 0.5, "the agent hears music"
    assert time.monotonic() - client.music_at < 0.5, "the music has ended"


async def no_music(scene: Scene) -> None:
    async with asyncio.timeout(patience(3)):
        while time.monotonic() - scene.client.media.music_at < 0.4:
            await asyncio.sleep(0.05)


async def until_shown(scene: Scene, ref: str, state: str) -> dict[str, Any]:
    """Return a call as the API shows it, as soon as it is shown in a state."""
    url = f"http://{scene.office.http[scene.team.plan.name]}{CALLS}/{ref}"
    async with asyncio.timeout(patience(8)):  # another server may have to begin to read
        while (told := (await scene.office.api.get(url)).json()).get("state") != state:
            await asyncio.sleep(0.02)
    return dict(told)


@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_the_client_hears_music_and_then_the_agent(office: Office, integrator: str) -> None:
    """Also through Local channels."""

    async def held(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await hold(scene, ref)
        await until_shown(scene, ref, "held")
        for _ in range(2):
            assert (await steer(scene, ref, "unhold"))["held"] is False
        await scene.hear(scene.agent)
        await no_music(scene)
        await until_shown(scene, ref, "up")
        await scene.end(scene.agent)

    play(office, held, origins=ALL, integrator=integrator)


def test_a_muted_agent_stays_muted_and_no_longer_muted_one_is_not_heard_yet(
    office: Office,
) -> None:
    async def muted(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await steer(scene, ref, "mute")
        await hold(scene, ref)
        await steer(scene, ref, "unhold")
        await scene.agent.media.hear(scene.client.media.mark)
        await asyncio.sleep(0.6)
        assert scene.agent.media.mark not in scene.client.media.lately(0.5)
        await hold(scene, ref)
        told = await steer(scene, ref, "unmute")
        assert (told["muted"], told["held"]) == (False, True)
        await on_hold(scene)
        await steer(scene, ref, "unhold")
        await scene.end(scene.agent)

    play(office, muted)


@pytest.mark.parametrize("how", ["client", "agent", "delete"])
def test_the_record_tells_for_how_long(office: Office, how: str) -> None:
    """Of holds that are over and of one that lasts to the end, whoever hangs up."""

    async def held(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        waited = scene.answered - scene.began if scene.cell.origin is Origin.QUEUE else 0.0
        length = 0.0
        for last in (False, True):
            began = time.monotonic()
            await steer(scene, ref, "hold")
            await asyncio.sleep(1.5)
            if not last:
                await steer(scene, ref, "unhold")
                length += time.monotonic() - began
                await asyncio.sleep(1.5)
        if how == "delete":
            assert await office.delete(scene.team, ref) == 204
        else:
            await (scene.client if how == "client" else scene.agent).hang_up()
        await asyncio.gather(scene.client.over(), scene.agent.over())
        length += time.monotonic() - began
        (record,) = await records(scene)
        assert record["call_ref"] == ref
        assert record["extension"] == scene.team.first.name
        assert record["hold_time_number"] == pytest.approx(waited + length, abs=2.2)
        assert record["hold_time"] == pytest.approx(waited, abs=1.2)
        await none_left(office)

    play(office, held, origins=ALL, integrator=RECORDED, strictly=False)


@pytest.mark.parametrize("how", ["blind", "attended", "api"])
def test_handed_on_while_on_hold(office: Office, how: str) -> None:
    """By the phone, at once or after asking, or by the API: nothing is left of the hold."""

    async def handed_on(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await hold(scene, ref)
        second = scene.team.second
        if how == "blind":
            await scene.agent.send_to(second.name)
            other = await second.next_call()
            await other.up()
        elif how == "attended":
            consultation = await scene.consult(second.name)
            other = await second.next_call()
            await consultation.up()
            await scene.client.media.hear_music()  # of whoever plays it
            await scene.put_together(consultation, second.name)
            ended = time.time()
        else:
            await steer(scene, ref, "transfer", callee=second.name)
            other = await second.next_call()
            await other.up()
        await scene.agent.over()
        await scene.hear(other)
        await no_music(scene)
        await none_left(office)
        await until_shown(scene, ref, "up")
        await scene.end(other)
        if how == "attended":
            scene.expect_consultation(consultation, CLIENT_HUNG_UP | AGENT_HUNG_UP, ended)

    play(office, handed_on, origins=ALL)


async def until_silent(scene: Scene, silent: str) -> None:
    """Wait until the hold's music knows that the phone has (1) the client on hold, or not (0)."""
    office, name = scene.office, await scene.office.channel_of(scene.agent)
    async with asyncio.timeout(patience(3)):
        while True:
            channels = await office.channels()
            (agents,) = [one["id"] for one in channels if one["name"] == name]
            told = [
                [await variable(office, one["id"], name) for name in ("C2D_SPIED", "C2D_SILENT")]
                for one in channels
                if one["name"].startswith("Local/music@click2dial-hold")
            ]
            if [agents, silent] in told:
                return
            await asyncio.sleep(0.05)


async def variable(office: Office, channel_id: str, name: str) -> str:
    answer = await office.ari("GET", f"/channels/{channel_id}/variable", variable=name)
    return str((answer or {}).get("value", ""))


def test_the_phones_own_hold_meanwhile(office: Office) -> None:
    """He hears music all the time, of one of the two, until both are over."""

    async def both(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await hold(scene, ref)
        await scene.agent.hold()
        await until_silent(scene, "1")
        await scene.client.media.hear_music()
        assert (await steer(scene, ref, "hold"))["held"] is True
        await steer(scene, ref, "unhold")
        await scene.client.media.hear_music()
        await until_shown(scene, ref, "held")
        await steer(scene, ref, "hold")
        await until_silent(scene, "1")
        await scene.agent.hold(Direction.BOTH)
        await until_silent(scene, "0")
        await on_hold(scene)
        await steer(scene, ref, "unhold")
        await until_shown(scene, ref, "up")
        await scene.end(scene.agent)

    play(office, both, origins=(Origin.PHONE, Origin.DID))


@pytest.mark.case("T110")
def test_a_phone_that_asks_for_much_meanwhile(office: Office) -> None:
    """The PBX looks after the hold and after the phone's requests at the same time."""

    async def busy(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await hold(scene, ref)
        for _ in range(100):
            keys = [scene.agent.request("INFO", OF_A_KEY, body=FLASH) for _ in range(20)]
            await asyncio.gather(*keys)  # each is answered
        await steer(scene, ref, "unhold")
        await scene.end(scene.agent)

    play(office, busy, busy)


def test_any_server_ends_it_though_who_began_it_is_gone(office: Office) -> None:
    """Killed, and reloaded, while the client is on hold: he stays so, and all can tell."""

    async def orphaned(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        first, second = office.servers
        try:
            answer = await office.ask_server(1, "POST", scene.team, f"/{ref}/hold")
            assert answer.status_code == 202, answer.text
            await asyncio.to_thread(second.kill)
            first.reload()
            await on_hold(scene)
            await until_shown(scene, ref, "held")
            assert (await steer(scene, ref, "hold"))["held"] is True
            assert (await steer(scene, ref, "unhold"))["held"] is False
        finally:
            await asyncio.to_thread(second.start_again)
        await scene.hear(scene.agent)
        await none_left(office)
        await scene.end(scene.agent)

    play(office, orphaned)


def test_who_may_not(office: Office) -> None:
    async def refused(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        async with office.team("through") as strangers:
            for action in ("hold", "unhold"):
                answer = await office.ask("POST", strangers, f"/{ref}/{action}")
                assert answer.status_code == 404, answer.text
        await scene.hear(scene.agent)
        await scene.agent.hang_up()
        await scene.client.over()
        for action in ("hold", "unhold"):
            assert (await ask(scene, ref, action)).status_code == 409

    play(office, refused, strictly=False)


@pytest.mark.case("T39")
def test_what_is_begun_for_another_channel_does_not_matter(office: Office) -> None:
    """Asterisk takes the id of what is to begin for taken if that of another begins with it.

    Others' ids are these: a channel's uniqueid is the second and a number, so 1795815290.16 begins
    as 1795815290.1 does.
    """

    async def held(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        name = await office.channel_of(scene.agent)
        [uniqueid] = [one["id"] for one in await office.channels() if one["name"] == name]
        where = {"context": "outside", "extension": KEYS, "endpoint": f"Local/{KEYS}@outside/n"}
        others = [f"{kind}-{uniqueid}6-" for kind in ("hold", "consult", "asked")]
        for other in others:
            await office.ari("POST", f"/channels/{other}", **where)
        await hold(scene, ref)
        await steer(scene, ref, "unhold")
        colleague = await consulting.begin(scene, ref)
        await steer(scene, ref, "transfer/cancel")
        await colleague.over()
        for other in others:
            await office.ari("DELETE", f"/channels/{other}")
        await scene.end(scene.agent)

    play(office, held)
