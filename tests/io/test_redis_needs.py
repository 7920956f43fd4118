"""What is asked for at the start is all that is done: a user with those rights alone does."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any, cast

import pytest
from redis import Redis

from click2dial_agi.domain.agent_tokens import AgentToken
from click2dial_agi.domain.integrators import Limits
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.call_store import Admission, CallStore, FirstAnswer, Mark
from click2dial_agi.io.history import History
from click2dial_agi.io.live_store import LiveStore
from click2dial_agi.io.redis_checks import needs
from click2dial_agi.io.redis_lists import RedisLists, Story
from click2dial_agi.io.steering_store import KeyUse, SteeringStore
from sandbox.redis import RedisServer
from tests.domain.examples import CALL_REF, integrator
from tests.io.running import run
from tests.io.test_journal import LIST, note
from tests.io.test_live_store import AGENT
from tests.io.test_live_store import CALL as SHOWN

pytestmark = pytest.mark.case("C26")

ACME = integrator(caller_ids={"random": ["27110001234"], "calls_per_day": 1}, agents_pubsub=True)
PREFIX = ACME.key_prefix
LIVE = LiveCall(CALL_REF, "1000", "0820000100", agent_key="1000", at=1.5)


@pytest.fixture
def url(redis: RedisServer, client: Redis) -> Iterator[str]:
    """The URL of a user who may run each command that is needed, on its own keys alone."""
    keys = defaultdict[str, set[str]](set)
    for name, *arguments in needs(ACME, is_live=True):
        keys[name] |= {one for one in arguments if one.startswith((PREFIX, "{"))}
    rules = ["on", ">s3cret", "+@connection", f"&{PREFIX}:*"]
    for name, used in keys.items():
        if name in ("PUBLISH", "SUBSCRIBE"):
            rules.append(f"+{name}")
        elif used:
            rules.append(f"(+{name} {' '.join(f'~{glob(key)}' for key in sorted(used))})")
    # A script may not name a key of which its user has no right at all.
    rules += ["(+eval +evalsha +script|load ~*)", "+info"]
    cast(Any, client).execute_command("ACL", "SETUSER", "limited", "reset", *rules)
    yield redis.url.replace("redis://", "redis://limited:s3cret@")
    client.acl_deluser("limited")


def glob(key: str) -> str:
    """Return the pattern of which a key is an example."""
    return f"{key[:-1]}*" if key.endswith((":x", ":1")) else key


def test_lists_and_history(url: str) -> None:
    async def test() -> None:
        lists = RedisLists(url, "left", story=Story(LIST, 7))
        assert (await lists.examine(ACME)).findings == ()
        assert await lists.push(note(1))
        assert await lists.lengths(ACME.lists)
        assert await lists.knows(LIST, note(1).call_ref)
        await lists.close()
        history = History(url, LIST)
        assert len(await history.before("", 5)) == 1
        await history.close()

    run(test())


def test_created_calls(url: str) -> None:
    async def test() -> None:
        store = CallStore(url, PREFIX, LIST)
        assert await store.admit(LIVE, Limits(), 1) is Admission.YES
        assert await store.place(LIVE)
        assert await store.live_call(CALL_REF) == LIVE
        await store.show_present(["run"], 1)
        assert await store.is_present("run")
        assert await store.count_shown(date(2026, 11, 27), {"27110001234": 1})
        assert await store.mark(CALL_REF, Mark.LOST)
        assert await store.has_mark(CALL_REF, Mark.LOST)
        assert await store.take_mark(CALL_REF, Mark.LOST)
        assert await store.set_aside(CALL_REF)
        assert await store.live() == {CALL_REF: dataclasses.replace(LIVE, away=True)}
        await store.free_agent(CALL_REF)
        await store.release(CALL_REF)
        assert await store.record(CALL_REF) is None
        first = FirstAnswer(CALL_REF, "hash")
        assert await store.claim("key", first) is None
        seen = await store.claim("key", first)
        assert seen is not None
        assert await store.retake("key", seen)
        await store.answer("key", first)
        await store.keep_token("token", AgentToken("1000", "https://crm.example"), 60)
        right, lasts = await store.token("token")
        assert right
        assert lasts
        await store.close()

    run(test())


def test_steering(url: str) -> None:
    async def test() -> None:
        store = SteeringStore(url, PREFIX)
        mine = await store.take(CALL_REF)
        assert mine
        await store.give(CALL_REF, mine)
        assert await store.use_key(CALL_REF, "hold", "key", "x") is KeyUse.FIRST
        assert await store.use_key(CALL_REF, "hold", "key", "x") is KeyUse.SAME
        await store.forget(CALL_REF, "hold", "key")
        await store.keep_paused(CALL_REF, "1700000000.1")
        assert await store.paused() == {CALL_REF: "1700000000.1"}
        await store.drop_paused(CALL_REF)
        await store.close()

    run(test())


def test_what_is_live(url: str, client: Redis) -> None:
    async def test() -> None:
        store = LiveStore(url, LIST, "acme", ["east"], f"{PREFIX}:agents:")
        fence = await store.acquire("east")
        assert fence
        assert await store.renew("east", fence)
        assert await store.replace("east", fence, {"1000": AGENT}, {CALL_REF: SHOWN}) == {}
        with cast(Any, client).pubsub() as heard:
            heard.subscribe(f"{PREFIX}:agents:1000")
            assert heard.get_message(timeout=5)
            assert await store.publish("east", fence, [("1000", AGENT), (CALL_REF, SHOWN)])
            ended = dataclasses.replace(SHOWN, state=CallState.ENDED)
            assert await store.publish("east", fence, [(CALL_REF, ended)])
            assert heard.get_message(timeout=5)
        picture = await store.read()
        assert await store.agent("1000")
        assert await store.call(CALL_REF) is None
        assert await store.calls() == {}
        assert await store.fresh() == {"east"}
        assert await store.after("0-0")
        assert await store.between(picture.at, picture.at, 5) == []
        assert await store.between("0-1", picture.at, 5) is None
        await store.away("east", fence)
        await store.release("east", fence)
        await store.close()

    run(test())


@pytest.mark.parametrize(
    ("right", "named"),
    [
        ("zadd", "ZADD {enigma:notifications}:paused_since"),
        ("hsetnx", "HSETNX {enigma:notifications}:marks"),
        ("pexpire", "PEXPIRE {enigma:notifications:cdr}:live:lease:x"),
        ("del", "DEL {enigma:notifications:cdr}:live:agents:x"),
    ],
)
def test_what_was_not_asked_for_is_named(
    redis: RedisServer, client: Redis, right: str, named: str
) -> None:
    commands = cast(Any, client)
    rules = ("on", ">s3cret", "~*", "&*", "+@all", f"-{right}")
    commands.execute_command("ACL", "SETUSER", "limited", "reset", *rules)
    url = redis.url.replace("redis://", "redis://limited:s3cret@")

    async def test() -> tuple[str, ...]:
        lists = RedisLists(url, "left", story=Story(LIST, 7))
        try:
            return (await lists.examine(ACME)).findings
        finally:
            await lists.close()

    (finding,) = run(test())
    client.acl_deluser("limited")
    assert named in finding


def test_without_a_right_it_is_an_error(redis: RedisServer, client: Redis) -> None:
    """So what the tests above pass for is no accident."""
    rules = ("on", ">s3cret", "+@connection", "~*", "+evalsha", "+script|load")
    cast(Any, client).execute_command("ACL", "SETUSER", "limited", "reset", *rules)
    url = redis.url.replace("redis://", "redis://limited:s3cret@")

    async def test() -> None:
        store = SteeringStore(url, PREFIX)
        try:
            with pytest.raises(NotificationError):
                await store.take(CALL_REF)
        finally:
            await store.close()

    run(test())
    client.acl_deluser("limited")
