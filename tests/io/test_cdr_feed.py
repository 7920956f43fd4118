"""The feed of records that softphones show, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis import Redis

from click2dial_agi.io import cdr_feed
from click2dial_agi.io.cdr_feed import CDRFeed, Event, FeedFull, Listener
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.io.running import run

LIST = "enigma:notifications:cdr"
LIVE, AWAY = Event("state", "live"), Event("state", "away")


async def soon(waiting: Awaitable[Event | None]) -> Event | None:
    async with asyncio.timeout(patience(10)):
        return await waiting


async def live(listener: Listener) -> None:
    while await soon(listener.next()) != LIVE:
        pass


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(patience(10)):
        while not probe():
            await asyncio.sleep(0.01)


def subscribers(client: Redis) -> int:
    return int(client.pubsub_numsub(LIST)[0][1])


def test_one_subscription_serves_all_and_ends_with_the_last(
    redis: RedisServer, client: Redis
) -> None:
    async def test() -> None:
        feed = CDRFeed(redis.url, LIST)
        first, second = feed.listen(), feed.listen()
        await live(first)
        await live(second)
        assert subscribers(client) == 1
        client.publish(LIST, "record")
        assert await soon(first.next()) == await soon(second.next()) == Event("cdr", "record")
        first.close()
        first.close()
        client.publish(LIST, "another")
        assert await soon(second.next()) == Event("cdr", "another")
        second.close()
        await until(lambda: subscribers(client) == 0)
        third = feed.listen()  # and again from nothing
        await live(third)
        feed.close()

    run(test())


def test_redis_goes_away_and_comes_back(redis: RedisServer, client: Redis) -> None:
    async def test() -> None:
        feed = CDRFeed(redis.url, LIST)
        listener = feed.listen()
        assert await soon(listener.next()) == AWAY  # until the subscription stands
        await live(listener)
        client.client_kill_filter(_type="pubsub")
        assert await soon(listener.next()) == AWAY
        assert await soon(listener.next()) == LIVE
        client.publish(LIST, "record")
        assert await soon(listener.next()) == Event("cdr", "record")
        feed.close()

    run(test())


def test_a_page_that_does_not_read_is_let_go(redis: RedisServer, client: Redis) -> None:
    async def test() -> None:
        feed = CDRFeed(redis.url, LIST)
        slow, reader = feed.listen(), feed.listen()
        await live(reader)
        for number in range(200):
            client.publish(LIST, str(number))
            assert await soon(reader.next()) == Event("cdr", str(number))
        assert await soon(slow.next()) is None
        feed.close()
        assert await soon(reader.next()) is None

    run(test())


def test_there_is_a_bound(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr(cdr_feed, "MAX_LISTENERS", 2)
        feed = CDRFeed(redis.url, LIST)
        feed.listen().close()
        feed.listen()
        feed.listen()
        with pytest.raises(FeedFull):
            feed.listen()
        feed.close()
        feed.listen()
        feed.close()

    run(test())
