"""The clock of the server's host is set forth and back by an hour."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from itertools import cycle
from pathlib import Path

from sandbox.clock import another_clock
from sandbox.load import LoadResult
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.chaos.ledger import Chaos, pause


def test_the_clock_is_stepped_by_an_hour(
    redis: RedisServer,
    server: Callable[..., Server],
    chaos: Callable[..., Chaos],
    tmp_path: Path,
) -> None:
    """Redis is away now and then, so that the journal's times are stepped over, too."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    only = server(
        redis.url,
        env=another_clock(clock),
    )
    steps = cycle(["+3600", "+0", "-3600", "+0"])

    def step(placing: Future[LoadResult]) -> None:
        redis.pause()
        pause(placing, 0.5)
        clock.write_text(next(steps))
        pause(placing, 0.5)
        redis.resume()
        pause(placing, 0.5)

    chaos(redis, only).run(step)
    hours = {line[11:13] for line in only.log().splitlines() if line[:2] == "20"}
    assert len(hours) >= 3  # the clock was indeed another
