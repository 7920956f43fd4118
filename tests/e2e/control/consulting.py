"""What the tests of consultations by the API share."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from sandbox.phone_call import PhoneCall
from sandbox.ua import UA
from sandbox.waiting import patience
from tests.e2e.control import desk
from tests.e2e.control.desk import steer
from tests.e2e.matrix.scene import Scene

#: A colleague who was kept for a client may be there for 8 s.
none_left = partial(desk.none_left, timeout=5)


async def begin(scene: Scene, ref: str) -> PhoneCall:
    """Have the agent ask the second, who answers; return that one's call."""
    second = scene.team.second
    before = len(second.incoming)
    told = await steer(scene, ref, "transfer", callee=second.name, type="consult")
    assert (told["held"], told["consult"] in ("ringing", "talking")) == (True, True), told
    colleague = await second.next_call(before)
    await colleague.up()
    await until_talking(scene, ref, second)
    return colleague


async def until_talking(scene: Scene, ref: str, colleague: UA) -> None:
    """Wait until agent and colleague talk; to ask for it again changes nothing, and tells."""
    async with asyncio.timeout(patience(5)):
        while True:
            told = await steer(scene, ref, "transfer", callee=colleague.name, type="consult")
            if told["consult"] == "talking":
                return
            await asyncio.sleep(0.05)


async def only_with(scene: Scene, other: PhoneCall) -> None:
    """Return when client and somebody hear each other, and nothing else."""
    await no_music(scene.client, other)
    await scene.hear(other)


async def no_music(*calls: PhoneCall) -> None:
    """Return when none has heard music for half a second.

    Where a packet is late Asterisk makes one up, which is nobody's mark either, once.
    """
    async with asyncio.timeout(patience(5)):
        while time.monotonic() - max(one.media.music_at for one in calls) < 0.5:
            await asyncio.sleep(0.05)


async def asking(scene: Scene, colleague: PhoneCall) -> None:
    """Agent and colleague hear each other, and the client music alone; nobody hears him."""
    agent, client = scene.agent.media, scene.client.media
    await client.hear_music()
    await scene.hear_each_other(scene.agent, colleague)
    await asyncio.sleep(0.7)
    assert client.lately(0.5) == set(), "the client hears somebody"
    for one in (agent, colleague.media):
        assert client.mark not in one.lately(0.5), f"{one.mark} hears the client"
