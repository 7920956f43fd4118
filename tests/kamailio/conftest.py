"""A real Kamailio in front of two real Asterisks, for all tests that harm neither."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.redis import RedisServer
from tests.e2e.conftest import _unable as unable
from tests.e2e.conftest import tree
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import Rig

__all__ = ["tree"]


@pytest.fixture(scope="session")
def kamailio_installed() -> None:
    if shutil.which("kamailio") is None:
        unable("kamailio is not installed: make kamailio")


@pytest.fixture(scope="session")
def rig(tree: Path, kamailio_installed: None) -> Iterator[Rig]:
    with Rig(tree) as rig:
        yield rig


@pytest.fixture(scope="module")
def front(kamailio_installed: None, running_redis: RedisServer) -> Iterator[Front]:
    """A Kamailio in front of Asterisks that the test plays itself."""
    with Front.running(running_redis) as front:
        yield front
