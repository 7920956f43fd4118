"""A server process under attack; tests of single rooms are elsewhere, these hold the whole."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from sandbox.redis import RedisServer
from tests.attack.target import Target
from tests.e2e.conftest import tree, trunk  # noqa: F401 (fixtures)


@pytest.fixture(scope="session", autouse=True)
def many_files() -> None:
    """Let an attacker have as many sockets as it wants."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def target(redis: RedisServer) -> Iterator[Target]:
    """Run a server whose API lets the machine's own network in without a key."""
    with Target.running(redis) as target:
        yield target
