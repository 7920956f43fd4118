"""What would lose records is found in a real Redis, and docs/redis.md's user is good enough."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis

from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io import redis_lists
from click2dial_agi.io.cdr_feed import CDRFeed
from click2dial_agi.io.live_store import events_key
from click2dial_agi.io.redis_checks import RedisReport, needs
from click2dial_agi.io.redis_lists import RedisLists, Story, history_key
from sandbox.redis import LocalRedis, RedisServer
from tests.domain.examples import integrator
from tests.io.running import eventually, run
from tests.io.test_journal import LIST, note

DOCS = (Path(__file__).parents[2] / "docs/redis.md").read_text("utf-8")
#: All that an integrator may ask of its Redis.
EVERYTHING: dict[str, Any] = {"caller_ids": {"random": ["27110001234"], "calls_per_day": 1}}
ACL: str = re.findall(r"<!-- acl -->\n```\n(.*?)\n```", DOCS, re.DOTALL)[0]


def report(url: str, **keys: Any) -> RedisReport:
    async def examined() -> RedisReport:
        lists = RedisLists(url, "left", story=Story(LIST, 7))
        try:
            return await lists.examine(integrator(redis=url, **keys))
        finally:
            await lists.close()

    return run(examined())


@pytest.fixture(autouse=True)
def usual(client: Redis) -> Iterator[None]:
    yield
    client.config_set("maxmemory-policy", "noeviction")
    client.acl_deluser("limited")
    with contextlib.suppress(Exception):
        client.replicaof("NO", "ONE")


def limited(redis: RedisServer, client: Redis, acl: str) -> str:
    """Give a user these rights; return the URL with which it connects."""
    cast(Any, client).execute_command(
        "ACL", "SETUSER", "limited", "reset", "on", ">s3cret", *acl.split()
    )
    return redis.url.replace("redis://", "redis://limited:s3cret@")


def documented() -> str:
    """Return what docs/redis.md gives a user, without its name and password."""
    return ACL.removeprefix("ACL SETUSER click2dial on >PASSWORD ")


@pytest.mark.case("O60")
@pytest.mark.parametrize("rights", ["+@all", "+@all -xtrim"])
def test_records_of_days_past_go(redis: RedisServer, client: Redis, rights: str) -> None:
    """Redis before 6.2 cannot cut a stream at a time, no more than a user who may not."""
    kept = history_key(LIST)
    for number in range(1, 1500):
        client.xadd(kept, {"data": "x"}, id=f"{number}-0")

    async def pushed() -> None:
        url = limited(redis, client, f"~* &* {rights}")
        lists = RedisLists(url, "left", story=Story(LIST, 7))
        try:
            for number in (1, 2):
                await lists.push(note(number))
        finally:
            await lists.close()

    run(pushed())
    assert client.xlen(kept) == 2


def test_a_usual_redis_is_good(redis: RedisServer) -> None:
    found = report(redis.url)
    assert found.findings == ()
    assert re.fullmatch("[0-9a-f]{40}", found.run_id)


@pytest.mark.case("C1")
@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl"])
def test_a_redis_that_evicts_is_found(redis: RedisServer, client: Redis, policy: str) -> None:
    client.config_set("maxmemory-policy", policy)
    (finding,) = report(redis.url).findings
    assert finding.startswith(f"maxmemory-policy is {policy}: it deletes records")
    assert finding.endswith("CONFIG SET maxmemory-policy noeviction")


@pytest.mark.case("C16")
def test_a_replica_is_found(redis: RedisServer, client: Redis) -> None:
    client.replicaof("127.0.0.1", "1")
    assert any(one.startswith("it is a replica") for one in report(redis.url).findings)


@pytest.mark.case("C16")
@pytest.mark.parametrize(
    ("acl", "named"),
    [
        ("~* &* +@all -eval", "its user may not run EVAL on enigma:notifications:cdr"),
        ("~* &* +@all -info", "its user may not run INFO"),
        ("~* &* +@all -lpush", "LPUSH enigma:notifications:cdr"),
        ("~* &* +@all -evalsha", "EVALSHA x"),
        ("~* &* +@all -publish", "PUBLISH enigma:notifications:cdr"),
        ("~* resetchannels +@all", "SUBSCRIBE enigma:notifications:cdr"),
        ("~* &* +@all -hset", "HSET {enigma:notifications}:live"),
        ("~* &* +@all -hincrby", "HINCRBY {enigma:notifications}:shown"),
        ("~* &* +@all -xadd", "XADD {enigma:notifications:cdr}:history"),
        ("~* &* +@all -xread", "XREAD STREAMS"),
        ("~enigma:notifications:* &* +@all", "SET {enigma:notifications:cdr}:pushed:x"),
        ("~other:* &* +@all", "EVAL on enigma:notifications:cdr"),
    ],
)
def test_a_missing_right_is_named(redis: RedisServer, client: Redis, acl: str, named: str) -> None:
    (finding,) = report(limited(redis, client, acl), **EVERYTHING).findings
    assert named in finding


@pytest.mark.case("C16")
def test_the_documented_user_is_enough_for_all_that_is_done(
    redis: RedisServer, client: Redis
) -> None:
    url = limited(redis, client, documented())
    assert report(url, **EVERYTHING).findings == ()
    with Redis.from_url(url) as user:
        commands: Any = user
        for command in needs(integrator(**EVERYTHING), is_live=True):
            if command[0] not in ("SUBSCRIBE", "EVALSHA", "SCRIPT"):
                commands.execute_command(*command)
    client.flushall()

    async def all_of_it() -> None:
        lists = RedisLists(url, "left", story=Story(LIST, 7))
        assert await lists.push(note(1))
        assert not await lists.push(note(1))
        assert await lists.lengths([LIST]) == [1]
        assert client.xlen(history_key(LIST)) == client.xlen(events_key(LIST)) == 1
        await lists.close()
        feed = CDRFeed(url, LIST)
        feed.listen()
        await eventually(lambda: client.pubsub_numsub(LIST)[0][1] == 1)
        feed.close()
        await eventually(lambda: client.pubsub_numsub(LIST)[0][1] == 0)

    run(all_of_it())


@pytest.mark.case("C16")
def test_a_user_without_the_streams_does_not_keep_records_back(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """A script that names a key which its user may not touch does not begin."""
    old = f"~enigma:notifications:* ~{{{LIST}}}:pushed:* &* +@all"

    async def pushed() -> None:
        lists = RedisLists(limited(redis, client, old), "left", story=Story(LIST, 7))
        for number in (1, 2, 3):
            assert await lists.push(note(number))
            assert not await lists.push(note(number))
        assert not lists.failing
        await lists.close()

    run(pushed())
    assert client.llen(LIST) == 3
    (told,) = caplog.messages
    assert f"its user may not write {history_key(LIST)} and {events_key(LIST)}" in told
    assert "see docs/redis.md for the ACL" in told


def test_a_stream_that_takes_nothing_is_told_of(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Records are what counts; but who reads the history must not find it empty without a word."""
    client.set(history_key(LIST), "of another program")

    async def pushed() -> None:
        lists = RedisLists(redis.url, "left", story=Story(LIST, 7))
        assert [await lists.push(note(number)) for number in (1, 2)] == [True, True]
        assert not await lists.push(note(1))
        await lists.close()

    run(pushed())
    assert (client.llen(LIST), client.xlen(events_key(LIST))) == (2, 2)
    (told,) = caplog.messages
    assert f"{history_key(LIST)} and {events_key(LIST)} did not take all: WRONGTYPE" in told


@pytest.mark.case("C16")
def test_the_streams_are_tried_again(
    redis: RedisServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lists, "_ALARM_EVERY", 0.0)
    old = f"~enigma:notifications:* ~{{{LIST}}}:pushed:* &* +@all"

    async def pushed() -> None:
        lists = RedisLists(limited(redis, client, old), "left", story=Story(LIST, 7))
        assert await lists.push(note(1))
        limited(redis, client, f"{old} allkeys")
        assert await lists.push(note(2))
        await lists.close()

    run(pushed())
    assert client.xlen(history_key(LIST)) == 1


@pytest.mark.case("C16")
def test_the_documented_user_is_limited(redis: RedisServer, client: Redis) -> None:
    with Redis.from_url(limited(redis, client, documented()), decode_responses=True) as user:
        for forbidden in (["FLUSHALL"], ["KEYS", "*"], ["GET", "x"], ["CONFIG", "GET", "*"]):
            with pytest.raises(Exception, match=r"(?i)no permissions"):
                cast(Any, user).execute_command(*forbidden)


@pytest.mark.case("C16")
def test_a_redis_that_has_no_room_is_found(redis: RedisServer, client: Redis) -> None:
    """It answers all that only reads."""
    client.config_set("maxmemory", "1")
    try:
        (finding,) = report(redis.url).findings
    finally:
        client.config_set("maxmemory", "0")
    assert finding.startswith("it takes nothing for enigma:notifications:cdr: ")
    assert "used memory > 'maxmemory'" in finding
    assert report(redis.url).findings == ()


@pytest.mark.case("C22")
@pytest.mark.parametrize("kind", NotificationKind)
def test_a_list_of_another_type_is_found(
    redis: RedisServer, client: Redis, kind: NotificationKind
) -> None:
    client.set(f"enigma:notifications:{kind}", "x")
    (finding,) = report(redis.url).findings
    assert finding.startswith(f"enigma:notifications:{kind}: WRONGTYPE")


@pytest.mark.case("C22")
@pytest.mark.parametrize("kind", NotificationKind)
def test_a_list_that_may_not_be_written_is_found(
    redis: RedisServer, client: Redis, kind: NotificationKind
) -> None:
    names = [one for one in integrator().lists if not one.endswith(f":{kind}")]
    keys = " ".join(f"~{one}" for one in names)
    url = limited(redis, client, f"{keys} ~{{enigma:notifications* &* +@all")
    (finding,) = report(url).findings
    if kind is NotificationKind.CDR:  # without which nothing more is asked
        assert "its user may not run EVAL on enigma:notifications:cdr" in finding
    else:
        assert f"LPUSH enigma:notifications:{kind}" in finding


def test_a_redis_that_is_away_is_an_error() -> None:
    with pytest.raises(NotificationError, match=r"^Redis: 127\.0\.0\.1:1/0: "):
        report("redis://127.0.0.1:1/0")


def test_what_is_needed_is_documented() -> None:
    shown = DOCS.replace("P:", "enigma:notifications:").replace("{P}", "{enigma:notifications}")
    for command in needs(integrator(**EVERYTHING), is_live=True):
        for key in (part for part in command if part.startswith(("enigma", "{"))):
            known = re.sub(r":(x|1)$", ":", key)
            for kind in NotificationKind:
                known = known.replace(f":{kind}}}", ":cdr}")
            assert known in shown, key


@pytest.mark.case("O70")
@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ("XADD", "it has no XADD (rename-command in redis.conf), which we run"),
        ("SUBSCRIBE", "it has no SUBSCRIBE (rename-command in redis.conf), which we run"),
        ("LLEN", "it has no LLEN (rename-command in redis.conf), which we run"),
        ("EVAL", "it has no EVAL (rename-command in redis.conf), and no script can be run"),
        ("INFO", "it has no INFO (rename-command in redis.conf), so nobody can tell"),
        ("HELLO", "it has no HELLO (Redis 6.0 has it; rename-command in redis.conf)"),
    ],
)
def test_a_command_that_was_renamed_is_named(lacking: str, named: str) -> None:
    """Not as a Redis that is away, runs no scripts, or has a list of another program's."""
    store = LocalRedis("--rename-command", lacking, "")
    try:
        store.start()
        findings = report(store.url).findings
    finally:
        store.close()
    assert {one.startswith(named) for one in findings} == {True}
