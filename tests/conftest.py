"""What the tests of all layers share."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from sandbox.redis import RedisServer, redis_server
from sandbox.server import Server

# No deadline for one example, nor for making some: the machine may be busy.  The same examples in
# each run, so that one that fails says something of the change; C2D_RANDOM=1 looks for new ones.
# `make check` is quick, and tries fewer (C2D_EXAMPLES).
_RANDOM = bool(os.environ.get("C2D_RANDOM"))
settings.register_profile(
    "tests",
    deadline=None,
    max_examples=int(os.environ.get("C2D_EXAMPLES", "60")),
    derandomize=not _RANDOM,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

Server.copied = True

# A shell that starts us in the background has it ignored, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Spare the garbage collector thousands of tests and all modules, which stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """Leave log and umask as they were: a command that a test runs in our process sets both."""
    logger = logging.getLogger("click2dial_agi")
    before = (list(logger.handlers), logger.propagate, logger.level)
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)
    logger.handlers, logger.propagate = before[0], before[1]
    logger.setLevel(before[2])


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    """Run one Redis server for the whole test run."""
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(running_redis: RedisServer) -> RedisServer:
    """Give a test the Redis server, empty."""
    with Redis.from_url(running_redis.url) as client:
        client.flushall()
    return running_redis


@pytest.fixture
def client(redis: RedisServer) -> Iterator[Redis]:
    """Connect to the empty Redis server as a consumer would."""
    with Redis.from_url(redis.url, decode_responses=True) as client:
        yield client
