"""A Kamailio that was started anew while calls were up knows nothing of them."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.redis import RedisServer
from sandbox.sdp import Direction
from sandbox.ua import answer
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import OUTBOUND, PHONES


@pytest.mark.case("P60")
def test_an_agents_second_call_finds_the_first(
    kamailio_installed: None, running_redis: RedisServer
) -> None:
    """He puts the client on hold, and asks somebody: the two calls are at one Asterisk."""

    async def calls(front: Front) -> None:
        async with (
            front.pbx(answer(), 0) as first,
            front.pbx(answer(), 1) as second,
            front.phone(PHONES[0]) as phone,
        ):
            assert (await phone.register()).status == 200
            client = await phone.call("27830000010", [OUTBOUND])
            assert (await client.final()).status == 200
            front.kamailio.kill()
            await asyncio.to_thread(front.kamailio.start)
            async with asyncio.timeout(patience(5)):
                while not all(await asyncio.to_thread(front.kamailio.serves, *front.pbx_ports)):
                    await asyncio.sleep(0.05)
            for number in ("27830000011", "27830000012", "27830000013"):
                await client.hold()
                consult = await phone.call(number, [OUTBOUND])
                assert (await consult.final()).status == 200
                await consult.hang_up()
                await client.hold(Direction.BOTH)
            assert sorted(len(pbx.incoming) for pbx in (first, second)) == [0, 4]
            await client.hang_up()
            call = await phone.call("27830000014", [OUTBOUND])
            assert (await call.final()).status == 200
            await call.hang_up()
            async with asyncio.timeout(patience(5)):
                while "name:" in await asyncio.to_thread(front.kamailio.rpc, "htable.dump", "desk"):
                    await asyncio.sleep(0.05)

    with Front.running(running_redis, pbxs=2) as front:
        asyncio.run(calls(front))
