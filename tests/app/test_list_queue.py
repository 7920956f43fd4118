"""Redis goes and comes back: every notification arrives once, in order, and no call waits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis

from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.app.notifiers import Notifiers
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Journal
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from tests.domain.examples import ACME
from tests.io.running import eventually, run
from tests.io.test_journal import LIST, note

TIMEOUT = 0.2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@contextlib.asynccontextmanager
async def delivering(url: str, path: Path, **options: Any) -> AsyncIterator[ListQueue]:
    journal = Journal(path, **options)
    delivery = ListQueue("acme", RedisLists(url, "left", TIMEOUT), journal)
    delivery.start()
    try:
        yield delivery
    finally:
        await delivery.close()
        await journal.close()


def popped(client: Redis, list_name: str = LIST) -> list[str]:
    found = []
    while body := client.rpop(list_name):
        found.append(cast(str, body))
    return found


def bodies(*numbers: int) -> list[str]:
    return [note(number).body for number in numbers]


def test_while_redis_answers_there_is_no_journal(
    redis: RedisServer, client: Redis, path: Path
) -> None:
    async def scenario() -> None:
        async with delivering(redis.url, path) as delivery:
            assert await delivery.push(note(1))
            assert not await delivery.push(note(1))
            assert not delivery.failing

    run(scenario())
    assert popped(client) == bodies(1)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(("leave", "come_back"), [("stop", "start"), ("pause", "resume")])
def test_what_redis_missed_is_pushed_in_order_when_it_is_back(
    redis: RedisServer, client: Redis, path: Path, leave: str, come_back: str
) -> None:
    async def scenario() -> None:
        async with delivering(redis.url, path) as delivery:
            await delivery.push(note(0))
            getattr(redis, leave)()
            try:
                for number in range(1, 300):
                    assert await delivery.push(note(number))
                assert delivery.failing
            finally:
                getattr(redis, come_back)()
            # While older ones wait, newer ones queue behind them.
            for number in range(300, 320):
                assert await delivery.push(note(number))
            await eventually(lambda: not delivery.failing)
            assert await delivery.push(note(320))

    first = [] if leave == "stop" else [0]  # this Redis keeps nothing on disk
    run(scenario())
    assert popped(client) == bodies(*first, *range(1, 321))


def test_a_frozen_redis_holds_up_the_first_call_and_no_other(
    redis: RedisServer, client: Redis, path: Path
) -> None:
    async def scenario() -> None:
        async with delivering(redis.url, path) as delivery:
            redis.pause()
            try:
                await delivery.push(note(0))
                started = time.monotonic()
                for number in range(1, 20):
                    await delivery.push(note(number))
                assert time.monotonic() - started < 10 * TIMEOUT  # 19 times TIMEOUT if they waited
            finally:
                redis.resume()
            await eventually(lambda: not delivery.failing)

    run(scenario())
    assert popped(client) == bodies(*range(20))


def test_calls_that_wait_together_give_up_together(redis: RedisServer, path: Path) -> None:
    """More than one round trip's worth: they must not fail one round trip after the other."""

    async def scenario() -> None:
        async with delivering(redis.url, path) as delivery:
            redis.pause()
            try:
                started = time.monotonic()
                await asyncio.gather(*(delivery.push(note(n)) for n in range(1000)))
                assert (
                    time.monotonic() - started < 50 * TIMEOUT
                )  # one after the other it would be a thousand of them
            finally:
                redis.resume()
            await eventually(lambda: not delivery.failing)

    run(scenario())


def test_what_an_earlier_run_left_is_pushed_at_the_start(
    redis: RedisServer, client: Redis, path: Path
) -> None:
    async def scenario() -> None:
        async with delivering("redis://127.0.0.1:1/0", path) as delivery:
            for number in range(5):
                await delivery.push(note(number))
        assert popped(client) == []
        async with delivering(redis.url, path) as delivery:
            await delivery.push(note(5))
            await eventually(lambda: not delivery.failing)
            assert popped(client) == bodies(*range(6))

    run(scenario())


def test_an_answer_that_got_lost_is_no_second_record(
    redis: RedisServer, client: Redis, path: Path
) -> None:
    """The writer gives up after Redis has pushed: the journal's copy is known as pushed."""

    async def scenario() -> None:
        async with delivering(redis.url, path) as delivery:
            writer = delivery._lists
            assert await writer.push(note(1))

            async def lost(notification: Notification) -> bool:
                raise NotificationError("Redis: no answer in time")

            writer.push, push = lost, writer.push  # type: ignore[method-assign]
            assert await delivery.push(note(1))
            writer.push = push  # type: ignore[method-assign]
            await eventually(lambda: not delivery.failing)

    run(scenario())
    assert popped(client) == bodies(1)


def test_neither_redis_nor_the_disk_is_no_receipt(path: Path) -> None:
    async def scenario() -> None:
        path.write_text("x")
        blocked = path / "journal.db"
        async with delivering("redis://127.0.0.1:1/0", blocked) as delivery:
            for number in range(3):
                with pytest.raises(NotificationError):
                    await delivery.push(note(number))

    run(scenario())


def test_without_a_disk_redis_is_tried_each_time(
    redis: RedisServer, client: Redis, path: Path
) -> None:
    async def scenario() -> None:
        path.write_text("x")
        async with delivering(redis.url, path / "journal.db") as delivery:
            redis.stop()
            with pytest.raises(NotificationError):
                await delivery.push(note(1))
            redis.start()
            assert await delivery.push(note(1))
            assert popped(client) == bodies(1)
            # Nobody can tell what is in a journal that cannot be read.
            assert delivery.failing
            path.unlink()
            await eventually(lambda: not delivery.failing)

    run(scenario())


def test_a_disk_that_cannot_forget_does_not_stop_anything(
    redis: RedisServer, client: Redis, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: records are pushed, once, and deleted when there is room again."""
    full = True
    forget = Journal.forget

    async def no_room(self: Journal, integrator: str, number: int) -> None:
        if full:
            raise NotificationError("journal: database or disk is full")
        await forget(self, integrator, number)

    monkeypatch.setattr(Journal, "forget", no_room)
    monkeypatch.setattr("click2dial_agi.app.list_queue._LAST_PAUSE", 0.05)

    async def scenario() -> None:
        nonlocal full
        async with delivering(redis.url, path) as delivery:
            redis.stop()
            for number in range(500):
                await delivery.push(note(number))
            redis.start()
            await eventually(lambda: not delivery.failing)
            assert popped(client) == bodies(*range(500))
            assert await delivery.push(note(500))
            full = False
            assert delivery._catching_up is not None
            await delivery._catching_up
            assert await delivery._journal.oldest("acme", 10) == []

    run(scenario())
    assert popped(client) == bodies(500)


def test_redis_that_is_out_of_memory_gets_it_all_when_it_has_room(
    redis: RedisServer, client: Redis, path: Path
) -> None:
    async def scenario() -> None:
        async with delivering(redis.url, path) as delivery:
            await delivery.push(note(0))
            client.config_set("maxmemory", 1)
            try:
                for number in range(1, 50):
                    assert await delivery.push(note(number))
                assert delivery.failing
            finally:
                client.config_set("maxmemory", 0)
            await eventually(lambda: not delivery.failing)

    run(scenario())
    assert popped(client) == bodies(*range(50))


def configured(tmp_path: Path, url: str, *names: str, **keys: Any) -> Config:
    integrators = [
        {**ACME, "name": name, "redis": url, "key_prefix": name, "extensions": [f"{n}000"], **keys}
        for n, name in enumerate(names, start=1)
    ]
    return parse_config({"spool_dir": str(tmp_path), "integrators": integrators})


def put_in_force(notifiers: Notifiers, config: Config) -> None:
    notifiers.use(config, notifiers.build(config))


def test_integrators_do_not_wait_for_each_other(
    redis: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async def scenario() -> None:
        config = configured(tmp_path, redis.url, "acme", "beta")
        acme, beta = config.integrators
        away = beta.model_copy(update={"redis": "redis://127.0.0.1:1/0"})
        notifiers = Notifiers(config)
        put_in_force(notifiers, config.model_copy(update={"integrators": (acme, away)}))
        await notifiers.by_name["beta"].lists.push(note(1, "beta:cdr"))
        assert await notifiers.by_name["acme"].lists.push(note(1, "acme:cdr"))
        assert popped(client, "acme:cdr") == bodies(1)
        # A reload gives it a Redis that answers: what waited goes there.
        put_in_force(notifiers, config)
        await eventually(lambda: not notifiers.by_name["beta"].failing)
        await notifiers.close()

    run(scenario())
    assert popped(client, "beta:cdr") == bodies(1)


def test_an_integrator_that_was_taken_out_keeps_its_records(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        both = configured(tmp_path, "redis://127.0.0.1:1/0", "acme", "beta")
        notifiers = Notifiers(both)
        put_in_force(notifiers, both)
        await notifiers.by_name["beta"].lists.push(note(1, "beta:cdr"))
        put_in_force(notifiers, configured(tmp_path, redis.url, "acme"))
        await eventually(lambda: "1 records for beta:cdr are kept until" in caplog.text)
        put_in_force(notifiers, configured(tmp_path, redis.url, "acme", "beta"))
        await eventually(lambda: not notifiers.by_name["beta"].failing)
        await notifiers.close()

    run(scenario())
    assert popped(client, "beta:cdr") == bodies(1)


def test_a_list_that_nobody_pops_is_told_of_once_in_a_while(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        writer = RedisLists(redis.url, "left", list_alarm=10)
        for number in range(20):
            await writer.push(note(number))
        await writer.close()

    run(scenario())
    (alarm,) = caplog.messages
    assert alarm == f"{LIST} holds 10 notifications: does nobody pop them?"
    assert client.llen(LIST) == 20
