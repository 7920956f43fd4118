"""What others have written into an integrator's Redis stops nothing of ours."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from redis import Redis

from click2dial_agi.io.call_store import CallStore
from click2dial_agi.io.steering_store import SteeringStore
from sandbox.redis import RedisServer
from tests.http.live_rig import ACME_LIST, AGENTS, HISTORY, agent, call, live_api, push, record
from tests.http.rig import BODY, CALLS, errors
from tests.io.running import run

pytestmark = pytest.mark.case("A30")

NAME, OTHER_REF = b"\xff\xfe", "11111111-2222-4333-8444-555555555555"
SLOT, PREFIX = f"{{{ACME_LIST}}}", "{enigma:notifications}"
HALF = "\ud800"  # of a surrogate pair: JSON can say it, UTF-8 cannot
TOKEN = "agent-" + "A" * 43

JUNK = {
    "no UTF-8": b"\xff\xfe\x80",
    "nothing": b"",
    "a list": b"[]",
    "no payload": b"{}",
    "null": b"null",
    "too deep": b"[" * 100_000,
    "a payload too deep": b'{"payload":' * 100_000,
    "a number as a payload": b'{"payload": 5}',
    "no number": b'{"payload": NaN}',
    "a record that no UTF-8 can say": json.dumps({"payload": record(1, number=HALF)}).encode(),
    "a record with an endless number": json.dumps({"payload": record(1)})
    .replace('"call_time": 5', '"call_time": 1e999')
    .encode(),
    "a call of other types": json.dumps(
        {**call().shown(), "agent": {"a": 1}, "callee": [1], "agent_key": [1], "at": 1e300}
    ).encode(),
    "a call that no UTF-8 can say": json.dumps({**call().shown(), "contact_ref": HALF}).encode(),
    "an agent of other types": json.dumps(
        {**agent("1000").shown(), "since": "x", "devices": 5}
    ).encode(),
    "an agent that no UTF-8 can say": json.dumps(
        {**agent("1000").shown(), "call_ref": HALF}
    ).encode(),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_all_else_is_told(
    redis: RedisServer, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Of agents, calls, records and created calls, and to listeners; lost calls are looked for."""

    async def test() -> None:
        raw = Redis.from_url(redis.url)
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001"), calls=[call()])
            await push(redis, record(7))
            for name in (NAME, OTHER_REF):
                raw.hset(f"{SLOT}:live:calls:east", name, junk)
                raw.hset(f"{SLOT}:live:agents:east", name, junk)
                for place in ("live", "away", "marks"):
                    raw.hset(f"{PREFIX}:{place}", name, junk)
            raw.set(f"{SLOT}:pushed:{OTHER_REF}", junk)
            for kind in (b"agent", b"call", b"cdr", NAME):
                raw.xadd(f"{SLOT}:history", {"data": junk, kind: junk})
            async with rig.listen() as events:
                for kind in (b"agent", b"call", b"cdr", NAME):
                    entry: dict[Any, Any] = {"type": kind, "pbx": "east", "key": NAME, "data": junk}
                    raw.xadd(f"{SLOT}:live:events", entry)
                await rig.say(agent("1001"))
                await events.until(lambda: "1001" in str(events.named("agent")))
            for path in (AGENTS, f"{AGENTS}/1000", HISTORY, CALLS, f"{CALLS}?agent=1000"):
                assert (await rig.get(path)).status_code == 200, path
            extensions = [one["extension"] for one in (await rig.get(AGENTS)).json()["agents"]]
            assert {"1000", "1001"} <= set(extensions)
            refs = [one["call_ref"] for one in (await rig.get(HISTORY)).json()["records"]]
            assert record(7)["call_ref"] in refs
            assert (await rig.get(f"{CALLS}/{OTHER_REF}")).status_code in (200, 404)
            await rig.api.reap()
            assert (await rig.api.client.delete(f"{CALLS}/{OTHER_REF}")).status_code in (204, 404)
            assert raw.hget(f"{PREFIX}:live", OTHER_REF) is None  # counted out

    run(test())
    assert "our fault" not in caplog.text


@pytest.mark.parametrize(
    "kept",
    [
        *JUNK.values(),
        b'["ref", "HASH", 201, "no call"]',
        b'["ref", "HASH", 422, 5]',
        b'["ref", "HASH", 422, [["half"]]]',
        b'["ref", "HASH", 9999, [["field", "allowed"]]]',
        b'["ref", "HASH", "201", []]',
        b'["ref", "HASH", 429, [["field", "allowed"]], "soon"]',
        b'["ref", "HASH", 0, null, null, "first"]',
    ],
)
def test_an_idempotency_key_and_a_token(redis: RedisServer, kept: bytes) -> None:
    """Nobody knows what was done under such a key: it is another's.  Such a token is none."""

    async def test() -> None:
        raw = Redis.from_url(redis.url)
        body_hash = sha256(json.dumps(BODY, sort_keys=True).encode()).hexdigest().encode()
        async with live_api(redis) as rig:
            key = f"{PREFIX}:idempotency:{sha256(b'order-1').hexdigest()}"
            raw.set(key, kept.replace(b"HASH", body_hash))
            answer = await rig.api.post(key="order-1")
            assert answer.status_code == 422
            assert errors(answer) == ["idempotency-key: a new one for another body"]
            raw.set(f"{PREFIX}:token:{sha256(TOKEN.encode()).hexdigest()}", kept)
            answer = await rig.api.client.get(CALLS, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == 401

    run(test())


def test_counts_of_caller_ids_and_paused_recordings(redis: RedisServer) -> None:
    async def test() -> None:
        raw, day = Redis.from_url(redis.url), date(2026, 11, 28)
        calls = CallStore(redis.url, "enigma:notifications", ACME_LIST)
        steering = SteeringStore(redis.url, "enigma:notifications")
        for junk in JUNK.values():
            raw.hset(f"{PREFIX}:shown:{day.isoformat()}", NAME, junk)
            assert await calls.count_shown(day, {}) == {}
            raw.hset(f"{PREFIX}:paused", NAME, junk)
            assert await steering.paused() == {}
        await calls.close()
        await steering.close()

    run(test())
