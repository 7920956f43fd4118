"""``tail``: what arrives is shown, and nothing is popped."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis import Redis

from click2dial_agi.app.tail import describe, follow
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from tests.app.serving import ASKED, ENDED, config
from tests.domain.examples import CALL_REF
from tests.io.running import eventually, run

LIST = "enigma:notifications:cdr"
RECORD = {
    **{"call_ref": CALL_REF, "integrator": "acme", "extension": "1000", "number": "0820000100"},
    **{"dial_number": "27820001234", "contact_ref": "ticket-7", "call_dir": "outbound"},
    **{"dialed_at": ASKED["dialed_at"], **ENDED},
}


def body(**keys: Any) -> str:
    acme = config(**keys)
    return CallRecord.from_facts(RECORD, acme).notification(acme.integrators[0]).body


@pytest.mark.parametrize("version", [2, 3])
def test_a_record_is_one_readable_line(version: int) -> None:
    line = describe(body(payload_version=version))
    assert line.plain[8:] == (
        "   1000 -> 0820000100       as 27820001234  hungup (16)  65 s  ticket-7  " + CALL_REF
    )
    assert line.style == "green"


def test_what_a_refused_call_lacks_is_a_question_mark() -> None:
    payload = json.loads(body())["payload"]
    payload.update(extension="", number="", dial_number="", end_reason="error", end_code=28)
    line = describe(json.dumps({"type": "cdr", "payload": payload}))
    assert line.plain[8:].startswith("      ? -> ?                as ?            error (28)")
    assert line.style == "red"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "1",
        "{}",
        '{"payload": []}',
        '{"payload": {}}',
        *(
            body().replace("1700000000", dialed_at)
            for dialed_at in ("1e300", "-1e300", "99999999999999", "null", '"x"', "NaN", "Infinity")
        ),
        body().replace('"1000"', '{"a": 1}'),
    ],
)
def test_what_is_no_record_is_shown_as_it_is(text: str) -> None:
    assert describe(text).plain == text


@contextlib.asynccontextmanager
async def following(
    redis: RedisServer, client: Redis, **options: bool
) -> AsyncIterator[Callable[[str], Any]]:
    """Follow ACME's list; yields what waits for a text on the screen and returns all of it."""
    screen = io.StringIO()

    async def shown(text: str) -> str:
        await eventually(lambda: task.done() or text in screen.getvalue())
        return screen.getvalue()

    with contextlib.redirect_stdout(screen):
        task = asyncio.create_task(follow(config(redis.url).integrators, **options))
        try:
            await eventually(lambda: task.done() or subscribers(client) == 1)
            yield shown
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def subscribers(client: Redis) -> int:
    ((_, count),) = client.pubsub_numsub(LIST)
    return int(count)


async def push(redis: RedisServer) -> None:
    writer = RedisLists(redis.url, "left")
    acme = config(redis.url)
    await writer.push(CallRecord.from_facts(RECORD, acme).notification(acme.integrators[0]))
    await writer.close()


def test_what_arrives_is_shown_and_stays_on_the_list(redis: RedisServer, client: Redis) -> None:
    client.lpush(LIST, "older")

    async def scenario() -> None:
        async with following(redis, client) as shown:
            await shown(f"acme: {LIST}, 1 waiting to be popped\n")
            await push(redis)
            assert "hungup (16)" in await shown(CALL_REF)

    run(scenario())
    assert client.lrange(LIST, 0, -1) == [body(), "older"]


def test_as_json_it_is_the_record_itself(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with following(redis, client, as_json=True) as shown:
            await push(redis)
            assert await shown("\n") == body() + "\n"

    run(scenario())


CALL = {
    **{"number": "0820000100", "dial_number": "27215550100", "hold_time": 3},
    **{"call_ref": CALL_REF, "contact_ref": "", "call_dir": "inbound", "ref": "1000"},
}


@pytest.mark.case("K4")
@pytest.mark.parametrize("kind", ["inbound", "c2d"])
def test_answers_are_shown_too(redis: RedisServer, client: Redis, kind: str) -> None:
    async def scenario() -> None:
        async with following(redis, client) as shown:
            await shown(f"acme: enigma:notifications:{kind}, 0 waiting to be popped\n")
            body = json.dumps({"type": "call", "payload": CALL})
            client.publish(f"enigma:notifications:{kind}", body)
            assert (
                "1000 <> 0820000100       on 27215550100  answered (inbound)  3 s"
                in await shown(CALL_REF)
            )

    run(scenario())


@pytest.mark.case("C5")
def test_a_connection_that_died_without_a_word_is_told(
    redis: RedisServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click2dial_agi.app.tail._SILENCE", 0.1)

    async def scenario() -> None:
        following_it = asyncio.create_task(follow(config(redis.url).integrators))
        await eventually(lambda: subscribers(client) == 1)
        redis.pause()
        try:
            with pytest.raises(NotificationError, match=r"silent for 0\.2 s"):
                await following_it
        finally:
            redis.resume()

    run(scenario())


def test_text_of_another_publisher_is_no_markup(redis: RedisServer, client: Redis) -> None:
    text = '{"a": "[bold]x[/bold] [/nothing] :smile:"}'

    async def scenario() -> None:
        async with following(redis, client, as_json=True) as shown:
            client.publish(LIST, text)
            assert await shown("\n") == text + "\n"

    run(scenario())


def test_a_redis_that_is_away_is_one_error() -> None:
    acme = config().integrators[0]
    other = acme.model_copy(update={"name": "other"})
    with pytest.raises(NotificationError, match=r"^Redis of (acme|other): ") as raised:
        run(follow([acme, other]))
    assert "\n" not in str(raised.value)
