"""What happens, in Redis: one writer at a time for each PBX, and one picture for all servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis import Redis

from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.domain.live.views import AgentView, CallView, Device
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io import live_store
from click2dial_agi.io.live_store import Held, Kept, LiveStore
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.io.running import run

LIST = "enigma:notifications:cdr"
AGENT = AgentView("1000", AgentState.IDLE, 7, "", (Device("PJSIP/1000", "east", "NOT_INUSE"),))
CALL = CallView(
    "bde674e2-eeaf-4355-b32c-664a82256e11", "acme", CallState.UP, 9, "1000", "0820000100",
    "client-4711", "27820001234", "outbound", 5, 9,
)  # fmt: skip


@contextlib.asynccontextmanager
async def stores(redis: RedisServer, *names: str, count: int = 2) -> AsyncIterator[list[LiveStore]]:
    made = [LiveStore(redis.url, LIST, "acme", names or ("east",)) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            await one.close()


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_store, "LEASE", int(1000 * patience(1)))


def test_one_reads_at_a_time(redis: RedisServer) -> None:
    async def test() -> None:
        async with stores(redis) as (one, other):
            first = await one.acquire("east")
            assert first > 0
            assert await other.acquire("east") == 0
            assert await one.renew("east", first)
            assert not await other.renew("east", first + 1)
            await one.release("east", first)
            second = await other.acquire("east")
            assert second > first
            assert not await one.renew("east", first)

    run(test())


@pytest.mark.slow
def test_a_lease_ends_with_its_holder(redis: RedisServer, short_lease: None) -> None:
    """And who wakes up after that writes nothing."""

    async def test() -> None:
        async with stores(redis) as (one, other):
            first = await one.acquire("east")
            assert await one.replace("east", first, {"1000": AGENT}, {}) == {}
            assert (await other.read()).pbxs["east"].fresh
            while not (second := await other.acquire("east")):
                await asyncio.sleep(0.01)
            assert not (await one.read()).pbxs["east"].fresh
            talking = replace(AGENT, state=AgentState.TALKING)
            assert not await one.publish("east", first, [("1000", talking)])
            assert await one.replace("east", first, {}, {}) is None
            await one.away("east", first)
            await one.release("east", first)
            assert await other.renew("east", second)
            assert await other.replace("east", second, {"1000": AGENT}, {}) == {}
            assert (await one.read()).pbxs["east"].agents == {"1000": AGENT}

    run(test())


def test_all_see_the_same(redis: RedisServer) -> None:
    async def test() -> None:
        async with stores(redis, "east", "west") as (one, other):
            assert (await other.read()).at == "0-0"
            fence = await one.acquire("east")
            await one.replace("east", fence, {"1000": AGENT}, {CALL.call_ref: CALL})
            picture = await other.read()
            assert picture.pbxs["east"] == Kept(True, {"1000": AGENT}, {CALL.call_ref: CALL})
            assert picture.pbxs["west"] == Kept(False, {}, {})
            assert await other.fresh() == {"east"}
            assert await other.agent("1000") == {"east": (True, AGENT), "west": (False, None)}
            talking = replace(AGENT, state=AgentState.TALKING, call_ref=CALL.call_ref)
            await one.publish("east", fence, [("1000", talking), (CALL.call_ref, CALL.ended(11))])
            events = await other.after(picture.at)
            assert [(entry.type, entry.pbx, entry.key) for entry in events] == [
                ("agent", "east", "1000"),
                ("call", "east", CALL.call_ref),
            ]
            assert AgentView.parse(events[0].data) == talking
            assert CallView.parse(events[1].data, "acme") == CALL.ended(11)
            now = await other.read()
            assert now.pbxs["east"] == Kept(True, {"1000": talking}, {})
            assert now.at == events[-1].id
            assert await other.between(picture.at, now.at, 10) == events
            calls = {CALL.call_ref: CALL}
            assert await one.replace("east", fence, {}, calls) == {}
            assert await one.replace("east", fence, {}, calls) == {}
            assert await one.replace("east", fence, {}, {}) == calls

    run(test())


def test_away_is_known_at_once(redis: RedisServer) -> None:
    async def test() -> None:
        async with stores(redis) as (one, other):
            fence = await one.acquire("east")
            await one.replace("east", fence, {"1000": AGENT}, {})
            at = (await other.read()).at
            await one.away("east", fence)
            await one.away("east", fence)  # told once
            (event,) = await other.after(at)
            assert (event.type, event.pbx) == ("look", "east")
            assert not (await other.read()).pbxs["east"].fresh
            assert await other.acquire("east") == 0  # it is still the one who reads
            await one.release("east", fence)
            assert await other.acquire("east") > 0

    run(test())


@pytest.mark.case("L15")
@pytest.mark.parametrize("what", ["agents", "calls", "fresh"])
def test_what_another_took_out_is_noticed(redis: RedisServer, client: Redis, what: str) -> None:
    async def test() -> None:
        async with stores(redis) as (one, other):
            fence = await one.acquire("east")
            assert await one.renew("east", fence) is Held.BLANK
            for views in ({}, {"1000": AGENT}):
                await one.replace("east", fence, views, {CALL.call_ref: CALL})
                assert await one.renew("east", fence) is Held.YES
            await one.publish("east", fence, [("1001", AGENT), (CALL.call_ref, CALL.ended(11))])
            assert await one.renew("east", fence) is Held.YES
            await one.publish("east", fence, [(CALL.call_ref, CALL)])
            assert await one.renew("east", fence) is Held.YES
            client.delete(f"{{{LIST}}}:live:{what}:east")
            # What changes meanwhile does not hide it.
            await one.publish("east", fence, [("1002", AGENT)])
            assert await one.renew("east", fence) is Held.BLANK
            assert not (await other.read()).pbxs["east"].fresh
            await one.replace("east", fence, {"1000": AGENT}, {})
            assert await one.renew("east", fence) is Held.YES
            assert (await other.read()).pbxs["east"] == Kept(True, {"1000": AGENT}, {})

    run(test())


def test_what_is_not_kept_any_more(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_store, "MAX_EVENTS", 10)

    async def test() -> None:
        async with stores(redis) as (one, other):
            fence = await one.acquire("east")
            await one.replace("east", fence, {}, {})
            at = (await other.read()).at
            for since in range(300):
                await one.publish("east", fence, [("1000", replace(AGENT, since=since))])
            last = (await other.read()).at
            assert await other.between(at, last, 1000) is None
            assert await other.between(last, last, 1000) == []
            middle = (await other.after(at))[-5].id
            assert len(await other.between(middle, last, 1000) or []) == 4
            assert await other.between(middle, last, 3) is None
            assert await other.between("9999999999999-0", last, 3) is None

    run(test())


def test_many_agents(redis: RedisServer) -> None:
    async def test() -> None:
        async with stores(redis) as (one, other):
            agents = {str(n): replace(AGENT, extension=str(n)) for n in range(10_000, 16_000)}
            fence = await one.acquire("east")
            assert await one.replace("east", fence, agents, {}) == {}
            assert (await other.read()).pbxs["east"].agents == agents

    run(test())


def test_what_others_have_written_is_left_out(redis: RedisServer) -> None:
    async def test() -> None:
        async with stores(redis, count=1) as (one,):
            await one.replace("east", await one.acquire("east"), {"1000": AGENT}, {})
            key = f"{{{LIST}}}:live:agents:east"
            for text in ("", "x", "[]", '{"state": "idle"}', '{"extension": "1", "state": "x"}'):
                await one._redis.hset(key, "1001", text)
                assert (await one.read()).pbxs["east"].agents == {"1000": AGENT}

    run(test())


def test_redis_is_away() -> None:
    async def test() -> None:
        store = LiveStore("redis://127.0.0.1:1/0", LIST, "acme", ("east",))
        for work in (store.acquire("east"), store.read(), store.after("0-0"), store.fresh()):
            with pytest.raises(NotificationError):
                await work
        await store.close()

    run(test())
