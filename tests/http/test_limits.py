"""429: what an integrator may create, counted in Redis for all instances."""

from __future__ import annotations

import asyncio
import time

import pytest

from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, CALLS, errors, serve
from tests.http.test_phone_calls import OUTBOUND, REF, channel
from tests.io.running import run


async def posts(*apis: API, agents: range) -> list[int]:
    """Post one call for each agent, all at once, on the servers in turn; return the statuses."""
    answers = await asyncio.gather(
        *(apis[n % len(apis)].post(agent=str(agent)) for n, agent in enumerate(agents))
    )
    for answer in answers:
        if answer.status_code == 429:
            assert 0 < int(answer.headers["retry-after"]) <= 60
    return sorted(answer.status_code for answer in answers)


def test_one_created_call_for_each_agent(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as one, serve(redis, ari) as two:
            answers = await asyncio.gather(*(api.post() for api in (one, two) for _ in range(10)))
            statuses = sorted(answer.status_code for answer in answers)
            assert statuses == [201, *[429] * 19]
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert errors(refused) == ["agent: one created call at a time"]
            assert int(refused.headers["retry-after"]) > 0
            assert len(ari.asked("endpoint")) == 1  # Asterisk does not hear of the others
            assert (await one.post(agent="1001")).status_code == 201

    run(test())


@pytest.mark.case("L10")
def test_who_has_handed_his_client_over_is_seen_to_be_free_and_is(redis: RedisServer) -> None:
    """At once: a page that shows it lets him call the next one."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            ref = (await api.post()).json()["call_ref"]
            assert (await api.post()).status_code == 429
            del ari.channels[ref]
            channel(ari, "c1", "c", OUTBOUND.replace(REF, ref))
            assert (await api.client.get(f"{CALLS}/{ref}")).json()["state"] == "up"
            assert (await api.post()).status_code == 201

    run(test())


def test_a_pool_that_is_spent_for_today(redis: RedisServer) -> None:
    caller_ids = {"random": ["27110001234"], "calls_per_day": 2}

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, caller_ids=caller_ids) as api:
            for agent in ("1000", "1001"):
                assert (await api.post(agent=agent, outbound_id="random")).status_code == 201
            refused = await api.post(agent="1002", outbound_id="random")
            assert refused.status_code == 429
            assert errors(refused) == [
                "outbound_id: random only while a number of the pool has calls left today"
            ]
            assert 0 < int(refused.headers["retry-after"]) <= 24 * 60 * 60
            named = await api.post(agent="1003", outbound_id="27110001234")
            assert named.status_code == 201

    run(test())


def test_concurrent_calls(redis: RedisServer) -> None:
    limits = {"calls_per_minute": 1000, "concurrent_calls": 3}

    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, limits=limits) as one,
            serve(redis, ari, limits=limits) as two,
        ):
            assert await posts(one, two, agents=range(1000, 1010)) == [201] * 3 + [429] * 7
            assert len(ari.channels) == 3
            # What ends makes room again.
            ended, *_ = ari.channels
            await one.api.stores["acme"].release(ended)
            assert await posts(one, two, agents=range(1010, 1013)) == [201, 429, 429]
            refused = await two.post(agent="1020")
            assert errors(refused) == ["calls: at most 3 at once"]

    run(test())


def test_calls_per_minute(redis: RedisServer) -> None:
    limits = {"calls_per_minute": 4, "concurrent_calls": 1000}

    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, limits=limits) as one,
            serve(redis, ari, limits=limits) as two,
        ):
            # All of it within one minute of the clock.
            await asyncio.sleep(max(0.0, 4 - (60 - time.time() % 60)))
            assert await posts(one, two, agents=range(1000, 1010)) == [201] * 4 + [429] * 6
            refused = await two.post(agent="1020")
            assert errors(refused) == ["calls: at most 4 a minute"]
            left = 60 - time.time() % 60
            assert left - 1 <= int(refused.headers["retry-after"]) <= left + 2

    run(test())


def test_the_minute_counts_calls_that_failed_but_not_bodies_that_were_refused(
    redis: RedisServer,
) -> None:
    limits = {"calls_per_minute": 2, "concurrent_calls": 1000}

    async def test() -> None:
        async with FakeARI(endpoint=None) as ari, serve(redis, ari, limits=limits) as api:
            await asyncio.sleep(max(0.0, 4 - (60 - time.time() % 60)))
            statuses = [(await api.post(**wrong)).status_code for wrong in [{"agent": "x"}] * 5]
            assert statuses == [422] * 5
            assert [(await api.post()).status_code for _ in range(3)] == [409, 409, 429]

    run(test())


def test_an_integrators_limits_are_its_own(redis: RedisServer) -> None:
    limits = {"calls_per_minute": 1, "concurrent_calls": 1}

    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, limits=limits) as one,
            serve(redis, ari, limits=limits, key_prefix="other") as two,
        ):
            assert (await one.post()).status_code == 201
            assert (await two.post()).status_code == 201

    run(test())


@pytest.mark.case("T17")
def test_calls_for_help_have_no_limit(redis: RedisServer) -> None:
    """Neither the integrator's, nor that an agent has one call; they take nobody's place."""
    limits = {"calls_per_minute": 1, "concurrent_calls": 1}

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, limits=limits) as api:
            assert (await api.post()).status_code == 201
            assert (await api.post()).status_code == 429
            helped = [await api.post(callee="112", contact_ref=f"r{n}") for n in range(3)]
            assert [one.status_code for one in helped] == [201, 201, 201]
            assert len(api.held()) == 4
            ari.channels.clear()
            await api.reap()
            assert api.held() == {}

    run(test())


@pytest.mark.case("T17")
def test_calls_for_help_need_no_redis(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for store in api.api.stores.values():
                store._redis.connection_pool.connection_kwargs["port"] = 1
                await store._redis.connection_pool.disconnect()
            assert (await api.post()).status_code == 503
            assert (await api.post(callee="112")).status_code == 201
            assert len(ari.asked("originate")) == 1

    run(test())
