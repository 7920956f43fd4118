"""Many integrators whose Redis hangs: what is looked after for another does not wait for them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from click2dial_agi.app.doctor.stores import check_redis
from click2dial_agi.app.ending import end
from click2dial_agi.app.shown_sharing import share_shown
from click2dial_agi.app.times import Times
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.io.call_store import CallStore
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import ACME
from sandbox.waiting import patience
from tests.app.serving import snapshot
from tests.http.fake_ari import CLOSE, FakeARI
from tests.http.rig import API, serve
from tests.http.several import fake_ari
from tests.io.fake_ami import FakeAMI
from tests.io.running import eventually, run

# Each takes some seconds of waiting: one after the other, more than a test may take.
HANGING = 24
SOON = Times(ari=patience(0.3), lost_after=0.0, reap_every=0.05)
PAUSED = "{enigma:notifications}:paused"
NUMBER = "27110001234"


@pytest.fixture
def hanging() -> Iterator[str]:
    """A Redis to which one connects, and which never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def others(redis: str) -> list[dict[str, Any]]:
    return [
        {
            "name": f"other{number}",
            "http": f"127.0.0.1:{ports.free_port()}",
            "redis": redis,
            "key_prefix": f"other{number}",
            "api_keys": [f"key-of-{number}"],
            "extensions": [f"{20 + number}00-{20 + number}99"],
        }
        for number in range(HANGING)
    ]


@contextlib.asynccontextmanager
async def served(redis: RedisServer, ari: FakeARI, hanging: str) -> AsyncIterator[API]:
    async with (
        FakeAMI() as ami,
        serve(redis, ari, *others(hanging), times=SOON, ami=ami) as api,
    ):
        yield api


@pytest.mark.case("L90")
def test_lost_calls_are_found_and_the_server_stops(redis: RedisServer, hanging: str) -> None:
    async def test() -> None:
        async with FakeARI() as ari, served(redis, ari, hanging) as api:
            for _ in range(3):
                assert (await api.post()).status_code == 201
                ari.channels.clear()
                await eventually(lambda: api.held() == {})
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed"] * 3

    run(test())


@pytest.mark.case("L90")
def test_paused_recordings_are_looked_after(redis: RedisServer, hanging: str) -> None:
    async def test() -> None:
        async with FakeARI() as ari, served(redis, ari, hanging) as api:
            for _ in range(3):
                api.redis.hset(PAUSED, str(uuid4()), "a0")  # of a call that is over
                await eventually(lambda: not api.redis.exists(PAUSED))

    run(test())


@pytest.mark.case("L90")
def test_caller_ids_are_counted(redis: RedisServer, hanging: str) -> None:
    async def test() -> None:
        limited = {"caller_ids": {"random": [NUMBER], "calls_per_day": 9}}
        hang = [{**limited, **one} for one in others(hanging)]
        acme = {**ACME, **limited, "redis": redis.url}
        ari = {
            "ari_url": "http://127.0.0.1:1/ari",
            "ari_username": "u",
            "ari_password": "ari-secret",
        }
        config = parse_config({"asterisk": ari, "integrators": [*hang, acme]})
        async with contextlib.AsyncExitStack() as stack:
            stores = {one.name: await opened(stack, one) for one in config.integrators}
            server = replace(snapshot(config), stores=stores)
            server.counts.shown.count("acme", NUMBER)
            sharing = asyncio.create_task(share_shown(server))
            await eventually(lambda: not server.counts.shown.untold("acme"))
            assert not sharing.done()
            await end(sharing)

    run(test())


@pytest.mark.case("L90")
def test_a_pbx_that_is_back_is_seen(redis: RedisServer, hanging: str) -> None:
    """It is looked for as often as ever."""

    async def test() -> None:
        times = replace(SOON, look_every=0.05)
        async with (
            fake_ari() as east,
            fake_ari() as west,
            serve(redis, {"east": east, "west": west}, *others(hanging), times=times) as api,
        ):
            first, _ = api.api._now.pbxs
            for _ in range(HANGING):
                east.trouble["info"] = CLOSE
                await eventually(lambda: not first.serves)
                del east.trouble["info"]
                await eventually(lambda: first.serves)

    run(test())


@pytest.mark.case("L90")
def test_doctor_names_all_of_them(redis: RedisServer, hanging: str) -> None:
    ari = {"ari_url": "http://127.0.0.1:1/ari", "ari_username": "u", "ari_password": "ari-secret"}
    acme = {**ACME, "redis": redis.url}
    config = parse_config({"asterisk": ari, "integrators": [*others(hanging), acme]})
    began = time.monotonic()
    found = [one for one in run(check_redis(config)) if one.check == "redis-refuses"]
    named = [one.what.partition(":")[0] for one in found]
    assert time.monotonic() - began < patience(10.0)  # of which each takes four
    assert named == [f"integrators.other{number}.redis" for number in range(HANGING)]


async def opened(stack: contextlib.AsyncExitStack, integrator: Integrator) -> CallStore:
    store = CallStore(integrator.redis, integrator.key_prefix, integrator.cdr_list)
    stack.push_async_callback(store.close)
    return store
