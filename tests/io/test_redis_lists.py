"""Notifications in a real Redis: each once, and none lost without a word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from redis.crc import key_slot

from click2dial_agi.domain.notifications import Notification
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.io.running import eventually, run

LIST = "enigma:notifications:cdr"
OTHER = "other:cdr"
DAY = 24 * 60 * 60


def note(number: int = 0, list_name: str = LIST) -> Notification:
    """Return a notification of its own call."""
    call_ref = str(UUID(int=number))
    return Notification(list_name, call_ref, json.dumps({"call_ref": call_ref}))


@contextlib.asynccontextmanager
async def writing(url: str, **options: Any) -> AsyncIterator[RedisLists]:
    writer = RedisLists(url, **{"push": "left", **options})
    try:
        yield writer
    finally:
        await writer.close()


def bodies(*numbers: int) -> list[str]:
    return [note(number).body for number in numbers]


@pytest.mark.parametrize("push", ["left", "right"])
def test_consumers_pop_in_the_order_of_the_calls(
    redis: RedisServer, client: Redis, push: str
) -> None:
    async def scenario() -> None:
        async with writing(redis.url, push=push) as writer:
            assert [await writer.push(note(number)) for number in range(3)] == [True] * 3

    run(scenario())
    pop = client.rpop if push == "left" else client.lpop  # BRPOP, BLPOP
    assert [pop(LIST) for _ in range(4)] == [*bodies(0, 1, 2), None]


def test_what_is_offered_twice_is_pushed_once(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer, writing(redis.url) as another_server:
            assert await writer.push(note())
            assert not await writer.push(note())
            assert not await another_server.push(note())
            assert await writer.push(note(list_name=OTHER))

    run(scenario())
    assert client.lrange(LIST, 0, -1) == bodies(0)
    assert client.lrange(OTHER, 0, -1) == bodies(0)


def test_what_was_popped_is_not_pushed_again(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer:
            assert await writer.push(note())
            assert client.rpop(LIST)
            assert not await writer.push(note())

    run(scenario())
    assert client.llen(LIST) == 0


def test_one_call_offered_twice_in_one_batch_is_pushed_once(
    redis: RedisServer, client: Redis
) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer:
            pushed = await asyncio.gather(*(writer.push(note(n)) for n in (1, 2, 1, 1)))
            assert pushed == [True, True, False, False]

    run(scenario())
    assert client.lrange(LIST, 0, -1) == bodies(2, 1)


def test_a_call_is_remembered_for_a_day(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer:
            await writer.push(note())

    run(scenario())
    (marker,) = markers(client)
    assert DAY - 60 < client.ttl(marker) <= DAY


def test_what_is_pushed_is_published_too(redis: RedisServer, client: Redis) -> None:
    with client.pubsub() as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(LIST)
        assert subscription.get_message(timeout=5)

        async def scenario() -> None:
            async with writing(redis.url) as writer:
                await writer.push(note())
                await writer.push(note())

        run(scenario())
        message = subscription.get_message(timeout=5)
        assert message is not None
        assert message["data"] == note().body
        assert subscription.get_message() is None


def test_a_list_key_of_another_type_is_an_error_and_marks_nothing(
    redis: RedisServer, client: Redis
) -> None:
    client.set(LIST, "not a list")

    async def scenario() -> None:
        async with writing(redis.url) as writer:
            refused, stored = await asyncio.gather(
                writer.push(note(1)), writer.push(note(1, OTHER)), return_exceptions=True
            )
            assert isinstance(refused, NotificationError)
            assert stored is True
            assert len(markers(client)) == 1
            client.delete(LIST)
            assert await writer.push(note(1))

    run(scenario())
    assert client.lrange(LIST, 0, -1) == bodies(1)


def test_a_burst_goes_out_in_few_round_trips(redis: RedisServer, client: Redis) -> None:
    client.config_resetstat()

    async def scenario() -> None:
        async with writing(redis.url) as writer:
            assert all(await asyncio.gather(*(writer.push(note(n)) for n in range(500))))

    run(scenario())
    assert client.lrange(LIST, 0, -1) == bodies(*reversed(range(500)))
    statistics: dict[str, dict[str, int]] = client.info("commandstats")
    assert statistics["cmdstat_evalsha"]["calls"] <= 4  # 500 in batches of 200, one script load


def test_all_keys_of_a_list_share_one_cluster_slot(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer:
            await asyncio.gather(*(writer.push(note(number)) for number in range(5)))

    run(scenario())
    keys = client.keys()
    assert len(keys) == 6
    assert {key_slot(str(key).encode()) for key in keys} == {key_slot(LIST.encode())}


def test_while_redis_is_away_it_says_so_and_it_recovers(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer:
            assert await writer.push(note(1))
            redis.stop()
            try:
                started = time.monotonic()
                with pytest.raises(NotificationError, match="Redis: "):
                    await writer.push(note(2))
                assert time.monotonic() - started < patience(3)
            finally:
                redis.start()
            assert await writer.push(note(2))  # by a script that this Redis has not seen

    run(scenario())
    assert client.lrange(LIST, 0, -1) == bodies(2)


def test_nobody_listening_is_an_error_in_bounded_time() -> None:
    async def scenario() -> None:
        async with writing("redis://127.0.0.1:1/0") as writer:
            with pytest.raises(NotificationError):
                await writer.push(note())

    run(scenario())


TIMEOUT = 0.2


@pytest.mark.parametrize("connected", [True, False])
def test_a_frozen_redis_is_an_error_in_bounded_time_and_it_recovers(
    redis: RedisServer, client: Redis, connected: bool
) -> None:
    async def scenario() -> None:
        async with writing(redis.url, timeout=TIMEOUT) as writer:
            if connected:
                await writer.push(note(0))
            redis.pause()
            try:
                started = time.monotonic()
                first = asyncio.create_task(writer.push(note(1)))
                await asyncio.sleep(0)
                second = asyncio.create_task(writer.push(note(2)))
                for task in (first, second):
                    with pytest.raises(NotificationError):
                        await task
                assert time.monotonic() - started < 2 * TIMEOUT + patience(0.5)
            finally:
                redis.resume()
            # What Redis had received before the deadline may be there by now, or not.
            for number in (1, 2, 3):
                await writer.push(note(number))
            assert [await writer.push(note(number)) for number in (1, 2, 3)] == [False] * 3

    run(scenario())
    expected = bodies(0, 1, 2, 3) if connected else bodies(1, 2, 3)
    assert sorted(client.lrange(LIST, 0, -1)) == sorted(expected)


def test_a_redis_that_drips_its_answer_is_an_error_before_a_second_try() -> None:
    connections = []
    dripping = set()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        dripping.add(writer)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"+")
                await writer.drain()
                await asyncio.sleep(TIMEOUT / 10)
        writer.close()
        dripping.discard(writer)

    async def scenario() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, writing(f"redis://127.0.0.1:{port}/0", timeout=TIMEOUT) as writer:
            with pytest.raises(NotificationError):
                await writer.push(note())
            await eventually(lambda: not dripping)
        assert len(connections) == 1

    run(scenario())


def test_one_that_gave_up_waiting_does_not_harm_the_others(
    redis: RedisServer, client: Redis
) -> None:
    async def scenario() -> None:
        async with writing(redis.url) as writer:
            impatient = asyncio.create_task(writer.push(note(1)))
            patient = asyncio.create_task(writer.push(note(2)))
            await asyncio.sleep(0)
            impatient.cancel()
            assert await patient
            assert await writer.push(note(3))

    run(scenario())
    assert set(bodies(2, 3)) <= set(client.lrange(LIST, 0, -1))


def test_close_finishes_what_is_under_way(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        writer = RedisLists(redis.url, "left")
        pushes = [asyncio.create_task(writer.push(note(number))) for number in range(300)]
        await asyncio.sleep(0)
        await writer.close()
        assert [push.done() and push.result() for push in pushes] == [True] * 300

    run(scenario())
    assert client.llen(LIST) == 300


def markers(client: Redis) -> list[str]:
    return [str(key) for key in client.keys("*:pushed:*")]
