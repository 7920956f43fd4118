"""``/joined``: the answer is told, and only then the receipt is given."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from redis import Redis

from click2dial_agi.domain import facts
from sandbox.redis import RedisServer
from tests.app.serving import ASKED, RECEIPT, config, serving
from tests.domain.examples import CALL_REF
from tests.io.running import run

ANSWERED = facts.encode(
    {
        "call_ref": CALL_REF,
        "call_dir": "inbound",
        "dialed_at": "1700000000",
        "number": "0820007777",
        "dial_number": "27215550100",
        "contact_ref": "",
        "agent_channel": "PJSIP/1001-0000000b",
        "joined_at": "1700000012",
    }
)
DIDS: dict[str, Any] = {"dids": ["27215550100"]}
# With the receipt of an answer from outside: whose the call is from then on.
OWNED = "integrator=acme&extension=1001"
OWNED_RECEIPT = f'EXEC MSet "C2D_OWNED={OWNED},C2D_RECEIPT=1"'
INBOUND = "enigma:notifications:inbound"
JOINED = "enigma:notifications:c2d"


def test_an_answer_asked_twice_is_told_once(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "click2dial_agi")

    async def scenario() -> None:
        async with serving(config(redis.url, **DIDS)) as calls:
            assert await calls.session("joined", ANSWERED) == [OWNED_RECEIPT]
            assert await calls.session("joined", ANSWERED) == [OWNED_RECEIPT]

    run(scenario())
    assert client.llen(INBOUND) == 1
    assert json.loads(cast(str, client.rpop(INBOUND)))["payload"]["ref"] == "1001"
    line = f"{CALL_REF} joined: agent 1001, number 082***777"
    told = [record.message for record in caplog.records if " joined: " in record.message]
    assert told == [line, f"{line} (told before)"]


@pytest.mark.parametrize("record", [True, False])
def test_the_dialplan_records_where_the_integrator_wants_it(record: bool) -> None:
    async def scenario() -> None:
        async with serving(config(record=record)) as calls:
            assert (await calls.outbound()).get("__C2D_RECORD") == ("acme" if record else None)

    run(scenario())


@pytest.mark.parametrize("wanted", [True, False])
def test_the_dialplan_asks_only_where_the_answer_is_wanted(
    redis: RedisServer, client: Redis, wanted: bool
) -> None:
    async def scenario() -> None:
        async with serving(config(redis.url, joined_notifications=wanted)) as calls:
            answer = await calls.outbound()
            assert answer.get("__C2D_JOINED") == ("1" if wanted else None)
            known = f"{answer['C2D_FACTS']}&joined_at=1700000005"
            assert await calls.session("joined", known) == [RECEIPT]
            assert await calls.ended(answer["C2D_FACTS"]) == [RECEIPT]

    run(scenario())
    assert json.loads(cast(str, client.rpop(JOINED)))["payload"]["ref"] == "1000"
    assert client.llen("enigma:notifications:cdr") == 1  # the answer was not taken for the end


def test_without_redis_there_is_no_receipt() -> None:
    async def scenario() -> None:
        async with serving(config(**DIDS)) as calls:
            assert await calls.session("joined", ANSWERED) == []

    run(scenario())


def test_a_number_of_nobody_gets_a_receipt_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            assert await calls.session("joined", ANSWERED) == [RECEIPT]

    run(scenario())
    assert f"{CALL_REF} has no integrator, so no record is kept" in caplog.text


@pytest.mark.parametrize("known", ["", f"call_ref={CALL_REF}", facts.encode(ASKED)])
def test_what_no_server_decided_on_was_not_joined(known: str) -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            assert await calls.session("joined", known) == []

    run(scenario())
