"""An agent asks a colleague, by the API, before the client goes to him: who hears whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.waiting import patience
from tests.e2e.control.consulting import (
    asking,
    begin,
    no_music,
    none_left,
    only_with,
    until_talking,
)
from tests.e2e.control.desk import RECORDED, ask, play, ref_of, steer
from tests.e2e.control.test_hold import until_shown
from tests.e2e.control.test_recording import fetched, silences
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

ALL = tuple(Origin)


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is mixed into what others send."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


async def each_speaks(parties: Mapping[str, PhoneCall], heard_by: Mapping[str, set[str]]) -> None:
    """Have one after the other speak alone; who hears several at once knows nobody."""
    for name, speaking in parties.items():
        for one in parties.values():
            one.media.silent = one is not speaking
        mark = speaking.media.mark
        await asyncio.gather(*(parties[one].media.hear(mark) for one in heard_by[name]))
        await asyncio.sleep(0.8)
        for other in set(parties) - {name, *heard_by[name]}:
            assert mark not in parties[other].media.lately(0.6), f"{other} hears {name}"
    for one in parties.values():
        one.media.silent = False


async def agent_shown(scene: Scene, call: PhoneCall, state: str, ref: str) -> None:
    """Wait until an agent is shown so, with that call."""
    url = f"http://{scene.office.http[scene.team.plan.name]}/click2dial/agents/{call.ua.name}"
    async with asyncio.timeout(patience(8)):
        while True:
            told = (await scene.office.api.get(url)).json()
            if (told.get("state"), told.get("call_ref")) == (state, ref):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("integrator", "origins"), [("acme", ALL), ("through", (Origin.PHONE,))])
def test_who_hears_whom_and_then_the_colleague_has_the_client(
    office: Office, integrator: str, origins: tuple[Origin, ...]
) -> None:
    """Also where trunk and colleague are behind Local channels."""

    async def given(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        parties = {"agent": scene.agent, "client": scene.client, "colleague": colleague}
        await scene.client.media.hear_music()
        heard_by = {"agent": {"colleague"}, "client": set[str](), "colleague": {"agent"}}
        await each_speaks(parties, heard_by)
        await no_music(scene.agent, colleague)
        await until_shown(scene, ref, "held")
        await agent_shown(scene, colleague, "talking", "")
        await agent_shown(scene, scene.agent, "hold", ref)
        told = await steer(scene, ref, "transfer/complete")
        assert told == {"muted": False, "held": False, "recording_paused": False, "consult": None}
        await scene.agent.over()
        await only_with(scene, colleague)
        await until_shown(scene, ref, "up")
        await agent_shown(scene, colleague, "talking", ref)
        assert len(scene.team.second.incoming) == 1
        await scene.end(colleague)

    play(office, given, origins=origins, integrator=integrator)
    office.loop.run(none_left(office))


def test_the_agent_takes_the_client_back(office: Office) -> None:
    """By `cancel`, or as from any hold; asked for twice it is once."""

    async def taken(scene: Scene, how: str) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        await asking(scene, colleague)
        for _ in range(2):
            told = await steer(scene, ref, how)
            assert (told["held"], told["consult"]) == (False, None)
        await colleague.over()
        await only_with(scene, scene.agent)
        await until_shown(scene, ref, "up")
        await scene.end(scene.agent)

    async def cancelled(scene: Scene) -> None:
        await taken(scene, "transfer/cancel")

    async def unheld(scene: Scene) -> None:
        await taken(scene, "unhold")

    play(office, cancelled, origins=ALL)
    play(office, unheld)
    office.loop.run(none_left(office))


def test_the_colleague_sends_the_client_on(office: Office) -> None:
    """He is an agent like any other: by his phone, at once or after asking, and by the API."""

    async def sent(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        await steer(scene, ref, "transfer/complete")
        await scene.hear(colleague)
        third = scene.team.third
        await colleague.send_to(third.name)
        other = await third.next_call()
        await colleague.over()
        await only_with(scene, other)
        await scene.end(other)

    async def put_through(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        scene.agent = await begin(scene, ref)
        await steer(scene, ref, "transfer/complete")
        await scene.hear(scene.agent)
        second, third = scene.team.second, scene.team.third
        await scene.agent.hold()
        consultation = await second.call(third.name, scene.headers(f"{scene.ref}-c"))
        other = await third.next_call()
        await consultation.up()
        await scene.hear_each_other(consultation, other)
        await scene.put_together(consultation, third.name)
        ended = time.time()
        await only_with(scene, other)
        await scene.end(other)
        scene.expect_consultation(consultation, CLIENT_HUNG_UP | AGENT_HUNG_UP, ended)
        scene.expected[-1] = replace(
            scene.expected[-1], extension=second.name, number=third.name, dial_number=second.name
        )

    async def sent_by_api(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        await steer(scene, ref, "transfer/complete")
        await scene.hear(colleague)
        third = scene.team.third
        await steer(scene, ref, "transfer", callee=third.name, type="consult")
        other = await third.next_call()
        await until_talking(scene, ref, third)
        await steer(scene, ref, "transfer/complete")
        await colleague.over()
        await only_with(scene, other)
        await scene.end(other)

    play(office, sent, put_through, origins=ALL)
    play(office, sent_by_api, origins=ALL)


def test_the_colleague_hangs_up_on_the_client(office: Office) -> None:
    async def left(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        await steer(scene, ref, "transfer/complete")
        await scene.agent.over()
        await scene.left(colleague)

    play(office, left, origins=ALL)


def test_asked_for_again(office: Office) -> None:
    """Nobody is rung twice, nor are two; what there is not cannot be completed."""

    async def again(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        assert (await ask(scene, ref, "transfer/complete")).status_code == 409
        assert (await steer(scene, ref, "transfer/cancel"))["consult"] is None
        await scene.hear(scene.agent)
        colleague = await begin(scene, ref)
        second, third = scene.team.second, scene.team.third
        told = await steer(scene, ref, "transfer", callee=second.name, type="consult")
        assert told["consult"] == "talking"
        other = await ask(scene, ref, "transfer", callee=third.name, type="consult")
        assert (other.status_code, "transfer/cancel" in other.text) == (409, True)
        told = await steer(scene, ref, "hold")
        assert (told["held"], told["consult"]) == (True, "talking")
        await asking(scene, colleague)
        path, key = f"/{ref}/transfer/complete", {"Idempotency-Key": scene.ref}
        for _ in range(2):
            answer = await office.ask("POST", scene.team, path, headers=key)
            assert answer.status_code == 202, answer.text
        await only_with(scene, colleague)
        for action in ("transfer/complete", "transfer/cancel"):
            assert (await steer(scene, ref, action))["consult"] is None
        await only_with(scene, colleague)
        assert (len(second.incoming), len(third.incoming)) == (1, 0)
        await scene.end(colleague)

    play(office, again, origins=ALL)


def test_on_hold_or_muted_before_and_meanwhile(office: Office) -> None:
    async def held(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        await steer(scene, ref, "hold")
        await steer(scene, ref, "mute")
        second = scene.team.second
        await steer(scene, ref, "transfer", callee=second.name, type="consult")
        colleague = await second.next_call()
        await colleague.up()
        async with asyncio.timeout(patience(5)):
            while (await steer(scene, ref, "hold"))["consult"] != "talking":
                await asyncio.sleep(0.05)
        await asking(scene, colleague)
        told = await steer(scene, ref, "transfer/cancel")
        assert (told["muted"], told["held"]) == (True, False)
        await scene.agent.media.hear(scene.client.media.mark)
        await asyncio.sleep(0.8)
        assert scene.client.media.lately(0.5) == set()
        await steer(scene, ref, "unmute")
        await only_with(scene, scene.agent)
        await scene.end(scene.agent)

    play(office, held, origins=ALL)


def test_what_the_record_and_the_recording_say(office: Office) -> None:
    """How long the client waited; and of what was said meanwhile what he said."""

    async def recorded(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        waited = scene.answered - scene.began if scene.cell.origin is Origin.QUEUE else 0.0
        await asyncio.sleep(1.0)
        began = time.monotonic()
        scene.client.media.silent = True
        colleague = await begin(scene, ref)
        await asking(scene, colleague)
        await asyncio.sleep(1.0)
        silent = time.monotonic() - began
        scene.client.media.silent = False
        await asyncio.sleep(1.5)
        await steer(scene, ref, "transfer/complete")
        length = time.monotonic() - began
        await only_with(scene, colleague)
        await scene.client.hang_up()
        (record,) = await records(scene)
        assert record["extension"] == scene.team.second.name
        assert record["hold_time_number"] == pytest.approx(waited + length, abs=2.2)
        assert record["hold_time"] == pytest.approx(waited, abs=1.2)
        found = silences(await fetched(scene, record["recording_url"]))
        longest = max((last - first for first, last in found), default=0.0)
        # A machine that stands still for a moment loses packets; he spoke for 1.5 s after that.
        assert 0.6 * silent < longest < silent + 1, found

    play(office, recorded, origins=ALL, integrator=RECORDED, strictly=False)
