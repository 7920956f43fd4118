"""A PBX that does not come back: an operator gives its calls up (docs/scale.md)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from click2dial_agi.app.forget_pbx import forget as forget_pbx
from click2dial_agi.domain.config import parse_config
from click2dial_agi.exceptions import PBXThere
from sandbox.redis import RedisServer
from sandbox.server import ACME
from tests.http.fake_ari import CLOSE
from tests.http.rig import API, serve
from tests.http.several import (
    AWAY,
    FLEETING,
    LIVE,
    MARKS,
    fake_ari,
    seen,
    unseen,
)
from tests.io.running import run


def forget(api: API, pbx: str) -> tuple[int, list[str]]:
    """Return how many calls were given up, and what an operator is told."""
    told: list[str] = []
    integrators = parse_config(api.config).integrators
    with asyncio.Runner() as runner:
        return runner.run(forget_pbx(integrators, pbx, told.append)), told


@pytest.mark.case("S3")
def test_a_pbx_that_never_comes_back_is_forgotten(redis: RedisServer) -> None:
    async def test() -> None:
        async with fake_ari() as west, fake_ari() as east:
            async with serve(redis, {"east": east}, times=FLEETING) as api:
                ref = (await api.post()).json()["call_ref"]
                await seen(api)
                with pytest.raises(PBXThere, match="east is there"):
                    await asyncio.to_thread(forget, api, "east")
            async with serve(redis, {"west": west}, times=FLEETING) as api:
                await unseen(api, east.started)
                await api.reap()
                other = (await api.post()).json()["call_ref"]
                count, told = await asyncio.to_thread(forget, api, "north")
                assert (count, told) == (
                    0,
                    ["no call is at north; there are calls at: east, west"],
                )
                count, [line] = await asyncio.to_thread(forget, api, "east")
                assert (count, line.partition(";")[0]) == (1, "acme: 1 calls")
                await asyncio.gather(api.reap(), api.reap())
                assert [cdr["call_ref"] for cdr in api.cdrs()] == [ref]
                assert list(api.held().values()) == [other]
                assert api.redis.hlen(AWAY) == api.redis.hlen(MARKS) == 0

    run(test())


def test_a_pbx_without_a_name_is_forgotten_by_its_run(redis: RedisServer) -> None:
    async def test() -> None:
        async with fake_ari() as ari, serve(redis, ari, times=FLEETING) as api:
            await api.post()
            await seen(api)
            ari.trouble |= dict.fromkeys(("info", "channels", "channel"), CLOSE)
            await unseen(api, ari.started)
            count, _ = await asyncio.to_thread(forget, api, f"{ari.entity_id}/{ari.started}")
            assert count == 1

    run(test())


@pytest.mark.case("S3")
def test_a_forgotten_pbx_that_comes_back_keeps_its_calls(redis: RedisServer) -> None:
    """Though the call stands in no answer just then; the next time it has to be asked for anew."""

    async def test() -> None:
        async with fake_ari() as ari, serve(redis, {"east": ari}, times=FLEETING) as api:
            ref = (await api.post()).json()["call_ref"]
            await seen(api)
            cut = dict.fromkeys(("info", "channels", "channel"), CLOSE)
            ari.trouble |= cut
            await unseen(api, ari.started)
            assert (await asyncio.to_thread(forget, api, "east"))[0] == 1
            del ari.trouble["info"]
            await seen(api)
            await api.reap()  # its channels are not to be had yet
            assert (api.cdrs(), api.redis.hlen(MARKS)) == ([], 1)
            ari.trouble.clear()
            await api.api._now.pbxs.look()
            await api.reap()
            assert (api.cdrs(), api.redis.hlen(MARKS), list(ari.channels)) == ([], 0, [ref])
            ari.trouble |= cut
            await unseen(api, ari.started)
            await api.reap()
            assert api.cdrs() == []

    run(test())


def test_a_call_that_does_not_say_which_run_has_it_is_not_forgotten(redis: RedisServer) -> None:
    """Whether its PBX is there cannot be told."""

    async def test() -> None:
        async with fake_ari() as ari, serve(redis, {"east": ari}, times=FLEETING) as api:
            ref = (await api.post()).json()["call_ref"]
            entry = json.loads(api.redis.hget(LIVE, ref) or "") | {"run": ""}
            api.redis.hset(LIVE, ref, json.dumps(entry))
            assert await asyncio.to_thread(forget, api, "east") == (
                0,
                ["no call is at east; there are calls at: none"],
            )
            assert api.redis.exists(MARKS) == 0

    run(test())


@pytest.mark.slow
def test_forgetting_from_the_command_line(redis: RedisServer, tmp_path: Path) -> None:
    config = tmp_path / "click2dial.yaml"
    config.write_text(json.dumps({"integrators": [{**ACME, "redis": redis.url}]}))
    argv = [sys.executable, "-m", "click2dial_agi", "forget-pbx", "east", "--config", str(config)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "no call is at east; there are calls at: none\n")
