"""States are told while they are fresh, and never in the way of a record."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from click2dial_agi.app import fresh_posts, webhooks
from click2dial_agi.app.live.service import tell_states
from click2dial_agi.app.notifiers import Notifiers
from click2dial_agi.app.notify import Notifier
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.live.board import Change
from click2dial_agi.io import redis_lists
from sandbox.redis import RedisServer
from tests.app.test_list_queue import put_in_force
from tests.app.test_webhooks import ERROR, OK, SECRET, Receiver, queued, receiving
from tests.domain.examples import ACME
from tests.http.live_rig import agent
from tests.io.running import eventually, run
from tests.io.test_journal import LIST, note

STATES = "enigma:notifications:state"


@contextlib.asynccontextmanager
async def telling(url: str, directory: Path, *urls: str, **keys: Any) -> AsyncIterator[Notifier]:
    hooks = [{"url": one, "secret": SECRET} for one in urls]
    acme = {**ACME, "redis": url, "webhooks": hooks, "state_notifications": True, **keys}
    config = parse_config({"spool_dir": str(directory), "integrators": [acme]})
    notifiers = Notifiers(config)
    put_in_force(notifiers, config)
    try:
        yield notifiers.by_name["acme"]
    finally:
        await notifiers.close()


async def tell(notifier: Notifier, *numbers: int) -> None:
    changes = [Change("acme", str(number), agent(str(1000 + number))) for number in numbers]
    await tell_states(notifier, changes)


def told(bodies: list[Any]) -> list[int]:
    """Return of which agents bodies are, without records."""
    payloads = [one["payload"] for one in map(json.loads, bodies) if one.get("type") == "state"]
    return [int(one["extension"]) - 1000 for one in payloads]


def test_all_are_told_in_order(redis: RedisServer, client: Redis, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            receiving(Receiver()) as receiver,
            telling(redis.url, tmp_path, receiver.url, copies=["copy"]) as acme,
        ):
            await tell(acme, *range(20))
            await eventually(lambda: len(receiver.bodies) == 20)
            assert told(receiver.bodies) == list(range(20))
            for name in (STATES, "copy:state"):
                assert told(client.lrange(name, 0, -1)[::-1]) == list(range(20))

    run(scenario())
    assert not (tmp_path / "journal.db").exists()


def test_who_does_not_ask_is_not_told(redis: RedisServer, client: Redis, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with telling(redis.url, tmp_path, state_notifications=False) as acme:
            await tell(acme, 1)

    run(scenario())
    assert client.exists(STATES) == 0


def test_a_webhook_that_is_away_is_not_told_later(
    redis: RedisServer,
    client: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(fresh_posts, "_PAUSE", 0.0)
    monkeypatch.setattr(webhooks, "pause", lambda tries, chance: 0.01)

    async def scenario() -> None:
        async with (
            receiving(Receiver(ERROR)) as receiver,
            telling(redis.url, tmp_path, receiver.url) as acme,
        ):
            await tell(acme, *range(100, 150))
            await eventually(lambda: "states are not told" in caplog.text)
            assert queued(tmp_path) == {}
            await acme.notify(note(1))
            await eventually(lambda: acme.webhooks[0].failing)
            await tell(acme, 7)
            assert queued(tmp_path) == {"acme/webhook-1": 1}
            receiver.answer = OK
            await eventually(lambda: not acme.webhooks[0].failing)
            await tell(acme, 8)
            await eventually(lambda: 8 in told(receiver.bodies))
            assert 7 not in told(receiver.bodies)
            assert len(set(told(receiver.bodies))) == len(told(receiver.bodies))

    run(scenario())
    assert client.llen(STATES) == 52
    assert len([one for one in caplog.messages if "states are not told" in one]) == 1


def test_what_waited_too_long_is_not_told(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_posts, "_FRESH", -1.0)

    async def scenario() -> None:
        async with (
            receiving(Receiver()) as receiver,
            telling(redis.url, tmp_path, receiver.url) as acme,
        ):
            await tell(acme, 1)
            await acme.notify(note(1))
            await eventually(lambda: receiver.bodies == [note(1).body])

    run(scenario())


def test_a_list_of_another_type_holds_no_record_up(
    redis: RedisServer,
    client: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(redis_lists, "_TELL_PAUSE", 0.0)
    client.set(STATES, "of another program")

    async def scenario() -> None:
        async with telling(redis.url, tmp_path) as acme:
            for number in (1, 2, 3):
                await tell(acme, number)
                assert await acme.notify(note(number))
                assert not acme.failing

    run(scenario())
    assert client.llen(LIST) == 3
    assert not (tmp_path / "journal.db").exists()
    (warning,) = caplog.messages
    assert f"{STATES}: " in warning
    assert "WRONGTYPE" in warning


def test_a_redis_that_is_away_is_not_told_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with telling("redis://127.0.0.1:1/0", tmp_path) as acme:
            await tell(acme, 1, 2, 3)
            assert queued(tmp_path) == {}
            await acme.notify(note(1))
            assert queued(tmp_path) == {"acme": 1}

    run(scenario())
