"""Whatever ends a consultation: nobody stays unheard, no music is left, and records are right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from sandbox.office import Office
from sandbox.server import Server
from sandbox.ua import forward, refuse, ring
from sandbox.waiting import patience
from tests.e2e.control.consulting import asking, begin, none_left, only_with, until_talking
from tests.e2e.control.desk import RECORDED, ask, play, ref_of, steer
from tests.e2e.control.test_hold import until_shown
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

ALL = tuple(Origin)


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is mixed into what others send."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


DECLINING = {
    "busy": refuse(486),
    "declined": refuse(603),
    "forwarded": forward("<sip:0820000100@127.0.0.1>"),  # it leads nowhere
}


@pytest.mark.parametrize("how", DECLINING)
def test_a_colleague_who_does_not_come(office: Office, how: str) -> None:
    """Busy, or he declines, or his phone wants to forward: the agent has the client again."""

    async def declined(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        second = scene.team.second
        second.rule = DECLINING[how]
        await steer(scene, ref, "transfer", callee=second.name, type="consult")
        await (await second.next_call()).over()
        await until_shown(scene, ref, "up")
        await only_with(scene, scene.agent)
        assert (await ask(scene, ref, "transfer/complete")).status_code == 409
        await scene.end(scene.agent)

    before = len(office.pbx.log())
    play(office, declined, origins=ALL)
    office.loop.run(none_left(office))
    # Asterisk warns of a channel that has no name, and of what it makes of that.
    assert "syntax error" not in office.pbx.log()[before:]


def test_one_who_does_not_answer_is_given_up(office: Office) -> None:
    """And another is asked."""

    async def silent(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        second, third = scene.team.second, scene.team.third
        second.rule = ring()
        for _ in range(2):
            told = await steer(scene, ref, "transfer", callee=second.name, type="consult")
            assert (told["consult"], told["held"]) == ("ringing", True)
        rung = await second.next_call()
        await scene.client.media.hear_music()
        assert (await ask(scene, ref, "transfer/complete")).status_code == 409
        assert (await steer(scene, ref, "transfer/cancel"))["consult"] is None
        await rung.over()
        await steer(scene, ref, "transfer", callee=third.name, type="consult")
        colleague = await third.next_call()
        await until_talking(scene, ref, third)
        await asking(scene, colleague)
        await steer(scene, ref, "transfer/cancel")
        await only_with(scene, scene.agent)
        assert len(second.incoming) == 1
        await scene.end(scene.agent)

    play(office, silent, origins=ALL)
    office.loop.run(none_left(office))


def test_the_colleague_leaves(office: Office) -> None:
    async def left(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        await asking(scene, colleague)
        await colleague.hang_up()
        await until_shown(scene, ref, "up")
        await only_with(scene, scene.agent)
        await scene.end(scene.agent)

    play(office, left, origins=ALL)
    office.loop.run(none_left(office))


@pytest.mark.parametrize("how", ["client", "agent", "delete"])
def test_the_call_ends(office: Office, how: str) -> None:
    """The colleague's, too; the record says for how long the client waited."""

    async def ended(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        waited = scene.answered - scene.began if scene.cell.origin is Origin.QUEUE else 0.0
        began = time.monotonic()
        await steer(scene, ref, "hold")
        await asyncio.sleep(0.5)
        colleague = await begin(scene, ref)
        await asyncio.sleep(3)  # more than the record may be off
        if how == "delete":
            assert await office.delete(scene.team, ref) == 204
        else:
            await (scene.client if how == "client" else scene.agent).hang_up()
        await asyncio.gather(scene.client.over(), scene.agent.over(), colleague.over())
        length = time.monotonic() - began
        (record,) = await records(scene)
        assert (record["call_ref"], record["extension"]) == (ref, scene.team.first.name)
        assert record["hold_time_number"] == pytest.approx(waited + length, abs=2.2)

    play(office, ended, origins=ALL, integrator=RECORDED, strictly=False)
    office.loop.run(none_left(office))


@pytest.mark.parametrize("how", ["blind", "attended", "api"])
def test_the_client_goes_to_another(office: Office, how: str) -> None:
    """By the agent's phone, at once or after asking, or by the API: he is heard there."""

    async def gone(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        third = scene.team.third
        if how == "blind":
            await scene.agent.send_to(third.name)
        elif how == "attended":
            consultation = await scene.consult(third.name)
            other = await third.next_call()
            await consultation.up()
            await scene.hear_each_other(consultation, other)
            await scene.put_together(consultation, third.name)
            ended = time.time()
        else:
            await steer(scene, ref, "transfer", callee=third.name)
        other = await third.next_call()
        await other.up()
        await asyncio.gather(scene.agent.over(), colleague.over())
        await only_with(scene, other)
        await scene.end(other)
        if how == "attended":
            scene.expect_consultation(consultation, CLIENT_HUNG_UP | AGENT_HUNG_UP, ended)
            scene.expected[-1] = replace(scene.expected[-1], number=third.name)

    play(office, gone, origins=ALL)
    office.loop.run(none_left(office))


@contextlib.contextmanager
def frozen(server: Server) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_colleague_who_leaves_as_he_is_given_the_client_is_rung(office: Office) -> None:
    """The server that the dialplan asks is frozen meanwhile; if he does not come, the agent is."""

    async def left(scene: Scene, *, comes: bool) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        second, before = scene.team.second, len(scene.team.first.incoming)
        with frozen(office.servers[0]):
            path = f"/{ref}/transfer/complete"
            answer = await office.ask_server(1, "POST", scene.team, path)
            assert answer.status_code == 202, answer.text
            await scene.agent.over()
            if not comes:
                second.rule = refuse(486)
            await colleague.hang_up()
        phone, calls = (second, 1) if comes else (scene.team.first, before)
        again = await phone.next_call(calls)
        await again.up()
        await only_with(scene, again)
        await scene.end(again)

    async def comes(scene: Scene) -> None:
        await left(scene, comes=True)

    async def does_not(scene: Scene) -> None:
        await left(scene, comes=False)

    play(office, comes)
    play(office, does_not)
    office.loop.run(none_left(office))


@pytest.mark.parametrize("how", ["transfer/complete", "transfer/cancel", "left"])
def test_it_needs_no_server(office: Office, how: str) -> None:
    """Who began it is killed: another ends it either way, and it ends by itself."""

    async def orphaned(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        path, second = f"/{ref}/transfer", scene.team.second
        body = {"callee": second.name, "type": "consult"}
        try:
            answer = await office.ask_server(1, "POST", scene.team, path, json=body)
            assert answer.status_code == 202, answer.text
            await asyncio.to_thread(office.servers[1].kill)
            colleague = await second.next_call()
            await until_talking(scene, ref, second)
            await asking(scene, colleague)
            if how == "left":
                await colleague.hang_up()
            else:
                await steer(scene, ref, how)
        finally:
            await asyncio.to_thread(office.servers[1].start_again)
        other = colleague if how == "transfer/complete" else scene.agent
        await only_with(scene, other)
        await scene.end(other)

    play(office, orphaned)
    office.loop.run(none_left(office))


def test_a_colleague_who_is_never_rung(office: Office) -> None:
    """As by a server that dies between the music and the phone: it ends by itself."""

    async def alone(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        agent, client = [
            next(one["id"] for one in await office.channels() if one["name"] == name)
            for name in (
                await office.channel_of(scene.agent),
                await office.channel_of(scene.client),
            )
        ]
        told = {"C2D_SPIED": agent, "C2D_WAITS": client, "C2D_HELD_ON": client}
        async with httpx.AsyncClient(auth=(office.pbx.ari_username, office.pbx.ari_password)) as a:
            answer = await a.post(
                f"{office.pbx.ari_url}/channels/consult-{agent}-",
                json={
                    "endpoint": "Local/through@click2dial-hold/n",
                    "context": "click2dial-consult",
                    "extension": "wait",
                    "priority": 1,
                    "variables": {f"__{name}": value for name, value in told.items()},
                },
            )
        assert answer.status_code == 200, answer.text
        await scene.client.media.hear_music()
        await until_shown(scene, ref, "held")
        async with asyncio.timeout(patience(20)):
            while (await office.state(scene.team, ref))["state"] == "held":
                await asyncio.sleep(0.2)
        await only_with(scene, scene.agent)
        await scene.end(scene.agent)

    play(office, alone)
    office.loop.run(none_left(office))


def test_who_may_not_and_who_cannot_be_asked(office: Office) -> None:
    async def refused(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        team = scene.team
        async with office.team("through") as strangers:
            body = {"callee": team.second.name, "type": "consult"}
            for action in ("transfer", "transfer/complete", "transfer/cancel"):
                path = f"/{ref}/{action}"
                sent = body if action == "transfer" else None
                answer = await office.ask("POST", strangers, path, json=sent)
                assert answer.status_code == 404, answer.text
        for callee, status in (
            ("3001", 422),  # another integrator's
            (team.first.name, 422),  # the agent himself
            ("112", 422),
            (f"{team.second.name}&PJSIP/trunk", 422),
            (team.nobody, 409),
        ):
            answer = await ask(scene, ref, "transfer", callee=callee, type="consult")
            assert answer.status_code == status, (callee, answer.text)
            assert [one["field"] for one in answer.json()["errors"]] == ["callee"]
        busy = await team.third.call(office.number(), scene.headers(f"{scene.ref}-b"))
        await busy.up()
        answer = await ask(scene, ref, "transfer", callee=team.third.name, type="consult")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        await busy.hang_up()
        await scene.hear(scene.agent)
        await scene.agent.hang_up()
        await scene.client.over()
        for action in ("transfer/complete", "transfer/cancel"):
            assert (await ask(scene, ref, action)).status_code == 409

    play(office, refused, strictly=False)
