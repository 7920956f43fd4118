"""Calls that an Asterisk slept through, and that Kamailio has sent to another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from redis import Redis

from click2dial_agi.io.moved_calls import MovedCalls
from sandbox.redis import RedisServer
from tests.app.serving import ASKED, RECEIPT, Calls, config, serving

NAME = "0123456789abcdef" * 4

#: Sent two seconds before the dialplan began with it.
LATE = {"attempt": f"{int(ASKED['dialed_at']) - 2} {NAME}"}

pytestmark = pytest.mark.case("P8")


@contextlib.asynccontextmanager
async def calls_behind_kamailio(redis_url: str, *, moved_at: str = "") -> AsyncIterator[Calls]:
    moved = MovedCalls(moved_at or redis_url)
    async with serving(config(redis_url)) as calls:
        calls.handlers.moved = moved
        yield calls
    await moved.close()


def test_one_that_another_asterisk_has_is_let_go_of_without_a_record(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    client.set(f"c2d:moved:{NAME}", "1")

    async def call() -> None:
        async with calls_behind_kamailio(redis.url) as calls:
            told = await calls.outbound(**LATE)
            assert (told["C2D_VERDICT"], told["C2D_CAUSE"]) == ("refuse", "42")
            assert "C2D_DIAL" not in told
            # As it was refused, and as one that was hung up before that has it.
            for known in (told["C2D_FACTS"], f"{told['C2D_FACTS']}&callee=0820000100"):
                assert await calls.ended(known) == [RECEIPT]

    asyncio.run(call())
    assert client.llen("enigma:notifications:cdr") == 0
    assert "PJSIP/1000-00000001: this PBX slept; another has the call" in caplog.text


@pytest.mark.parametrize("sent", [0, 5])
def test_nobody_is_asked_about_one_that_comes_in_time(
    redis: RedisServer, client: Redis, sent: int
) -> None:
    client.set(f"c2d:moved:{NAME}", "1")

    async def call() -> str:
        async with calls_behind_kamailio(redis.url) as calls:
            attempt = f"{int(ASKED['dialed_at']) + sent} {NAME}"
            return (await calls.outbound(attempt=attempt))["C2D_VERDICT"]

    assert asyncio.run(call()) == "dial"


def test_one_that_no_other_has_goes_on(redis: RedisServer, client: Redis) -> None:
    async def call() -> None:
        async with calls_behind_kamailio(redis.url) as calls:
            told = await calls.outbound(**LATE)
            assert told["C2D_VERDICT"] == "dial"
            assert await calls.ended(told["C2D_FACTS"]) == [RECEIPT]

    asyncio.run(call())
    assert client.llen("enigma:notifications:cdr") == 1


def test_without_redis_it_goes_on_and_does_not_wait(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def call() -> str:
        async with calls_behind_kamailio(redis.url, moved_at="redis://127.0.0.1:1/0") as calls:
            return (await calls.outbound(**LATE))["C2D_VERDICT"]

    began = time.monotonic()
    assert asyncio.run(call()) == "dial"
    assert time.monotonic() - began < 2
    assert "calls that a frozen PBX has slept through go on" in caplog.text


def test_one_that_was_decided_on_before_another_had_it_counts_no_more(
    redis: RedisServer, client: Redis
) -> None:
    async def call() -> None:
        async with calls_behind_kamailio(redis.url) as calls:
            told = await calls.outbound(**LATE)
            assert len(calls.handlers.current.counts) == 1
            client.set(f"c2d:moved:{NAME}", "1")
            assert await calls.ended(f"{told['C2D_FACTS']}&attempt={LATE['attempt']}") == [RECEIPT]
            assert len(calls.handlers.current.counts) == 0

    asyncio.run(call())
    assert client.llen("enigma:notifications:cdr") == 0
