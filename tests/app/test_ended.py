"""``/ended``: the record is stored, and only then the receipt is given."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from redis import Redis

from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import facts
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from tests.app.serving import ASKED, ENDED, RECEIPT, config, serving
from tests.domain.examples import CALL_REF
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import run

LIST = "enigma:notifications:cdr"


class FakeLists(RedisLists):
    """Lists that store when it is let, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("redis://127.0.0.1:1/0", "left")
        self.offered: list[Notification] = []
        self.begun = asyncio.Event()
        self.may_store = asyncio.Event()
        self.error = error

    async def push(self, notification: Notification) -> bool:
        self.offered.append(notification)
        self.begun.set()
        if self.error is not None:
            raise self.error
        await self.may_store.wait()
        return True


def records(client: Redis, list_name: str = LIST) -> list[dict[str, Any]]:
    """Pop what a consumer would, oldest first."""
    found = []
    while body := client.rpop(list_name):
        found.append(json.loads(str(body)))
    return found


def test_a_call_from_its_start_to_its_record(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url)) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            assert await calls.ended(known) == [RECEIPT]

    run(scenario())
    assert records(client) == [
        {
            "type": "cdr",
            "payload": {
                "extension": "1000",
                "number": "0820000100",
                "dial_number": "27820001234",
                "call_ref": CALL_REF,
                "contact_ref": "ticket-7",
                "dialed_at": 1700000000,
                "end_reason": "hungup",
                "end_code": 16,
                "call_time": 65,
                "hold_time": 0,
                "call_dir": "outbound",
                "recording_url": "",
                "ref": "click-dial",
            },
        }
    ]


def test_a_refused_call_has_its_record_too(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url)) as calls:
            known = (await calls.outbound(callee="!"))["C2D_FACTS"]
            assert await calls.ended(known, dialstatus="", hangup_cause="28") == [RECEIPT]

    run(scenario())
    (record,) = records(client)
    assert (record["payload"]["end_reason"], record["payload"]["end_code"]) == ("error", 28)


def test_the_record_follows_the_integrators_settings(redis: RedisServer, client: Redis) -> None:
    keys = {"key_prefix": "acme", "payload_version": 2, "detailed_end_reasons": True}

    async def scenario() -> None:
        async with serving(config(redis.url, **keys)) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            await calls.ended(known)

    run(scenario())
    (record,) = records(client, "acme:cdr")
    assert record["payload"]["ref"] == "0820000100"
    assert record["payload"]["end_reason"] == "callee_hungup"


def test_copies_go_to_further_lists_once_each(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url, copies=["billing", "archive"])) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            assert await calls.ended(known) == [RECEIPT]
            assert await calls.ended(known) == [RECEIPT]

    run(scenario())
    pushed = [records(client, name) for name in (LIST, "billing:cdr", "archive:cdr")]
    assert pushed[0] == pushed[1] == pushed[2]
    assert len(pushed[0]) == 1


def test_a_copy_that_failed_is_made_good_and_the_others_are_not_doubled(
    redis: RedisServer, client: Redis
) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url, copies=["billing"])) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            client.set("billing:cdr", "no list")
            assert await calls.ended(known) == []
            client.delete("billing:cdr")
            assert await calls.ended(known) == [RECEIPT]

    run(scenario())
    assert [len(records(client, name)) for name in (LIST, "billing:cdr")] == [1, 1]


def test_any_instance_may_end_a_call(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        acme = config(redis.url)
        async with serving(acme) as first:
            known = (await first.outbound())["C2D_FACTS"]
        async with serving(acme) as second:
            assert await second.ended(known) == [RECEIPT]

    run(scenario())
    assert len(records(client)) == 1


def test_the_receipt_waits_until_the_record_is_stored() -> None:
    async def scenario() -> None:
        writer = FakeLists()
        async with serving(config(), writer) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            async with FakeAsterisk(calls.port) as asterisk:
                await asterisk.ask("ended", f"{known}&{facts.encode(ENDED)}")
                await writer.begun.wait()
                answer = asyncio.create_task(asterisk.command())
                for _ in range(20):  # the loop has time to send what must not be sent yet
                    await asyncio.sleep(0)
                assert not answer.done()
                writer.may_store.set()
                assert await answer == RECEIPT
                await asterisk.reply()
                assert await asterisk.rest() == b""

    run(scenario())


def test_the_record_is_in_redis_when_the_receipt_arrives(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url)) as calls, FakeAsterisk(calls.port) as asterisk:
            known = (await calls.outbound())["C2D_FACTS"]
            await asterisk.ask("ended", f"{known}&{facts.encode(ENDED)}")
            assert await asterisk.command() == RECEIPT
            assert client.llen(LIST) == 1
            await asterisk.reply()

    run(scenario())


def test_without_redis_there_is_no_receipt_and_asking_again_later_gives_one(
    redis: RedisServer, client: Redis
) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url)) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            redis.pause()
            try:
                assert await calls.ended(known) == []
            finally:
                redis.resume()
            assert await calls.ended(known) == [RECEIPT]

    run(scenario())
    assert len(records(client)) == 1


def test_a_failed_push_is_no_receipt(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        writer = FakeLists(NotificationError("Redis: away"))
        async with serving(config(), writer) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            assert await calls.ended(known) == []
        assert len(writer.offered) == 1

    run(scenario())
    assert "AGI ended on PJSIP/1000-00000001: Redis: away" in caplog.text


def test_a_call_that_ends_twice_has_one_record_and_two_receipts(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "click2dial_agi")

    async def scenario() -> None:
        async with serving(config(redis.url)) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            assert await calls.ended(known) == [RECEIPT]
            assert await calls.ended(known) == [RECEIPT]

    run(scenario())
    assert len(records(client)) == 1
    ended = [record.message for record in caplog.records if " ended: " in record.message]
    line = f"{CALL_REF} ended: hungup, code 16, after 65 s"
    assert ended == [line, f"{line} (recorded before)"]


def test_a_call_that_no_server_decided_on_is_recorded(redis: RedisServer, client: Redis) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url)) as calls:
            known = facts.encode(ASKED)
            assert await calls.ended(known, dialstatus="", hangup_cause="42") == [RECEIPT]

    run(scenario())
    (record,) = records(client)
    assert (record["payload"]["end_reason"], record["payload"]["end_code"]) == ("failed", 42)


@pytest.mark.parametrize("decided", [True, False])
def test_a_call_of_nobodys_agent_gets_a_receipt_and_a_warning(
    decided: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            nobody = {"channel": "PJSIP/2000-00000001"}
            known = facts.encode({**ASKED, **nobody})
            if decided:
                known = (await calls.outbound(**nobody))["C2D_FACTS"]
            assert await calls.ended(known) == [RECEIPT]

    run(scenario())
    assert f"{CALL_REF} has no integrator, so no record is kept" in caplog.text


def test_a_call_of_an_integrator_that_was_removed_gets_no_receipt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            calls.handlers.current = Snapshot(config(name="another"), {})
            assert await calls.ended(known) == []

    run(scenario())
    assert "integrator: a configured one, not acme" in caplog.text


@pytest.mark.parametrize("known", ["", "call_ref=x", f"call_ref={CALL_REF}", "a=1&a=2", "&&&"])
def test_malformed_facts_get_no_receipt(known: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            assert await calls.session("ended", known) == []

    run(scenario())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("AGI ended on PJSIP/1000-00000001: ")
