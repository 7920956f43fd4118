"""How the errors of a refused call reach the edge: in memory, through Redis, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging

import pytest
from redis import Redis

from click2dial_agi.io.refusals import Refusals
from sandbox.redis import RedisServer
from tests.edge.rig import LONG, pair, run, soon
from tests.edge.test_sip_errors import HEADERS, LINES, REFUSAL

CALL_ID = "3bb1c2a5@phone.example"
DIALOG = f"2;{CALL_ID}"
KEY = f"c2d:errors:{hashlib.sha256(DIALOG.encode()).hexdigest()}"
WITH_ERRORS = REFUSAL.replace(b"Content-Length:", LINES + b"Content-Length:")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_memory_gives_each_entry_once_and_forgets_it() -> None:
    async def test() -> None:
        clock = Clock()
        refusals = Refusals(clock=clock)
        await refusals.publish("a", HEADERS)
        assert await refusals.find("b", elsewhere=True) == ()
        assert await refusals.find("a", elsewhere=True) == tuple(HEADERS)
        assert await refusals.find("a", elsewhere=True) == ()
        await refusals.publish("a", HEADERS)
        clock.now += 30
        assert await refusals.find("a", elsewhere=True) == ()
        for number in range(10_005):
            await refusals.publish(str(number), HEADERS)
        assert refusals.kept == 10_000
        assert await refusals.find("4", elsewhere=True) == ()
        clock.now += 30
        await refusals.publish("new", HEADERS)
        assert refusals.kept == 1
        await refusals.close()

    run(test())


def test_redis_carries_them_to_another_process(redis: RedisServer, client: Redis) -> None:
    async def test() -> None:
        here, there = Refusals(redis.url), Refusals(redis.url)
        await here.publish(DIALOG, HEADERS)
        assert client.keys() == [KEY]
        ttl = client.ttl(KEY)
        assert isinstance(ttl, int)
        assert 0 < ttl <= 30
        assert await there.find(DIALOG, elsewhere=False) == ()
        assert await there.find(DIALOG, elsewhere=True) == tuple(HEADERS)
        assert await there.find("other", elsewhere=True) == ()
        await here.close()
        await there.close()

    run(test())


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "7",
        '["x"]',
        '{"a": 1}',
        "[[1, 2, 3]]",
        json.dumps([["Via", "evil"]]),
        json.dumps([["X-Teleforge-Error", 7]]),
        json.dumps([["X-Teleforge-Error", "a" * 513]]),
        json.dumps([[["X-Teleforge-Error"], "list"]]),
    ],
)
def test_what_another_writer_left_is_no_header(
    redis: RedisServer, client: Redis, text: str
) -> None:
    async def test() -> None:
        refusals = Refusals(redis.url)
        client.set(KEY, text)
        assert await refusals.find(DIALOG, elsewhere=True) == ()
        await refusals.close()

    run(test())


def test_a_key_of_another_type_is_no_header(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        refusals = Refusals(redis.url)
        client.rpush(KEY, "x")
        assert await refusals.find(DIALOG, elsewhere=True) == ()
        await refusals.close()

    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        run(test())
    assert "WRONGTYPE" in caplog.text


def test_a_redis_that_hangs_costs_its_deadline_once(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> tuple[float, float]:
        clock = Clock()
        refusals = Refusals(redis.url, clock)
        loop = asyncio.get_running_loop()
        redis.pause()
        try:
            began = loop.time()
            await refusals.publish(DIALOG, HEADERS)
            first = loop.time() - began
            for _ in range(100):
                await refusals.publish(DIALOG, HEADERS)
                await refusals.find("other", elsewhere=True)
            rest = loop.time() - began - first
        finally:
            redis.resume()
        clock.now += 5
        await refusals.publish(DIALOG, HEADERS)
        other = Refusals(redis.url)
        assert await other.find(DIALOG, elsewhere=True) == tuple(HEADERS)
        await refusals.close()
        await other.close()
        return first, rest

    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        first, rest = run(test())
    assert 0.2 < first < 1
    assert rest < 0.2
    assert len(caplog.records) == 1


def test_a_redis_that_is_away_costs_nothing() -> None:
    async def test() -> None:
        refusals = Refusals("redis://127.0.0.1:1/0")
        await refusals.publish(DIALOG, HEADERS)
        assert await refusals.find(DIALOG, elsewhere=True) == tuple(HEADERS)
        assert await refusals.find(DIALOG, elsewhere=True) == ()
        await refusals.close()

    run(test())


@pytest.mark.parametrize("binary", [False, True])
def test_the_edge_adds_them(binary: bool) -> None:
    async def test() -> None:
        refusals = Refusals()
        async with pair(refusals) as (client, asterisk, _):
            await refusals.publish(DIALOG, HEADERS)
            for expected in (WITH_ERRORS, REFUSAL):  # once: the next is another transaction's
                await asterisk.send(REFUSAL if binary else REFUSAL.decode())
                message = await soon(client.recv())
                assert message == (expected if binary else expected.decode())

    run(test())


def test_the_edge_adds_none_on_the_way_to_asterisk_nor_to_other_messages() -> None:
    async def test() -> None:
        refusals = Refusals()
        async with pair(refusals) as (client, asterisk, _):
            await refusals.publish(DIALOG, HEADERS)
            await client.send(REFUSAL)
            assert await soon(asterisk.recv()) == REFUSAL
            for other in (
                REFUSAL.replace(b"484", b"200"),
                REFUSAL.replace(b"INVITE", b"BYE"),
                REFUSAL.replace(b"3bb1", b"3bb2"),
            ):
                await asterisk.send(other)
                assert await soon(client.recv()) == other

    run(test())


@pytest.mark.parametrize(("status", "found"), [(484, True), (486, False)])
def test_the_edge_asks_redis_for_a_call_that_cause_28_ended(
    redis: RedisServer, status: int, found: bool
) -> None:
    async def test() -> None:
        server, refusals = Refusals(redis.url), Refusals(redis.url)
        await server.publish(DIALOG, HEADERS)
        async with pair(refusals) as (client, asterisk, _):
            await asterisk.send(REFUSAL.replace(b"484", b"%d" % status))
            message = await soon(client.recv())
            assert message == (WITH_ERRORS if found else REFUSAL).replace(b"484", b"%d" % status)
        await server.close()
        await refusals.close()

    run(test())


def test_a_redis_that_hangs_holds_one_refusal_for_its_deadline(redis: RedisServer) -> None:
    async def test() -> float:
        refusals = Refusals(redis.url)
        async with pair(refusals) as (client, asterisk, _):
            loop = asyncio.get_running_loop()
            redis.pause()
            try:
                began = loop.time()
                await asterisk.send(REFUSAL)
                assert await soon(client.recv()) == REFUSAL
                return loop.time() - began
            finally:
                redis.resume()
                await refusals.close()

    assert 0.25 < run(test()) < LONG / 10
