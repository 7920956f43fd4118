"""An Asterisk that dies or freezes costs its own calls and nobody else's."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.ua import UA, answer, refuse, silent
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import OUTBOUND, PHONES, Rig, password

FIRST, SECOND = PHONES[0], PHONES[1]

#: What a new call may take, whatever an Asterisk does.
SOON = 2.5


@pytest.fixture(scope="module")
def rig(tree: Path, kamailio_installed: None) -> Iterator[Rig]:
    """Two Asterisks of our own: they are killed."""
    with Rig(tree) as rig:
        yield rig


@pytest.fixture(scope="module", autouse=True)
def doomed(rig: Rig) -> Iterator[PhoneCall]:
    """A call on the first Asterisk that lasts: 30 s pass until Kamailio looks after it."""
    phone = UA(str(FIRST), rig.kamailio.phones_port, password=password(FIRST))

    async def calls() -> PhoneCall:
        await phone.open()
        while True:
            _, pbx, call = await _up(rig, phone)
            if pbx == 0:
                return call
            await call.hang_up()

    try:
        yield rig.run(calls())
    finally:
        rig.run(phone.close())


async def _up(rig: Rig, phone: UA) -> tuple[float, int, PhoneCall]:
    """Place a call; return the seconds to its answer, its Asterisk, and itself."""
    number = rig.number()
    call = await phone.call(number, [OUTBOUND])
    await call.up()
    took = time.time() - call.began_at
    pbx, _ = await rig.at_trunk(number)
    return took, pbx, call


async def _up_and_down(rig: Rig, phone: UA) -> int:
    """Place a call and end it; return its Asterisk."""
    _, pbx, call = await _up(rig, phone)
    await call.hang_up()
    return pbx


@pytest.mark.case("P8")
def test_an_asterisk_freezes_and_wakes_up(rig: Rig) -> None:
    """What it slept through it neither does afterwards nor records: another has done it."""

    async def calls() -> None:
        async with rig.phone(SECOND) as phone:
            numbers, took = [], []
            for _ in range(2):
                number = rig.number()
                numbers.append(number)
                call = await phone.call(number, [OUTBOUND])
                await call.up()
                took.append(time.time() - call.began_at)
                pbx, _ = await rig.at_trunk(number)
                assert pbx == 0
                await call.hang_up()
            assert 1.4 < max(took) < SOON  # one of them by way of it
            rig.pbxs[1].signal(signal.SIGCONT)
            async with asyncio.timeout(patience(10)):
                while not await asyncio.to_thread(rig.all_serve):
                    await asyncio.sleep(0.1)
            # One more through it: what lay in its socket before is done with then.
            while (await _up_and_down(rig, phone)) != 1:
                pass
            # It has let go of what it slept through, or was told to before it had begun.
            told, until_then = "this PBX slept", time.monotonic() + patience(2)
            while told not in rig.servers[0].log() and time.monotonic() < until_then:
                await asyncio.sleep(0.05)
            for number in numbers:
                await rig.record(number)
            assert [call for call in rig.trunks[1].incoming if call.number in numbers] == []
            assert rig.notifications.take(lambda one: one.payload["number"] in numbers) == []

    rig.pbxs[1].signal(signal.SIGSTOP)
    try:
        rig.run(calls())
    finally:
        rig.pbxs[1].signal(signal.SIGCONT)


def test_silence_and_a_bare_503_are_an_asterisk_that_does_not_serve(
    kamailio_installed: None, running_redis: RedisServer
) -> None:
    async def calls(front: Front) -> None:
        bare = refuse(503, "Service Unavailable")
        said = refuse(503, "Service Unavailable", [("Reason", "Q.850;cause=34")])
        async with (
            front.pbx(silent(), 0) as first,
            front.pbx(silent(), 1) as second,
            front.phone(FIRST) as phone,
        ):
            first.rule = second.rule = bare
            assert (await (await phone.call("27830000000", [OUTBOUND])).final()).status == 503
            assert (len(first.incoming), len(second.incoming)) == (1, 1)
            first.rule = second.rule = said
            assert (await (await phone.call("27830000001", [OUTBOUND])).final()).status == 503
            assert len(first.incoming) + len(second.incoming) == 3
            first.rule, second.rule = bare, answer()
            for number in ("27830000002", "27830000003"):
                call = await phone.call(number, [OUTBOUND])
                assert (await call.final()).status == 200
                await call.hang_up()

    with Front.running(running_redis, pbxs=2) as front:
        asyncio.run(calls(front))


@pytest.mark.slow
@pytest.mark.case("P8")
def test_an_asterisk_is_killed(rig: Rig, doomed: PhoneCall) -> None:
    """New calls are answered in time; the calls on it end at the phones; it comes back."""

    async def others() -> list[float]:
        """Place calls by turns: some would go to the one that is gone."""
        took = []
        async with rig.phone(SECOND) as phone:
            for _ in range(4):
                seconds, pbx, call = await _up(rig, phone)
                assert pbx == 1
                took.append(seconds)
                await call.hang_up()
        return took

    assert not doomed.ended.is_set()
    rig.pbxs[0].kill()
    killed = time.monotonic()
    took = rig.run(others())
    # One call finds it out, and no other one has to.
    assert max(took) < SOON, took
    assert sorted(took)[-2] < 1.0, took
    until(lambda: rig.alive(rig.kamailio) == [False, True], 10, "the dead Asterisk's mark")
    rig.pbxs[0].start()
    until(lambda: rig.alive(rig.kamailio) == [True, True], 10, "its return")
    # 30 s to the next OPTIONS, 2 s for its answer (or 481, as it is back), 10 s more.
    rig.run(doomed.over(15))
    assert time.monotonic() - killed < 50


@pytest.mark.case("P34")
def test_an_agent_stays_at_an_asterisk_until_the_last_call_is_over(
    kamailio_installed: None, running_redis: RedisServer
) -> None:
    """The client's call goes on when a consultation is over, and the next one has to find it."""

    async def calls(front: Front) -> None:
        async with (
            front.pbx(answer(), 0) as first,
            front.pbx(answer(), 1) as second,
            front.phone(FIRST) as phone,
        ):
            client = await phone.call("27830000010", [OUTBOUND])
            assert (await client.final()).status == 200
            for number in ("27830000011", "27830000012", "27830000013"):
                consult = await phone.call(number, [OUTBOUND])
                assert (await consult.final()).status == 200
                await consult.hang_up()
            assert sorted(len(pbx.incoming) for pbx in (first, second)) == [0, 4]
            await client.hang_up()
            for number in ("27830000014", "27830000015"):
                call = await phone.call(number, [OUTBOUND])
                assert (await call.final()).status == 200
                await call.hang_up()
            assert sorted(len(pbx.incoming) for pbx in (first, second)) == [1, 5]

    with Front.running(running_redis, pbxs=2) as front:
        asyncio.run(calls(front))
