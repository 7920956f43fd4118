"""The network between server and Redis fails, and Redis moves, under load."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from itertools import cycle

from sandbox.load import LoadResult
from sandbox.proxy import Network, Proxy
from sandbox.redis import RedisServer
from sandbox.redis_groups import HOST, watched
from sandbox.server import Server
from tests.chaos.ledger import Chaos, connect, pause


def test_the_network_drops_refuses_and_cuts_off_answers(
    redis: RedisServer, server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    """An answer that is cut off is the worst: Redis has the record and the server cannot know."""
    proxy = Proxy(redis.port)
    troubles = cycle([Network.CUTS_REPLIES, Network.REFUSES, Network.DROPS])

    def disturb(placing: Future[LoadResult]) -> None:
        pause(placing, 0.7)
        proxy.network = next(troubles)
        pause(placing, 3.0 if proxy.network is Network.DROPS else 1.0)
        proxy.network = Network.WORKS
        proxy.reset()

    try:
        one = server(f"redis://127.0.0.1:{proxy.port}/0")
        chaos(redis, one).run(disturb)
        one.stop()
    finally:
        proxy.close()


def test_the_primary_dies_and_sentinel_names_another(
    server: Callable[..., Server], chaos: Callable[..., Chaos]
) -> None:
    with watched() as group:

        def fail_over(placing: Future[LoadResult]) -> None:
            pause(placing, 1.0)
            before = group.primary()
            before.kill()
            group.wait_failover(before)
            before.start()  # it comes back as the replica
            group.wait_replica()

        one = server(group.url)
        chaos(lambda: connect(f"redis://{HOST}:{group.primary().port}/0"), one).run(fail_over)
        one.stop()
