"""PBXs that a server has, as tests want them: which it sees, and which not."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from click2dial_agi.app.times import Times
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, QUICK, serve
from tests.io.running import eventually

LIVE = "{enigma:notifications}:live"
AWAY = "{enigma:notifications}:away"
MARKS = "{enigma:notifications}:marks"
PRESENT = "{enigma:notifications}:pbx:*"

#: PBXs are looked at all the time.  For how long they count as seen, a test says (`unseen`).
FLEETING = Times(ari=patience(0.3), lost_after=0.0, reap_every=1000.0, look_every=0.05, present=600)

STARTED = (f"2026-01-02T03:04:{second:02}.000+0000" for second in itertools.cycle(range(60)))
LATER = "2036-01-02T03:04:05.678+0000"


def fake_ari(endpoint: str | None = "online") -> FakeARI:
    """Return a PBX; all have one entity id, as those have that share a network card's address."""
    return FakeARI(endpoint=endpoint, started=next(STARTED))


@contextlib.asynccontextmanager
async def two(
    redis: RedisServer, times: Times = QUICK, **integrator: Any
) -> AsyncIterator[tuple[FakeARI, FakeARI, API]]:
    """Run a server with two PBXs, east and west."""
    async with (
        fake_ari() as east,
        fake_ari() as west,
        serve(redis, {"east": east, "west": west}, times=times, **integrator) as api,
    ):
        yield east, west, api


async def seen(api: API) -> None:
    """Wait until a server has told all that it sees its PBX."""
    await eventually(lambda: bool(api.redis.keys(PRESENT)))


async def unseen(api: API, started: str) -> None:
    """Do as if no server had seen a PBX for a while, which answers none any more."""

    def gone() -> bool:
        keys = api.redis.keys(f"{PRESENT}{started}")
        return not keys or not api.redis.delete(*keys)

    for _ in range(2):  # a look may have been under way
        await eventually(gone)
        await api.api._now.pbxs.look()
