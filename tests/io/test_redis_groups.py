"""Redis under Sentinels and as a cluster: pushed once, failover or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.domain.integrators import Limits
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.io.call_store import Admission, CallStore
from click2dial_agi.io.cdr_feed import CDRFeed
from click2dial_agi.io.journal import Journal
from click2dial_agi.io.redis_client import connect
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis_groups import Node, cluster, watched
from sandbox.waiting import patience
from tests.io.running import run
from tests.io.test_journal import LIST, note

pytestmark = pytest.mark.slow


async def push_once(url: str) -> None:
    writer, another = RedisLists(url, "left"), RedisLists(url, "left")
    assert await asyncio.gather(*(writer.push(note(n)) for n in range(5))) == [True] * 5
    assert await asyncio.gather(*(another.push(note(n)) for n in range(6))) == [*[False] * 5, True]
    await writer.close()
    await another.close()


async def popped(url: str) -> list[str]:
    async with connect(url, 2) as redis:
        found = []
        while body := await redis.rpop(LIST):
            found.append(cast(str, body))
        return found


def bodies(*numbers: int) -> list[str]:
    return [note(number).body for number in numbers]


async def every_user_of_redis(url: str, repeated: Sequence[str] = ()) -> None:
    """Use a Redis in every way; `repeated` is what was published before and may come once more."""
    store = CallStore(url, "enigma:notifications", LIST)
    await store.ping()
    limits, call = Limits(calls_per_minute=1), LiveCall("call", agent="1000")
    assert await store.admit(call, limits, 0) is Admission.YES
    assert await store.live() == {"call": call}
    await store.release("call")
    assert await store.live() == {}
    await store.close()
    feed = CDRFeed(url, LIST)
    listener = feed.listen()
    assert [await listener.next(), await listener.next()] == [("state", "away"), ("state", "live")]
    writer = RedisLists(url, "left")
    await writer.push(note(100))
    while (event := await listener.next()) != ("cdr", note(100).body):
        assert event is not None
        assert event.data in repeated
    await writer.close()
    listener.close()
    ending = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait([task for task in ending if task is not None and "_follow" in repr(task)])


def test_sentinel_names_the_primary_and_a_failover_loses_nothing(tmp_path: Path) -> None:
    with watched() as group:
        run(push_once(group.url))
        run(every_user_of_redis(group.url))
        assert run(popped(group.url)) == bodies(*range(6), 100)

        async def scenario() -> None:
            journal = Journal(tmp_path / "journal.db")
            delivery = ListQueue("acme", RedisLists(group.url, "left", 0.5), journal)
            await delivery.push(note(200))
            before = group.primary()
            before.kill()
            for number in range(201, 250):
                await delivery.push(note(number))
            await asyncio.to_thread(group.wait_failover, before)
            async with asyncio.timeout(patience(15)):
                while delivery.failing:
                    await asyncio.sleep(0.01)
            await delivery.push(note(250))
            await delivery.push(note(200))  # the replica knows what the primary had taken
            await delivery.close()
            await journal.close()

        run(scenario())
        assert run(popped(group.url)) == bodies(*range(200, 251))


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Node]]:
    with cluster() as nodes:
        yield nodes


@pytest.mark.parametrize("node", range(3))
def test_any_node_of_a_cluster_will_do(nodes: list[Node], node: int) -> None:
    url = f"redis+cluster://127.0.0.1:{nodes[node].port}"
    for one in nodes:
        with one.client() as client:
            client.flushall()
    run(push_once(url))
    # The nodes tell each other of what is published, which may take longer than to subscribe.
    run(every_user_of_redis(url, bodies(*range(6))))
    assert run(popped(url)) == bodies(*range(6), 100)


def test_one_reachable_node_of_those_named_is_enough(nodes: list[Node]) -> None:
    run(popped(f"redis+cluster://127.0.0.1:1,127.0.0.1:{nodes[0].port}"))
