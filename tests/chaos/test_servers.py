"""Servers that die under load."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from itertools import cycle

from sandbox.load import LoadResult
from sandbox.redis import RedisServer, redis_server
from sandbox.server import Server
from tests.chaos.ledger import CALLS, Chaos, pause

#: Seconds: a minute in `make chaos`.
AWAY = 60.0 if CALLS >= 1000 else 3.0


def test_the_server_is_killed_every_few_seconds(
    redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    """With no second one: calls that find none are refused, and have their record all the same."""
    only = server(redis.url)

    def kill(placing: Future[LoadResult]) -> None:
        pause(placing, 1.5)
        only.kill()
        pause(placing, 0.5)
        only.start()

    chaos(redis, only).run(kill)


def test_two_servers_are_killed_in_turn(
    redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    both = [server(redis.url), server(redis.url)]
    turns = cycle(both)

    def kill(placing: Future[LoadResult]) -> None:
        one = next(turns)
        pause(placing, 1.0)
        one.kill()
        pause(placing, 0.5)
        one.start()

    chaos(redis, *both).run(kill)


def test_server_and_redis_are_both_away_and_come_back(
    server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    with redis_server(appendonly=True) as redis:
        only = server(redis.url)

        def leave(placing: Future[LoadResult]) -> None:
            pause(placing, 1.0)
            redis.kill()
            pause(placing, 1.0)  # the journal takes what comes
            only.kill()
            pause(placing, AWAY)  # the spool does
            only.start()
            pause(placing, 0.5)
            redis.start()

        chaos(redis, only).run(leave)
