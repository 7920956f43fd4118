"""Holds that are asked for while something else happens to the call."""

from __future__ import annotations

import asyncio
import random

import pytest

from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.control.desk import RECORDED, Play, ask, none_left, play, ref_of, steer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import records

ROUNDS = 4


@pytest.mark.parametrize("seed", range(3))
def test_the_call_ends_while_it_is_put_on_hold_or_taken_back(office: Office, seed: int) -> None:
    """By either side or the API, some ms sooner or later: one record, and nothing left."""

    async def raced(scene: Scene, chance: random.Random) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        first = chance.choice(["hold", "unhold"])
        if first == "unhold":
            await steer(scene, ref, "hold")

        async def end() -> None:
            await asyncio.sleep(chance.uniform(0, 0.06))
            how = chance.choice(["client", "agent", "delete"])
            if how == "delete":
                assert await office.delete(scene.team, ref) == 204
            else:
                await (scene.client if how == "client" else scene.agent).hang_up()

        answers = await asyncio.gather(end(), ask(scene, ref, first), ask(scene, ref, "hold"))
        assert {one.status_code for one in answers[1:]} <= {202, 404, 409, 503}, answers
        await asyncio.gather(scene.client.over(), scene.agent.over())
        (record,) = await records(scene)
        assert (record["call_ref"], record["hold_time_number"] < 5) == (ref, True)

    def of(number: int) -> Play:
        chance = random.Random(f"{seed}-{number}")
        return lambda scene: raced(scene, chance)

    plays = [of(number) for number in range(ROUNDS)]
    play(office, *plays, origins=(Origin.PHONE, Origin.DID), integrator=RECORDED, strictly=False)
    office.loop.run(none_left(office))


def test_the_client_is_handed_on_while_he_is_put_on_hold(office: Office) -> None:
    """Whoever comes first: the colleague has him, and no music is left."""

    async def raced(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        second = scene.team.second
        holding = asyncio.create_task(ask(scene, ref, "hold"))
        await asyncio.sleep(random.uniform(0, 0.05))
        await scene.agent.send_to(second.name)
        other = await second.next_call()
        await other.up()
        assert (await holding).status_code in (202, 404, 409, 503)
        await scene.agent.over()
        # Come late, it is the colleague's; what began with the agent this does not touch.
        async with asyncio.timeout(patience(5)):
            while (answer := await ask(scene, ref, "unhold")).status_code == 409:
                await asyncio.sleep(0.05)  # the two are not joined yet
        assert (answer.status_code, answer.json()["held"]) == (202, False)
        await scene.hear(other)
        await scene.end(other)

    play(office, *[raced] * 3, origins=tuple(Origin))
    office.loop.run(none_left(office))


def test_it_is_put_on_hold_and_taken_back_many_times(office: Office) -> None:
    async def often(scene: Scene) -> None:
        await scene.begin()
        ref = await ref_of(scene)
        for _ in range(10):
            told = await asyncio.gather(*(ask(scene, ref, one) for one in ("hold", "unhold")))
            assert {one.status_code for one in told} == {202}
        await steer(scene, ref, "unhold")
        await scene.hear(scene.agent)
        await scene.end(scene.agent)

    play(office, *[often] * 2, origins=tuple(Origin))
    office.loop.run(none_left(office))
