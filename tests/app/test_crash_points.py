"""The server is killed at every single step of the end of a call: one record each time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from redis import Redis

from sandbox.redis import RedisServer
from tests.app.test_drain import refs
from tests.domain.examples import ACME

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def crashing(phase: str, how: str, following: str, config: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.crashing", phase, how, following, str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("following", ["server", "spool"])
@pytest.mark.parametrize(
    ("how", "redis_is_away", "fewest"),
    [("step", False, 5), ("step", True, 10), ("statement", True, 5)],
)
def test_killed_at_every_point(
    redis: RedisServer,
    client: Redis,
    tmp_path: Path,
    how: str,
    redis_is_away: bool,
    fewest: int,
    following: str,
) -> None:
    config = tmp_path / "click2dial.yaml"
    document = {"spool_dir": str(tmp_path), "integrators": [{**ACME, "redis": redis.url}]}
    config.write_text(json.dumps(document))
    assert yaml.safe_load(config.read_text()) == document
    if redis_is_away:
        redis.stop()
    try:
        points = int(crashing("crash", how, following, config))
    finally:
        redis.start()
    crashing("recover", how, following, config)
    assert points >= fewest
    assert sorted(refs(client)) == [str(UUID(int=point)) for point in range(1, points + 1)]
