"""What would lose records is told at once, again while it lasts, and when it is over."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from click2dial_agi.app import watch
from click2dial_agi.app.watch import Watch, check_directory, check_redis
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.app.serving import config, snapshot
from tests.app.test_drain import two
from tests.io.running import eventually, run

EVICTS = "maxmemory-policy is allkeys-lru: it deletes records"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, client: Redis) -> None:
    monkeypatch.setattr(watch, "_TICK", 0.01)
    client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.case("C1")
def test_it_is_told_again_while_it_lasts_and_when_it_is_over(
    redis: RedisServer,
    client: Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "_EVERY", 0.02)
    monkeypatch.setattr(watch, "_TELL_AGAIN", 0.1)
    client.config_set("maxmemory-policy", "allkeys-lru")

    async def scenario() -> None:
        current = snapshot(config(redis.url))
        notifier = current.notifiers["acme"]
        with pytest.raises(NotificationError, match=EVICTS):
            await check_redis(notifier)
        watching = asyncio.create_task(Watch(lambda: current).run())
        await eventually(lambda: caplog.text.count(EVICTS) >= 3)
        client.config_set("maxmemory-policy", "noeviction")
        await eventually(lambda: "no longer: maxmemory-policy" in caplog.text)
        await check_redis(notifier)
        watching.cancel()
        await asyncio.wait([watching])
        await cast(RedisLists, notifier.lists).close()

    run(scenario())
    place = redis.url.removeprefix("redis://")
    assert "ERROR    click2dial_agi.app.watch" in caplog.text
    assert f"Redis of acme ({place}): {EVICTS}" in caplog.text


@pytest.mark.case("C1")
def test_it_is_looked_at_when_redis_is_back(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        current = snapshot(config(redis.url))
        lists = cast(RedisLists, current.notifiers["acme"].lists)
        watching = asyncio.create_task(Watch(lambda: current).run())
        await asyncio.sleep(0.1)
        assert EVICTS not in caplog.text
        client.config_set("maxmemory-policy", "allkeys-lru")
        lists._failing = True  # it was away
        await asyncio.sleep(0.1)
        assert EVICTS not in caplog.text  # not for half a minute otherwise
        lists._failing = False
        await eventually(lambda: EVICTS in caplog.text)
        watching.cancel()
        await asyncio.wait([watching])
        await lists.close()

    run(scenario())


@pytest.mark.case("A10")
def test_one_redis_under_two_names_is_found(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Names that only the machine's resolver knows to be one: here an address of its own."""
    configured = two(redis.url, redis.url)
    acme, beta = configured.integrators
    beta = beta.model_copy(update={"key_prefix": acme.key_prefix})
    configured = configured.model_copy(update={"integrators": (acme, beta)})

    async def scenario() -> None:
        current = snapshot(configured)
        await Watch(lambda: current).look(current)
        for notifier in current.notifiers.values():
            await cast(RedisLists, notifier.lists).close()

    run(scenario())
    assert "enigma:notifications is also beta's: one Redis under two names" in caplog.text
    assert "enigma:notifications is also acme's: one Redis under two names" in caplog.text


@pytest.mark.slow
@pytest.mark.case("C1")
@pytest.mark.case("C16")
def test_a_server_names_it_at_its_start(redis: RedisServer, client: Redis) -> None:
    client.config_set("maxmemory-policy", "volatile-lru")
    try:
        with Server(redis.url) as server:
            run(asyncio.wait_for(_told(server, "ERROR Redis of acme ("), 10))
            assert "maxmemory-policy is volatile-lru" in server.log()
    finally:
        client.config_set("maxmemory-policy", "noeviction")


async def _told(server: Server, text: str) -> None:
    await eventually(lambda: text in server.log())


@pytest.mark.case("O5")
@pytest.mark.case("O13")
@pytest.mark.parametrize("fault", ["missing", "a file", "full", "open to all"])
def test_a_spool_that_can_keep_nothing_is_told(
    redis: RedisServer,
    tmp_path: Path,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = tmp_path / "spool"
    if fault == "a file":
        directory.write_text("x")
    elif fault != "missing":
        directory.mkdir()
        directory.chmod(0o755 if fault == "open to all" else 0o750)
    configured = config(redis.url).model_copy(update={"spool_dir": directory})

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        current = snapshot(configured)
        with monkeypatch.context() as patched:
            if fault == "full":
                patched.setattr("click2dial_agi.io.spool_checks.os.fsync", no_room)
            watching = Watch(lambda: current)
            await watching.look(current)
            if fault != "open to all":
                with pytest.raises(NotificationError):
                    await check_directory(directory)
        assert "ERROR    click2dial_agi.app.watch" in caplog.text
        if directory.is_file():
            directory.unlink()
        directory.mkdir(exist_ok=True)
        directory.chmod(0o750)
        await watching.look(current)
        await check_directory(directory)
        await cast(RedisLists, current.notifiers["acme"].lists).close()

    run(scenario())
    expected = {
        "missing": f"spool_dir: {directory} does not exist, so nothing is kept there; install -d",
        "a file": f"spool_dir: {directory} cannot be written: Not a directory",
        "full": f"spool_dir: {directory} cannot be written: No space left on device",
        "open to all": f"spool_dir: others may look into {directory} (mode 0755)",
    }
    assert expected[fault] in caplog.text
    assert "spool_dir: no longer: " in caplog.text
