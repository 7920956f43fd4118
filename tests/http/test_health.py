"""/healthz and /readyz: for load balancers and monitors."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import GARBAGE, HANG, FakeARI
from tests.http.rig import API, serve
from tests.io.running import run

FINE = {"redis": "ok", "ari": "ok", "agi": "ok", "spool": "ok"}


async def ready(api: API) -> dict[str, str]:
    """Return the parts' states, after a look at the rest, without a key."""
    api.client.headers.pop("Authorization", None)
    began = time.monotonic()
    response = await api.client.get("/readyz")
    assert time.monotonic() - began < patience(2.5)
    body = response.json()
    fine = set(body["parts"].values()) == {"ok"}
    assert (response.status_code, body["status"]) == ((200, "ok") if fine else (503, "failing"))
    assert (await api.client.get("/healthz")).json() == {"status": "ok", "parts": {}}
    parts: dict[str, str] = body["parts"]
    return parts


def test_all_is_well(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            assert await ready(api) == FINE

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [401, GARBAGE, HANG])
def test_ari_in_trouble(redis: RedisServer, trouble: str | int) -> None:
    # On a busy machine the look's own deadline may come before that of what it looks at.
    states = {"not working", "no answer in time"} if trouble == HANG else {"not working"}

    async def test() -> None:
        async with FakeARI(trouble={"ping": trouble}) as ari, serve(redis, ari) as api:
            found = await ready(api)
            assert found.pop("ari") in states
            assert found == {part: state for part, state in FINE.items() if part != "ari"}
            ari.trouble.clear()
            assert await ready(api) == FINE

    run(test())


def test_redis_that_hangs_and_agi_that_does_not_listen(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is named, and one that hangs does not hold the others."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            assert await ready(api) == FINE
            monkeypatch.setattr(api.api._agi, "is_listening", False, raising=False)
            redis.pause()
            try:
                parts = await ready(api)
            finally:
                redis.resume()
            assert parts == {
                "redis": "no answer in time",
                "ari": "ok",
                "agi": "not working",
                "spool": "ok",
            }

    run(test())


def test_recordings_and_what_else_there_is(redis: RedisServer, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    upstream = asyncio.Event()

    async def edge() -> None:
        if not upstream.is_set():
            raise OSError("no WebSocket")

    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, spool_dir=str(tmp_path), checks={"edge": edge}, record=True) as api,
        ):
            wrong = {**FINE, "edge": "not working", "recordings": "not working"}
            assert await ready(api) == wrong
            recordings.mkdir()
            upstream.set()
            assert await ready(api) == dict.fromkeys(wrong, "ok")

    run(test())


def test_many_who_ask_at_once_get_one_answer(redis: RedisServer) -> None:
    """Each look writes to Redis and to the disk, and anybody may ask."""
    looks = 0

    async def count() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.2)

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, checks={"edge": count}) as api:
            answers = await asyncio.gather(*(api.client.get("/readyz") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
            assert looks < 5

    run(test())


def test_a_reload_changes_keys_and_limits_and_drops_no_request(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            gate = asyncio.Event()
            ari.on_originate = lambda _: gate.set()
            under_way = [asyncio.create_task(api.post(agent=str(n))) for n in range(1000, 1020)]
            await gate.wait()
            api.reload(api_keys=["another"])
            assert {(await answer).status_code for answer in under_way} <= {201, 401}
            assert (await under_way[0]).status_code == 201
            assert (await api.post()).status_code == 401
            api.client.headers["Authorization"] = "Bearer another"
            assert (await api.post()).status_code == 429  # 1000's call goes on

    run(test())


def test_an_integrator_that_was_taken_out_gets_in_no_more(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            api.reload(name="renamed")
            assert (await api.post()).status_code == 401
            parts = await ready(api)
            assert parts == {
                "redis": "not working",
                "ari": "not working",
                "agi": "ok",
                "spool": "ok",
            }

    run(test())
