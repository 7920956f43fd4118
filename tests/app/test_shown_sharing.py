"""``caller_ids.calls_per_day``: on phones, and over all servers that share a Redis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from click2dial_agi.app.shown_sharing import share_shown
from click2dial_agi.domain import facts
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.io.call_store import CallStore
from sandbox.redis import RedisServer
from tests.app.serving import config, serving, snapshot
from tests.app.test_limits import place
from tests.io.running import run

POOL = ["27110001234", "27110005678"]
LIMITED: dict[str, Any] = {
    "caller_ids": {"random": POOL, "calls_per_day": 2},
    "limits": {"agent": {"concurrent_calls": 100}},
}


def test_a_call_shows_no_number_that_is_spent() -> None:
    async def scenario() -> None:
        async with serving(config(**LIMITED)) as calls:
            drawn = []
            for number in range(4):
                told = await place(calls, number, teleforge_outbound_id="random")
                drawn.append(told["C2D_DIAL_NUMBER"])
            assert sorted(drawn) == sorted(POOL * 2)
            told = await place(calls, 5, teleforge_outbound_id="random")
            assert (told["C2D_VERDICT"], told["C2D_CAUSE"]) == ("refuse", "21")
            known = facts.decode(f"{told['C2D_FACTS']}&ended_at=1700000000")
            assert CallRecord.from_facts(known, config()).known.limited
            # The number by its name is the caller's own choice.
            told = await place(calls, 6, teleforge_outbound_id=POOL[0])
            assert told["C2D_DIAL_NUMBER"] == POOL[0]

    run(scenario())


def test_colleagues_and_refused_calls_show_nothing() -> None:
    async def scenario() -> None:
        async with serving(config(**LIMITED)) as calls:
            for number in range(5):
                await place(calls, number, callee="1001", teleforge_outbound_id="random")
                await place(calls, 10 + number, callee="1", teleforge_outbound_id="random")
            told = await place(calls, 20, teleforge_outbound_id="random")
            assert told["C2D_VERDICT"] == "dial"

    run(scenario())


@contextlib.asynccontextmanager
async def store(url: str) -> AsyncIterator[CallStore]:
    made = CallStore(url, "enigma:notifications", "enigma:notifications:cdr")
    try:
        yield made
    finally:
        await made.close()


def test_servers_count_together(redis: RedisServer) -> None:
    async def scenario() -> None:
        async with store(redis.url) as one, store(redis.url) as other:
            servers = [
                replace(snapshot(config(redis.url, **LIMITED)), stores={"acme": each})
                for each in (one, other)
            ]
            for server in servers:
                server.counts.shown.count("acme", POOL[0])
                assert server.counts.shown.spent("acme", 2) == frozenset()
            for server in (*servers, servers[0]):
                await share_shown(server)
            for server in servers:
                assert server.counts.shown.spent("acme", 2) == {POOL[0]}
                assert server.counts.shown.untold("acme") == {}

    run(scenario())


def test_while_redis_is_away_a_server_counts_by_itself() -> None:
    async def scenario() -> None:
        async with store("redis://127.0.0.1:1/0") as away:
            server = replace(snapshot(config(**LIMITED)), stores={"acme": away})
            server.counts.shown.count("acme", POOL[0])
            await share_shown(server)
            assert server.counts.shown.spent("acme", 1) == {POOL[0]}
            assert server.counts.shown.untold("acme") == {POOL[0]: 1}

    run(scenario())
