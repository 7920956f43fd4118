"""Without the Redis of logins and errors: known phones call, and nobody waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis import Redis

from sandbox.redis import RedisServer, redis_server
from sandbox.ua import UA, answer, refuse
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front, load
from tests.kamailio.rig import OUTBOUND, PHONES, password

KNOWN, OTHER = PHONES[0], PHONES[1]
SOON = 2.5


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def front(kamailio_installed: None, shared: RedisServer) -> Iterator[Front]:
    with Front.running(shared) as front:
        yield front


@asynccontextmanager
async def _known(front: Front) -> AsyncIterator[UA]:
    async with front.phone(KNOWN) as phone:
        assert (await phone.register()).status == 200
        yield phone


async def _status(phone: UA) -> int:
    call = await phone.call("27830000000", [OUTBOUND])
    final = await call.final()
    assert time.time() - call.began_at < SOON
    if final.status == 200:
        await call.hang_up()
    return final.status


def test_a_login_that_is_taken_away_or_changed_counts_at_once(
    front: Front, shared: RedisServer
) -> None:
    directory = front.kamailio.directory

    async def calls() -> None:
        async with front.pbx(answer()), _known(front) as phone:
            load(directory, directory / "click2dial.yaml", [OTHER])
            # At once, but for a Redis that answered late a moment ago.
            await _until(lambda: _is(phone, 401))
            load(directory, directory / "click2dial.yaml")
            await _until(lambda: _is(phone, 200))

    asyncio.run(calls())


@pytest.mark.case("P9")
@pytest.mark.parametrize(("how", "stranger"), [("stopped", PHONES[2]), ("frozen", PHONES[3])])
def test_known_phones_call_while_redis_is_away(
    front: Front, shared: RedisServer, how: str, stranger: int
) -> None:
    away, back = (shared.stop, shared.start) if how == "stopped" else (shared.pause, shared.resume)

    async def calls() -> None:
        async with front.pbx(answer()), _known(front) as phone, front.phone(stranger) as new:
            away()
            try:
                assert (await phone.register()).status == 200
                for _ in range(3):
                    assert await _status(phone) == 200
                assert await _status(new) == 401
                new.ha1 = "0" * 32
                assert await _status(new) == 401
            finally:
                new.ha1 = ""
                back()
                load(front.kamailio.directory, front.kamailio.directory / "click2dial.yaml")
            await _until(lambda: _is(new, 200))

    asyncio.run(calls())


@pytest.mark.case("P9")
def test_a_refusal_does_not_wait_for_a_frozen_redis(front: Front, shared: RedisServer) -> None:
    async def calls() -> None:
        refused = refuse(484, "Address Incomplete", [("Reason", "Q.850;cause=28")])
        async with front.pbx(refused), _known(front) as phone:
            shared.pause()
            try:
                assert await _status(phone) == 484
            finally:
                shared.resume()

    asyncio.run(calls())


@pytest.mark.case("P9")
def test_known_phones_call_while_redis_has_lost_all_logins(
    front: Front, shared: RedisServer
) -> None:
    async def calls() -> None:
        async with front.pbx(answer()), _known(front) as phone, front.phone(PHONES[4]) as new:
            with Redis.from_url(shared.url) as client:
                client.delete("c2d:phones")
            try:
                assert (await phone.register()).status == 200
                assert await _status(phone) == 200
                assert await _status(new) == 401
                # At once, but for a Redis that answered late a moment ago.
                await _until(lambda: _is_warned_of(front, new))
            finally:
                load(front.kamailio.directory, front.kamailio.directory / "click2dial.yaml")
            await _until(lambda: _is(new, 200))

    asyncio.run(calls())


def test_no_password_is_in_redis(front: Front, shared: RedisServer) -> None:
    with Redis.from_url(shared.url, decode_responses=True) as client:
        assert password(KNOWN) not in str(client.hgetall("c2d:phones"))


async def _is_warned_of(front: Front, phone: UA) -> bool:
    """Tell whether the log says that logins are missing, for a phone that nobody knows."""
    assert await _is(phone, 401)
    return "no logins in Redis" in front.kamailio.log()


async def _is(phone: UA, status: int) -> bool:
    return (await phone.register()).status == status


async def _until(probe: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(patience(10)):
        while not await probe():
            await asyncio.sleep(0.2)
