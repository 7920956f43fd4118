"""POST /click2dial/calls: what Asterisk is asked for, and what is answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from click2dial_agi.exceptions import JournalError, NotificationError, QueueFull
from sandbox.redis import RedisServer
from tests.http.fake_ari import (
    CLOSE,
    DONE_THEN_CLOSE,
    DONE_THEN_HANG,
    GARBAGE,
    HANG,
    NOT_JSON,
    WRONG_SHAPE,
    FakeARI,
)
from tests.http.rig import BODY, CALLS, errors, serve, wire
from tests.io.running import run


def test_the_agents_phone_is_rung_with_all_that_the_call_needs(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, ring_timeout=7) as api:
            response = await api.post()
            created = response.json()
            call_ref = created["call_ref"]
            assert response.status_code == 201
            assert response.headers["location"] == f"{CALLS}/{call_ref}"
            assert created == {
                "call_ref": call_ref,
                "contact_ref": "client-4711",
                "agent": "1000",
                "callee": "0820000100",
                "dial_number": "27820001234",
            }
            [request] = ari.asked("originate")
            facts = request.body["variables"].pop("__C2D_FACTS")
            assert request.path == f"/ari/channels/{call_ref}"
            assert request.body == {
                "endpoint": "Local/ring@click2dial-create/n",
                "context": "click2dial-create",
                "extension": "over",
                "priority": 1,
                "timeout": 12,
                "formats": "ulaw,alaw",
                "variables": {
                    "C2D_AGENT_DIAL": "PJSIP/1000",
                    "C2D_TO_SHOW": "0820000100",
                    "__C2D_CALL_REF": call_ref,
                    "__C2D_CONTACT_REF": "client-4711",
                    "__C2D_DIAL": "PJSIP/0820000100@trunk",
                    "__C2D_DIAL_NUMBER": "27820001234",
                    "__C2D_RING_TIMEOUT": "7",
                },
            }
            assert f"call_ref={call_ref}" in facts.split("&")
            assert "created=1" in facts.split("&")
            assert api.held() == {"1000": call_ref}

    run(test())


@pytest.mark.case("C29")
@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"agent": "x", "callee": "y", "contact_ref": "a b"}, ["agent", "callee", "contact_ref"]),
        ({"agent": "x", "colour": "y", "contact_ref": "a b"}, ["body", "agent", "contact_ref"]),
        ({"callee": "y", "call_ref": "b"}, ["callee", "contact_ref"]),
        ({"callee": "y", "contact_ref": "a b", "call_ref": "b"}, ["callee", "contact_ref"]),
        ({"outbound_id": "x", "auto_answer": "yes"}, ["outbound_id", "auto_answer"]),
        # What a CRM's template should have filled.
        (
            {key: f"{{{{{key}}}}}" for key in BODY},
            ["agent", "callee", "outbound_id", "contact_ref"],
        ),
    ],
)
def test_all_that_is_wrong_is_told_at_once(
    redis: RedisServer, changes: dict[str, Any], fields: list[str]
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            response = await api.client.post(CALLS, json={**BODY, **changes})
            assert response.status_code == 422
            assert [error["field"] for error in response.json()["errors"]] == fields
            assert ari.requests == []

    run(test())


@pytest.mark.case("C29")
def test_an_integer_of_any_length_counts_as_its_digits(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            content = f'{{"agent": "1000", "callee": "1001", "contact_ref": {"7" * 4301}}}'
            for _ in range(2):
                key = {"Idempotency-Key": "a"}
                response = await api.client.post(CALLS, content=content, headers=key)
                assert (response.status_code, response.json()["contact_ref"]) == (201, "7" * 230)

    run(test())


@pytest.mark.case("C27")
@pytest.mark.parametrize(("outbound_id", "lines"), [("0820001234", 1), ("27820001234", 0)])
def test_a_caller_id_that_providers_reject_is_warned_of(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, outbound_id: str, lines: int
) -> None:
    async def test() -> str:
        async with FakeARI() as ari, serve(redis, ari) as api:
            response = await api.post(outbound_id=outbound_id)
            assert response.status_code == 201
            return str(response.json()["call_ref"])

    warning = f"{run(test())} shows a caller ID starting 0; "
    assert sum(warning in line for line in caplog.messages) == lines


def test_a_phone_behind_the_trunk_is_shown_a_number_that_the_trunk_lets_through(
    redis: RedisServer,
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            assert (await api.post(agent="0825550000")).status_code == 201
            assert ari.asked("endpoint") == []
            [request] = ari.asked("originate")
            assert request.body["variables"]["C2D_AGENT_DIAL"] == "PJSIP/0825550000@trunk"
            assert request.body["variables"]["C2D_TO_SHOW"] == "27820001234"

    run(test())


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"agent": 1000, "outbound_id": 27820001234, "contact_ref": 42}, {"contact_ref": "42"}),
        ({"callee": 27820000100}, {"callee": "27820000100"}),
        ({"contact_ref": None, "call_ref": "old"}, {"contact_ref": "old"}),
        ({"contact_ref": "new", "call_ref": None}, {"contact_ref": "new"}),
        ({"contact_ref": "x" * 300}, {"contact_ref": "x" * 230}),
        ({"outbound_id": "tvc_spring"}, {"dial_number": "27110001234"}),
        ({"outbound_id": "random"}, {"dial_number": "27820009999"}),
        ({"callee": "1001"}, {"dial_number": "1000"}),
    ],
)
def test_values_are_taken_as_the_contract_says(
    redis: RedisServer, sent: dict[str, Any], answered: dict[str, str]
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            response = await api.post(**sent)
            assert response.status_code == 201
            assert answered.items() <= response.json().items()

    run(test())


def test_a_reference_is_made_up_where_there_is_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            created = (await api.post(contact_ref=None)).json()
            assert created["contact_ref"] == created["call_ref"]

    run(test())


@pytest.mark.parametrize("state", [None, "offline"])
def test_an_agent_who_is_not_there_is_a_409_with_a_record(
    redis: RedisServer, state: str | None
) -> None:
    async def test() -> None:
        async with FakeARI(endpoint=state) as ari, serve(redis, ari) as api:
            response = await api.post()
            assert response.status_code == 409
            assert errors(response) == ["agent: an agent whose phone is registered"]
            assert ari.asked("originate") == []
            [cdr] = api.cdrs()
            assert (cdr["end_reason"], cdr["end_code"]) == ("error", 20)
            assert api.held() == {}

    run(test())


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_phone_that_asterisk_cannot_ring_is_a_409_with_a_record(
    redis: RedisServer, status: int
) -> None:
    async def test() -> None:
        async with FakeARI(trouble={"originate": status}) as ari, serve(redis, ari) as api:
            response = await api.post()
            assert response.status_code == 409
            assert errors(response) == ["agent: an agent whose phone is reachable"]
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["error"]
            assert api.held() == {}

    run(test())


# What may go wrong between us and Asterisk before it has rung anybody.
TROUBLE: list[dict[str, str | int]] = [
    {"endpoint": HANG},
    {"endpoint": CLOSE},
    {"endpoint": GARBAGE},
    {"endpoint": NOT_JSON},
    {"endpoint": WRONG_SHAPE},
    {"endpoint": 401},
    {"endpoint": 503},
    {"originate": 401},
    {"originate": 503},
]


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
def test_a_pbx_in_trouble_is_a_503_with_a_record(
    redis: RedisServer, trouble: dict[str, str | int]
) -> None:
    async def test() -> None:
        async with FakeARI(trouble=trouble) as ari, serve(redis, ari) as api:
            response = await api.post()
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert errors(response) == ["pbx: reachable; try again later"]
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed"]
            assert api.held() == {}
            await api.reap()
            assert len(api.cdrs()) == 1

    run(test())


def test_a_pbx_that_is_gone_is_a_503_with_a_record(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await ari.stop()
            for agent in ("1000", "0825550000"):  # the second is not asked for before it is rung
                assert (await api.post(agent=agent)).status_code == 503
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed", "failed"]
            assert api.held() == {}

    run(test())


@pytest.mark.slow
def test_a_phone_that_rings_though_nobody_said_so_is_hung_up(redis: RedisServer) -> None:
    """Its hangup handler makes the record, so nothing is recorded here."""

    async def test() -> None:
        trouble: dict[str, str | int] = {"originate": DONE_THEN_HANG}
        async with FakeARI(trouble=trouble) as ari, serve(redis, ari) as api:
            assert (await api.post()).status_code == 503
            assert len(ari.asked("originate")) == 1  # an Asterisk that hangs is not asked for more
            assert ari.channels == {}
            assert api.cdrs() == []

    run(test())


def test_a_broken_connection_is_tried_again_and_rings_once(redis: RedisServer) -> None:
    async def test() -> None:
        trouble: dict[str, str | int] = {"originate": DONE_THEN_CLOSE}
        async with FakeARI(trouble=trouble) as ari, serve(redis, ari) as api:
            ari.on_originate = lambda _: ari.trouble.clear()
            response = await api.post()
            assert response.status_code == 201
            assert [r.path for r in ari.asked("originate")] == [
                f"/ari/channels/{response.json()['call_ref']}"
            ] * 2
            assert list(ari.channels) == [response.json()["call_ref"]]
            assert api.cdrs() == []

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("hanging_up", [{}, {"hang_up": HANG}], ids=["", "nor hangs up"])
@pytest.mark.parametrize("trouble", [HANG, CLOSE, GARBAGE])
def test_when_nobody_can_tell_the_place_is_held_until_somebody_can(
    redis: RedisServer, trouble: str, hanging_up: dict[str, str | int]
) -> None:
    async def test() -> None:
        wrong = {"originate": trouble, **hanging_up}
        async with FakeARI(trouble=wrong) as ari, serve(redis, ari) as api:
            assert (await api.post()).status_code == 503
            assert api.cdrs() == []
            assert list(api.held()) == ["1000"]
            await api.reap()
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed"]
            assert api.held() == {}

    run(test())


@pytest.mark.slow
def test_a_phone_that_rings_late_is_hung_up(redis: RedisServer) -> None:
    """Asterisk froze with the request in hand, woke up, and did what it was asked."""

    async def test() -> None:
        trouble: dict[str, str | int] = {"originate": HANG}
        async with FakeARI(trouble=trouble) as ari, serve(redis, ari) as api:
            assert (await api.post()).status_code == 503
            [request] = ari.asked("originate")
            ari.channels[request.path.rpartition("/")[2]] = "Ringing"
            await api.reap()
            assert ari.channels == {}
            assert api.cdrs() == []  # its hangup handler makes the record

    run(test())


def test_redis_away_is_a_503_and_nobody_is_rung(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click2dial_agi.io.call_store._TIMEOUT", 0.3)

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            redis.pause()
            try:
                response = await api.post()
            finally:
                redis.resume()
            assert response.status_code == 503
            assert errors(response) == ["redis: reachable; try again later"]
            assert ari.requests == []

    run(test())


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (JournalError("journal: disk full"), "journal: writable, with room on its disk"),
        (QueueFull("journal: it holds 5"), "journal: writable, with room on its disk"),
        (NotificationError("Redis: away"), "redis: reachable"),
    ],
)
def test_what_keeps_no_record_is_named(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, failure: Exception, told: str
) -> None:
    """A created call whose agent is away needs a record, which nobody took."""

    async def fail(*_: object) -> bool:
        raise failure

    async def test() -> None:
        trouble: dict[str, str | int] = {"originate": 500}
        async with FakeARI(trouble=trouble) as ari, serve(redis, ari) as api:
            monkeypatch.setattr("click2dial_agi.app.notify.Notifier.notify", fail)
            response = await api.post()
            assert (response.status_code, errors(response)) == (503, [f"{told}; try again later"])

    run(test())


def test_a_fault_of_ours_is_a_500_in_the_same_shape(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            monkeypatch.setattr("click2dial_agi.io.ari.ARI.originate", broken)
            response = await api.post()
            assert response.status_code == 500
            assert errors(response) == ["server: without faults; this one is logged"]
            monkeypatch.undo()
            await api.reap()
            assert len(api.cdrs()) == 1

    run(test())


def test_a_client_that_went_away_gets_its_call_all_the_same(redis: RedisServer) -> None:
    async def test() -> None:
        rung = asyncio.Event()
        async with FakeARI() as ari, serve(redis, ari) as api:
            ari.on_originate = lambda _: rung.set()
            _, writer = await asyncio.open_connection("127.0.0.1", api.port)
            writer.write(wire(json.dumps(BODY).encode()))
            writer.close()
            await rung.wait()
            [call_ref] = ari.channels
            assert (await api.client.get(f"{CALLS}/{call_ref}")).json()["state"] == "ringing-agent"

    run(test())
