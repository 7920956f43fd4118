"""Consultations that are asked for while something else happens to the call."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest

from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.control.consulting import begin, none_left, only_with
from tests.e2e.control.desk import RECORDED, Play, ask, play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

ROUNDS = 4
TALKING = ("transfer/complete", "transfer/cancel", "hold", "unhold")


@pytest.fixture(autouse=True)
def in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is mixed into what others send."""
    monkeypatch.setattr("sandbox.media.INTERVAL", 0.02)


async def consult(scene: Scene, ref: str) -> httpx.Response:
    return await ask(scene, ref, "transfer", callee=scene.team.second.name, type="consult")


@pytest.mark.parametrize("seed", range(2))
def test_the_call_ends_while_a_colleague_is_asked(office: Office, seed: int) -> None:
    """Sooner or later, by anybody: one record, and nobody and nothing is left."""

    async def raced(scene: Scene, chance: random.Random) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        how = chance.choice(["client", "agent", "delete"])
        first = chance.choice([*TALKING, "transfer"])
        colleague = await begin(scene, ref) if first != "transfer" else None

        async def end() -> None:
            await asyncio.sleep(chance.uniform(0, 0.3 if colleague is None else 0.06))
            if how == "delete":
                assert await office.delete(scene.team, ref) == 204
            elif not scene.agent.ended.is_set():
                await (scene.client if how == "client" else scene.agent).hang_up()

        asked = ask(scene, ref, first) if colleague is not None else consult(scene, ref)
        _, answer = await asyncio.gather(end(), asked)
        assert answer.status_code in (202, 404, 409, 503), (first, answer)
        if first == "transfer/complete" and not scene.client.ended.is_set():
            await scene.client.hang_up()  # the colleague may have him
        await asyncio.gather(scene.client.over(), scene.agent.over())
        await asyncio.gather(*(one.over() for one in scene.team.second.incoming))
        (record,) = await records(scene)
        assert record["call_ref"] == ref

    def of(number: int) -> Play:
        chance = random.Random(f"{seed}-{number}")
        return lambda scene: raced(scene, chance)

    plays = [of(number) for number in range(ROUNDS)]
    play(office, *plays, origins=(Origin.PHONE, Origin.DID), integrator=RECORDED, strictly=False)
    office.loop.run(none_left(office))


def test_all_at_once(office: Office) -> None:
    """Whatever comes first: then the client is heard by whoever has him."""

    async def at_once(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        colleague = await begin(scene, ref)
        told = await asyncio.gather(*(ask(scene, ref, one) for one in random.sample(TALKING, 3)))
        assert {one.status_code for one in told} <= {202, 409}, told
        async with asyncio.timeout(patience(5)):
            while (await ask(scene, ref, "unhold")).status_code == 409:
                await asyncio.sleep(0.05)  # the two are not joined yet
        given = scene.agent.ended.is_set()
        await only_with(scene, colleague if given else scene.agent)
        await scene.end(colleague if given else scene.agent)

    play(office, *[at_once] * 3, origins=(Origin.PHONE, Origin.DID))
    office.loop.run(none_left(office))


def test_a_colleague_answers_as_he_is_let_go(office: Office) -> None:
    """Again and again, some ms sooner or later: the last word counts."""

    async def often(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        for _ in range(6):
            assert (await consult(scene, ref)).status_code == 202
            await asyncio.sleep(random.uniform(0, 0.15))
            told = await steer(scene, ref, "transfer/cancel")
            assert (told["held"], told["consult"]) == (False, None)
            await until_free(scene)
        await only_with(scene, scene.agent)
        await scene.end(scene.agent)

    play(office, *[often] * 2, origins=(Origin.PHONE, Origin.DID))
    office.loop.run(none_left(office))


async def until_free(scene: Scene) -> None:
    """Wait until the second's phone has no call: nobody goes on whispering."""
    async with asyncio.timeout(patience(5)):
        while await scene.office.channels_of({scene.team.second.name}):
            await asyncio.sleep(0.05)
