"""A Redis that dies, hangs, is full, or is cut off, under load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from redis import Redis

from sandbox.load import LoadResult
from sandbox.process import until
from sandbox.redis import RedisServer, redis_server
from sandbox.server import Server
from tests.chaos.ledger import Chaos, connect, pause
from tests.e2e.records import CDR_LIST


@pytest.fixture
def own_redis(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(appendonly=getattr(request, "param", False)) as redis:
        yield redis


@pytest.mark.parametrize("own_redis", [True], indirect=True, ids=["data-on-disk"])
def test_redis_is_killed_and_started_with_its_data(
    own_redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    def kill(placing: Future[LoadResult]) -> None:
        pause(placing, 1.0)
        own_redis.kill()
        pause(placing, 1.5)
        own_redis.start()

    chaos(own_redis, server(own_redis.url)).run(kill)


def test_redis_is_killed_and_started_without_its_data(
    own_redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    """What it held then is gone, and nobody can help that; so it is killed when it holds nothing.

    It is killed while pushes wait for their answer, which they never get.
    """

    def holds_nothing() -> bool:
        with connect(own_redis.url) as redis:
            redis.client_pause(2000, all=False)  # writes wait
            if redis.llen(CDR_LIST) + redis.llen(f"{CDR_LIST}:taken") == 0:
                return True
            redis.client_unpause()
        return False

    def kill(placing: Future[LoadResult]) -> None:
        pause(placing, 1.0)
        until(holds_nothing, 10, "a moment with empty lists")
        pause(placing, 0.3)
        own_redis.kill()
        pause(placing, 1.0)
        own_redis.start()

    chaos(own_redis, server(own_redis.url)).run(kill)


def test_redis_is_frozen(
    own_redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    """It accepts connections and commands, and answers nothing; later it does all of them."""

    def freeze(placing: Future[LoadResult]) -> None:
        pause(placing, 1.0)
        own_redis.pause()
        pause(placing, 4.0)
        own_redis.resume()

    chaos(own_redis, server(own_redis.url)).run(freeze)


def test_redis_is_out_of_memory(
    own_redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    with Redis.from_url(own_redis.url) as redis:

        def fill(placing: Future[LoadResult]) -> None:
            pause(placing, 1.0)
            redis.config_set("maxmemory", 1)
            pause(placing, 2.0)
            redis.config_set("maxmemory", 0)

        chaos(own_redis, server(own_redis.url)).run(fill)
