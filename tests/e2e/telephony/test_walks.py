"""A client goes through several hands: each call has one record, and it is true."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from sandbox.office import Office
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.play import AT_ONCE
from tests.e2e.telephony.steps import END, MIDDLE, steps
from tests.e2e.telephony.walk import play

WALKS = int(os.environ.get("C2D_WALKS", "40"))
SEED = int(os.environ.get("C2D_WALKS_SEED", "14"))

Way = tuple[Origin, list[str]]

#: What came out wrong once: a channel that takes another's place has no name for some milliseconds,
#: and is not yet with the other one when the agent's channel looks who goes on with the client.
ONCE_WRONG: list[Way] = [
    (Origin.PHONE, ["early to the other", "early outside, other"]),
    (Origin.CREATED, ["recalled", "early", "attended outside, client"]),
    (Origin.DID, ["early", "early", "early outside, client"]),
    # Who takes a call by Replaces has no TRANSFER_CONTEXT: the client's channel dialled as a phone.
    (Origin.PHONE, ["taken", "blind", "client"]),
    (Origin.CREATED, ["taken", "recalled", "agent"]),
    (Origin.DID, ["taken", "blind outside, client"]),
    (
        Origin.QUEUE,
        ["early, declined", "consultation given up", "early to the other", "early outside, client"],
    ),
]
#: Where the agents and the trunk are behind Local channels.
ONCE_WRONG_THROUGH: list[Way] = [
    (Origin.DID, ["attended to the other", "attended outside, client"]),
    (Origin.QUEUE, ["blind to the other", "attended outside, other"]),
    (Origin.PHONE, ["attended to the other", "consultation left", "client"]),
    (Origin.CREATED, ["attended", "blind", "client"]),
    # Who leaves while the halves of Local channels between him and the client end one by one.
    (Origin.QUEUE, ["blind to the other", "blind to the other", "agent"]),
    (Origin.DID, ["blind", "blind", "attended outside, other"]),
]


def at_random(count: int, seed: int) -> list[Way]:
    """Return walks of one to three steps and an end."""
    chance = random.Random(seed)
    return [
        (
            chance.choice(list(Origin)),
            [
                *chance.choices(list(MIDDLE), k=chance.randint(1, 3)),
                chance.choice(list(END)),
            ],
        )
        for _ in range(count)
    ]


def wrong(office: Office, ways: list[Way], integrator: str = "acme") -> list[str]:
    """Walk all ways, many at a time; return what was wrong."""

    async def one(free: asyncio.Semaphore, origin: Origin, names: list[str]) -> list[str]:
        async with free:
            problems = await play(office, origin, steps(names), integrator=integrator)
            return [f"{origin}, {', '.join(names)}", *problems] if problems else []

    async def all_of_them() -> list[list[str]]:
        free = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(one(free, *way) for way in ways))

    return [line for lines in office.loop.run(all_of_them()) for line in lines]


@pytest.mark.case("T13")
@pytest.mark.case("T1")
@pytest.mark.case("T3")
@pytest.mark.timeout(600)
def test_in_any_order(office: Office) -> None:
    problems = wrong(office, [*ONCE_WRONG * 4, *at_random(WALKS, SEED)])
    assert not problems, "\n".join(problems)


@pytest.mark.case("T10")
@pytest.mark.timeout(300)
def test_behind_local_channels(office: Office) -> None:
    problems = wrong(office, ONCE_WRONG_THROUGH * 2, "through")
    assert not problems, "\n".join(problems)
