"""What would lose records is told at once, again while it lasts, and when it is over."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from redis import Redis

from click2dial_agi.app import redis_watch
from click2dial_agi.app.redis_watch import RedisWatch, check_redis
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.app.serving import config, snapshot
from tests.app.test_drain import two
from tests.io.running import eventually, run

EVICTS = "maxmemory-policy is allkeys-lru: it deletes records"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, client: Redis) -> None:
    monkeypatch.setattr(redis_watch, "_TICK", 0.01)
    client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.case("C1")
def test_it_is_told_again_while_it_lasts_and_when_it_is_over(
    redis: RedisServer,
    client: Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_watch, "_EVERY", 0.02)
    monkeypatch.setattr(redis_watch, "_TELL_AGAIN", 0.1)
    client.config_set("maxmemory-policy", "allkeys-lru")

    async def scenario() -> None:
        current = snapshot(config(redis.url))
        notifier = current.notifiers["acme"]
        with pytest.raises(NotificationError, match=EVICTS):
            await check_redis(notifier)
        watching = asyncio.create_task(RedisWatch(lambda: current).run())
        await eventually(lambda: caplog.text.count(EVICTS) >= 3)
        client.config_set("maxmemory-policy", "noeviction")
        await eventually(lambda: "Redis of acme: no longer: maxmemory-policy" in caplog.text)
        await check_redis(notifier)
        watching.cancel()
        await asyncio.wait([watching])
        await cast(RedisLists, notifier.lists).close()

    run(scenario())
    place = redis.url.removeprefix("redis://")
    assert "ERROR    click2dial_agi.app.redis_watch" in caplog.text
    assert f"Redis of acme ({place}): {EVICTS}" in caplog.text


@pytest.mark.case("C1")
def test_it_is_looked_at_when_redis_is_back(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        current = snapshot(config(redis.url))
        lists = cast(RedisLists, current.notifiers["acme"].lists)
        watching = asyncio.create_task(RedisWatch(lambda: current).run())
        await asyncio.sleep(0.1)
        assert EVICTS not in caplog.text
        client.config_set("maxmemory-policy", "allkeys-lru")
        lists._failing = True  # it was away
        await asyncio.sleep(0.1)
        assert EVICTS not in caplog.text  # not for half a minute otherwise
        lists._failing = False
        await eventually(lambda: EVICTS in caplog.text)
        watching.cancel()
        await asyncio.wait([watching])
        await lists.close()

    run(scenario())


@pytest.mark.case("A10")
def test_one_redis_under_two_names_is_found(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Names that only the machine's resolver knows to be one: here an address of its own."""
    configured = two(redis.url, redis.url)
    acme, beta = configured.integrators
    beta = beta.model_copy(update={"key_prefix": acme.key_prefix})
    configured = configured.model_copy(update={"integrators": (acme, beta)})

    async def scenario() -> None:
        current = snapshot(configured)
        await RedisWatch(lambda: current).look(current.notifiers)
        for notifier in current.notifiers.values():
            await cast(RedisLists, notifier.lists).close()

    run(scenario())
    assert "enigma:notifications is also beta's: one Redis under two names" in caplog.text
    assert "enigma:notifications is also acme's: one Redis under two names" in caplog.text


@pytest.mark.case("C1")
@pytest.mark.case("C16")
def test_a_server_names_it_at_its_start(redis: RedisServer, client: Redis) -> None:
    client.config_set("maxmemory-policy", "volatile-lru")
    try:
        with Server(redis.url) as server:
            run(asyncio.wait_for(_told(server, "ERROR Redis of acme ("), 10))
            assert "maxmemory-policy is volatile-lru" in server.log()
    finally:
        client.config_set("maxmemory-policy", "noeviction")


async def _told(server: Server, text: str) -> None:
    await eventually(lambda: text in server.log())
