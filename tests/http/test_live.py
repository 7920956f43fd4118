"""Agents, live calls, history and events over HTTP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from click2dial_agi.app.live import hub as hub_module
from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.io.live_store import Picture
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.live_rig import (
    ACME_LIST,
    AGENTS,
    EVENTS,
    GLOBEX_LIST,
    HISTORY,
    REF,
    Rig,
    agent,
    call,
    live_api,
    push,
    record,
)
from tests.http.rig import CALLS, errors, exchange, serve, wire
from tests.http.test_phone_calls import OUTBOUND, channel
from tests.io.running import run

#: What a line of an event begins with.
FIELDS = {b"event", b"data", b"id", b"retry", b""}


def test_without_ami_they_say_which_key_is_missing(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for path in (AGENTS, f"{AGENTS}/1000", HISTORY, EVENTS):
                answer = await api.client.get(path)
                assert answer.status_code == 501
                assert errors(answer)[0].startswith("asterisk.ami: set, with ami_username")
                assert (await api.client.get(f"{path}?x=1")).status_code == 422

    run(test())


def test_agents(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            assert (await rig.get(AGENTS)).json() == {"agents": []}
            talking = agent("1001", AgentState.TALKING, call_ref=REF)
            await rig.begin(talking, agent("1000"))
            listed = (await rig.get(AGENTS)).json()["agents"]
            assert [one["extension"] for one in listed] == ["1000", "1001"]
            assert listed[1] == {
                "extension": "1001",
                "state": "talking",
                "since": 1_700_000_000,
                "call_ref": REF,
                "devices": [{"device": "PJSIP/1001", "pbx": "east", "state": "NOT_INUSE"}],
            }
            assert (await rig.get(f"{AGENTS}/1001")).json() == listed[1]
            for unknown in ("1002", "2000", "x", "1001%0a"):
                answer = await rig.get(f"{AGENTS}/{unknown}")
                assert answer.status_code == 404
                assert errors(answer) == ["extension: an agent of this integrator"]

    run(test())


def test_while_nobody_reads_nobody_is_idle(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001", AgentState.TALKING, call_ref=REF))
            await rig.live["acme"].store.away("east", rig.fences["east"])
            for one in (await rig.get(AGENTS)).json()["agents"]:
                assert (one["state"], one["since"], one["call_ref"]) == ("unknown", 0, "")
                assert one["devices"][0]["state"] == "UNKNOWN"
                assert (await rig.get(f"{AGENTS}/{one['extension']}")).json() == one

    run(test())


def test_an_agent_of_whom_nothing_was_read_yet(redis: RedisServer) -> None:
    """As at the start of the first server; nor while a PBX that may have him is not read."""

    async def test() -> None:
        async with live_api(redis, "east", "west") as rig:
            where = f"{AGENTS}/1000"
            unknown = {"state": "unknown", "since": 0, "call_ref": "", "devices": []}
            assert (await rig.get(where)).json() == {"extension": "1000", **unknown}
            assert (await rig.get(f"{AGENTS}/2000")).status_code == 404  # of another integrator
            await rig.begin(agent("1001"), pbx="east")
            assert (await rig.get(where)).json()["state"] == "unknown"
            await rig.begin(agent("1001"), pbx="west")
            assert (await rig.get(where)).status_code == 404

    run(test())


def test_an_agent_on_several_pbxs(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis, "east", "west") as rig:
            await rig.begin(agent("1000"), pbx="east")
            await rig.begin(agent("1000", AgentState.OFFLINE), pbx="west")
            found = (await rig.get(f"{AGENTS}/1000")).json()
            assert (found["state"], len(found["devices"])) == ("idle", 2)
            await rig.say(agent("1000", AgentState.RINGING, call_ref=REF), pbx="west")
            found = (await rig.get(f"{AGENTS}/1000")).json()
            assert (found["state"], found["call_ref"]) == ("ringing", REF)
            await rig.say(agent("1000", AgentState.OFFLINE), pbx="west")
            await rig.live["acme"].store.away("west", rig.fences["west"])
            assert (await rig.get(f"{AGENTS}/1000")).json()["state"] == "unknown"
            await rig.say(agent("1000", AgentState.TALKING), pbx="east")
            assert (await rig.get(f"{AGENTS}/1000")).json()["state"] == "talking"

    run(test())


@pytest.mark.case("C11")
def test_calls_are_filtered(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            channel(rig.ari, "a1", "a", OUTBOUND)
            channel(rig.ari, "c1", "c", OUTBOUND)
            await rig.begin(agent("1000"), calls=[call()])
            (one,) = (await rig.get(CALLS)).json()["calls"]
            assert (one["state"], one["direction"]) == ("up", "outbound")
            assert (one["since"], one["answered_at"]) == (1_700_000_009, 1_700_000_009)
            for query, count in (
                ({"agent": "1000"}, 1),
                ({"agent": "1001"}, 0),
                ({"state": "up"}, 1),
                ({"state": "held"}, 0),
                ({"direction": "outbound", "agent": "1000", "state": "up"}, 1),
                ({"direction": "inbound"}, 0),
                ({"agent": "0820000199"}, 0),
            ):
                assert len((await rig.get(CALLS, **query)).json()["calls"]) == count, query
            await rig.say(call(CallState.HELD, since=1_700_000_020))
            (held,) = (await rig.get(CALLS, state="held")).json()["calls"]
            assert held["since"] == 1_700_000_020
            assert (await rig.get(f"{CALLS}/{REF}")).json() == held

    run(test())


def test_a_call_is_shown_without_a_look_at_all_agents(redis: RedisServer) -> None:
    """A page asks each second, of an integrator with hundreds of them."""

    async def test() -> None:
        async with live_api(redis, "east", "west") as rig:
            channel(rig.ari, "a1", "a", OUTBOUND)
            channel(rig.ari, "c1", "c", OUTBOUND)
            await rig.begin(agent("1000"), pbx="east")
            held = call(CallState.HELD, since=1_700_000_020)
            await rig.begin(agent("1000"), calls=[held], pbx="west")
            rig.api.redis.config_resetstat()
            found = (await rig.get(f"{CALLS}/{REF}")).json()
            assert (found["state"], found["since"]) == ("held", 1_700_000_020)
            assert "cmdstat_hgetall" not in rig.api.redis.info("commandstats")
            (listed,) = (await rig.get(CALLS)).json()["calls"]
            assert listed == found
            await rig.live["acme"].store.away("west", rig.fences["west"])
            found = (await rig.get(f"{CALLS}/{REF}")).json()
            assert (found["state"], found["since"]) == ("up", 0)
            assert (await rig.get(CALLS)).json()["calls"] == [found]

    run(test())


@pytest.mark.case("C11")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "state=nonsense",
            "state: one of ringing-agent, ringing-callee, queued, up, held, ended, unknown",
        ),
        ("state=", "state: one of ringing-agent, ringing-callee, queued, up, held, ended, unknown"),
        ("direction=OUTBOUND", "direction: one of outbound, inbound, internal, external"),
        ("agent=2000", "agent: an extension of this integrator, or a number"),
        ("agent=", "agent: an extension of this integrator, or a number"),
        ("agent=%D9%A1%D9%A0%D9%A0%D9%A0", "agent: an extension of this integrator, or a number"),
        ("agent=1000%0A", "agent: an extension of this integrator, or a number"),
        ("limit=1", "query: agent, state, direction, each once"),
        ("state=up&state=held", "query: agent, state, direction, each once"),
    ],
)
def test_a_filter_that_nothing_could_pass(redis: RedisServer, query: str, message: str) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            answer = await api.client.get(f"{CALLS}?{query}")
            assert (answer.status_code, errors(answer)) == (422, [message])

    run(test())


def test_history(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            assert (await rig.get(HISTORY)).json() == {"records": [], "cursor": None}
            records = [
                record(1),
                record(2, extension="1001", number="27820000200"),
                record(3, contact_ref="client-4712"),
                record(4, number="0820000200"),
            ]
            await push(redis, *records)
            await push(redis, record(9, extension="2000"), cdr_list=GLOBEX_LIST)
            assert (await found(rig)) == records[::-1]
            assert await found(rig, agent="1001") == [records[1]]
            assert await found(rig, contact_ref="client-4712") == [records[2]]
            # However a number is written.
            assert await found(rig, number="27820000200") == [records[3], records[1]]
            assert await found(rig, number="0820000200") == [records[3], records[1]]
            second, third = (records[n]["dialed_at"] for n in (1, 2))
            assert await found(rig, **{"from": str(second), "to": str(third)}) == [
                records[2],
                records[1],
            ]
            written = datetime.fromtimestamp(third, UTC)
            for text in (written.isoformat(), f"{written:%Y-%m-%dT%H:%M:%S}Z"):
                assert await found(rig, **{"from": text}) == [records[3], records[2]]

    run(test())


@pytest.mark.case("L21")
@pytest.mark.case("L61")
def test_a_date_alone_is_all_of_that_day(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            now = datetime.now(UTC)
            today = now.replace(hour=0, minute=0, second=0, microsecond=0)
            first, last = int(today.timestamp()), int(today.timestamp()) + 86_399
            times = (first - 1, first, last, last + 1)
            records = [record(n, dialed_at=time) for n, time in enumerate(times)]
            await push(redis, *records)
            day = f"{today:%Y-%m-%d}"
            for written in (day, f"{today:%Y%m%d}"):
                of_it = await found(rig, **{"from": written, "to": written})
                assert of_it == [records[2], records[1]]
            assert await found(rig, to=f"{day}T00:00:00Z") == [records[1], records[0]]

    run(test())


@pytest.mark.case("L61")
def test_a_reference_is_found_however_long_the_crms_is(redis: RedisServer) -> None:
    """A record has the first 230 characters of it."""

    async def test() -> None:
        async with live_api(redis) as rig:
            cut = record(1, contact_ref="r" * 230)
            await push(redis, cut, record(2, contact_ref="r" * 229))
            for length in (230, 231, 1000):
                assert await found(rig, contact_ref="r" * length) == [cut]

    run(test())


@pytest.mark.case("L18")
@pytest.mark.parametrize(
    "written",
    ["%2B27820000200", "+27820000200", "082%20000%200200", "(082) 000-0200", "tel:+27-82-000-0200"],
)
def test_a_number_is_found_as_people_write_it(redis: RedisServer, written: str) -> None:
    """And with a plus that is not encoded, which arrives as a blank."""

    async def test() -> None:
        async with live_api(redis) as rig:
            ours = record(1, number="0820000200")
            external = record(2, extension="0820000200", call_dir="external")
            await push(redis, ours, external, record(3))
            get = rig.api.client.get
            found = (await get(f"{HISTORY}?number={written}")).json()
            assert found["records"] == [ours]
            assert (await get(f"{HISTORY}?agent={written}")).json()["records"] == [external]
            assert (await get(f"{CALLS}?agent={written}")).status_code == 200

    run(test())


@pytest.mark.case("L9")
@pytest.mark.parametrize("offset", ["+02:00", " 02:00", "%2B02:00", "+0200", " 02", "-01:30"])
def test_an_offset_whose_plus_is_not_encoded(redis: RedisServer, offset: str) -> None:
    """In a query that is a blank: between a time of day and an offset only one thing can stand."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await push(redis, *(records := [record(1), record(2)]))
            zone = datetime.fromisoformat(
                f"2026-01-01T00:00:00{offset.replace(' ', '+').replace('%2B', '+')}"
            ).tzinfo
            at = datetime.fromtimestamp(records[1]["dialed_at"], zone)
            answer = await rig.api.client.get(f"{HISTORY}?from={at:%Y-%m-%dT%H:%M:%S}{offset}")
            assert (answer.status_code, answer.json().get("records")) == (200, [records[1]])

    run(test())


@pytest.mark.case("L9")
@pytest.mark.parametrize("text", ["2026-11-27+10:00", "2026-11-27+10:00:00Z", "2026-11-27T10+05"])
def test_a_blank_that_could_be_anything_is_named(redis: RedisServer, text: str) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            answer = await rig.api.client.get(f"{HISTORY}?from={text}")
            assert answer.status_code == 422
            assert "without blanks (+ is %2B in a query)" in answer.text

    run(test())


async def found(rig: Rig, **query: str) -> list[dict[str, Any]]:
    answer = await rig.get(HISTORY, **query)
    assert answer.status_code == 200, answer.text
    records: list[dict[str, Any]] = answer.json()["records"]
    return records


def test_history_page_by_page(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            records = [record(number) for number in range(25)]
            await push(redis, *records)
            cursor = ""
            pages: list[list[dict[str, Any]]] = []
            while True:
                query = {"cursor": cursor} if cursor else {}
                page = (await rig.get(HISTORY, limit="10", **query)).json()
                pages.append(page["records"])
                await push(redis, record(100 + len(pages)))  # newer ones do not move the pages
                if (cursor := page["cursor"] or "") == "":
                    break
            assert [one for page in pages for one in page] == records[::-1]
            assert [len(page) for page in pages] == [10, 10, 5]

    run(test())


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=", "from"),
        ("to=2026-13-01", "to"),
        ("from=%D9%A1", "from"),
        ("from=99999-01-01T00:00:00Z", "from"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=1e2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("agent=2000", "agent"),
        ("number=", "number"),
        ("contact_ref=a%20b", "contact_ref"),
        ("since=1", "query"),
    ],
)
def test_history_that_nothing_could_be(redis: RedisServer, query: str, field: str) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            answer = await rig.api.client.get(f"{HISTORY}?{query}")
            assert answer.status_code == 422, answer.text
            assert [one["field"] for one in answer.json()["errors"]] == [field]

    run(test())


def test_a_record_is_in_the_history_once(redis: RedisServer) -> None:
    """And in it whatever becomes of the stream: a record is never refused for its sake."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await push(redis, record(1), record(1))
            await push(redis, record(1))
            assert len(await found(rig)) == 1
            with Redis.from_url(redis.url) as client:
                client.set(f"{{{ACME_LIST}}}:history", "of another type")
                client.set(f"{{{ACME_LIST}}}:live:events", "of another type")
                await push(redis, record(2))
                assert client.llen(ACME_LIST) == 2

    run(test())


def test_what_others_put_into_the_history_is_left_out(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            only = record(1)
            await push(redis, only)
            with Redis.from_url(redis.url) as client:
                for text in ("", "[]", '{"payload": 1}', '{"payload": {"ref": "x"}}'):
                    client.xadd(f"{{{ACME_LIST}}}:history", {"data": text})
                client.xadd(f"{{{ACME_LIST}}}:history", {"x": "y"})
            assert await found(rig) == [only]

    run(test())


def test_old_records_go(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            kept = f"{{{ACME_LIST}}}:history"
            with Redis.from_url(redis.url) as client:
                body = json.dumps({"payload": record(0)})
                for number in range(1, 500):
                    client.xadd(kept, {"data": body}, id=f"{number}-0")
                assert await found(rig, limit="500") == []
                await push(redis, record(1))
                assert client.xlen(kept) == 1
                # Nobody calls any more: it goes by itself.
                assert 7 * 86_400 < client.ttl(kept) <= 8 * 86_400
            assert len(await found(rig, limit="500")) == 1

    run(test())


def test_events(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001"), calls=[call()])
            async with rig.listen() as all_of_it, rig.listen(agent="1001") as one:
                (snapshot,) = all_of_it.named("snapshot")
                assert [found["extension"] for found in snapshot["agents"]] == ["1000", "1001"]
                assert [found["call_ref"] for found in snapshot["calls"]] == [REF]
                (small,) = one.named("snapshot")
                assert [found["extension"] for found in small["agents"]] == ["1001"]
                assert small["calls"] == []
                await rig.say(agent("1000", AgentState.HOLD), call(CallState.HELD))
                await rig.say(agent("1001", AgentState.TALKING, call_ref=REF))
                await rig.say(call(agent="1001"), call(CallState.ENDED, agent="1001"))
                await push(redis, record(1, extension="1001"), record(2))
                await all_of_it.until(lambda: len(all_of_it.named("cdr")) == 2)
                assert [found["event"] for found in all_of_it.told] == [
                    *("snapshot", "agent", "call", "agent", "call", "call", "cdr", "cdr"),
                ]
                assert [found["state"] for found in all_of_it.named("call")] == [
                    *("held", "up", "ended"),
                ]
                await one.until(lambda: len(one.named("cdr")) == 1)
                assert [found["event"] for found in one.told] == [
                    *("snapshot", "agent", "call", "call", "cdr"),
                ]
                ids = [found["id"] for found in all_of_it.told]
                assert len(set(ids)) == len(ids)

    run(test())


@pytest.mark.case("C23")
def test_a_stream_that_ends_with_its_connection_says_so_alone(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            asked = wire(b"", "Connection: close", method="HEAD", path=EVENTS, length="")
            head = (await exchange(rig.api.port, asked)).decode("latin-1").lower()
            lines = head.split("\r\n")
            assert [line for line in lines if line.startswith("connection:")] == [
                "connection: close"
            ]

    run(test())


def test_who_comes_back_has_what_he_missed(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001"))
            async with rig.listen() as before:
                await rig.say(agent("1000", AgentState.RINGING))
                await before.until(lambda: len(before.told) == 2)
            await rig.say(agent("1000", AgentState.TALKING), agent("1001", AgentState.TALKING))
            await push(redis, record(1))
            last = before.told[-1]["id"]
            async with rig.listen(last) as after, rig.listen(last, agent="1001") as one:
                await after.until(lambda: len(after.told) == 3)
                assert [found["event"] for found in after.told] == ["agent", "agent", "cdr"]
                await one.until(lambda: len(one.told) == 1)
                assert one.named("agent")[0]["extension"] == "1001"
                await rig.say(agent("1001"))
                await after.until(lambda: len(after.told) >= 4)
            async with rig.listen(after.told[-1]["id"]) as nothing_missed:
                await rig.say(agent("1000"))
                await nothing_missed.until(lambda: len(nothing_missed.told) >= 1)
                assert nothing_missed.named("agent")[0]["state"] == "idle"

    run(test())


@pytest.mark.case("L1")
@pytest.mark.parametrize("last_id", ["999999999999999-0", "{}9-0"])
def test_an_id_that_is_yet_to_come_is_of_another_redis(redis: RedisServer, last_id: str) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            async with rig.listen() as before:
                foreign = last_id.format(before.told[-1]["id"].partition("-")[0])
            async with rig.listen(foreign) as events:
                await events.until(lambda: bool(events.told))
                await rig.say(agent("1000", AgentState.TALKING))
                await events.until(lambda: len(events.told) == 2)
                assert [found["event"] for found in events.told] == ["snapshot", "agent"]

    run(test())


@pytest.mark.slow
@pytest.mark.case("L1")
def test_who_comes_back_while_nobody_can_tell_hears_that(redis: RedisServer) -> None:
    """The reader died, which no event tells of, and nobody who reads now reaches the manager."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), calls=[call()])
            async with rig.listen() as before:
                rig.lives = False
                await before.until(lambda: len(before.told) == 2)
            async with rig.listen(before.told[0]["id"]) as events:
                await events.until(lambda: bool(events.told))
                assert [found["event"] for found in events.told] == ["snapshot"]
                told = events.named("snapshot")[0]
                assert told["agents"][0]["state"] == "unknown"
                assert told["calls"] == []

    run(test())


@pytest.mark.case("L2")
def test_who_was_away_when_his_client_went_on_hears_of_it(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001"), calls=[call()])
            async with rig.listen(agent="1000") as before:
                assert [one["agent"] for one in before.named("snapshot")[0]["calls"]] == ["1000"]
            await rig.say(call(agent="1001"))
            await rig.say(call(CallState.ENDED, agent="1001"))
            async with rig.listen(before.told[-1]["id"], agent="1000") as events:
                await rig.say(agent("1000", AgentState.TALKING))
                await events.until(lambda: bool(events.named("agent")))
                told = [(one["agent"], one["state"]) for one in events.named("call")]
                assert told == [("1001", "up")]

    run(test())


@pytest.mark.case("L3")
def test_a_caller_whose_number_is_an_extension_is_not_that_agent(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001"))
            async with rig.listen(agent="1001") as events:
                for direction in ("inbound", "internal"):
                    ref = record(len(direction))["call_ref"]
                    await rig.say(call(ref=ref, callee="1001", direction=direction))
                    told = record(len(direction), number="1001", call_dir=direction)
                    await push(redis, told)
                await events.until(lambda: bool(events.named("cdr")))
                assert [one["direction"] for one in events.named("call")] == ["internal"]
                assert [one["call_dir"] for one in events.named("cdr")] == ["internal"]
            async with rig.listen(agent="1001") as again:
                shown = again.named("snapshot")[0]["calls"]
                assert [one["direction"] for one in shown] == ["internal"]

    run(test())


@pytest.mark.parametrize("last_id", ["1-0", "1700000000000-0"])
def test_who_has_missed_too_much_has_the_picture(
    redis: RedisServer, last_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_MAX_REPLAY", 5)

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            for _ in range(10):
                await rig.say(agent("1000", AgentState.TALKING), agent("1000"))
            async with rig.listen(last_id) as events:
                await events.until(lambda: len(events.told) == 1)
                await rig.say(agent("1000", AgentState.TALKING))
                await events.until(lambda: len(events.told) == 2)
                assert [found["event"] for found in events.told] == ["snapshot", "agent"]

    run(test())


def test_what_ends_while_one_looks_is_told(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the picture, which is later than it and does not show it."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), calls=[call()])
            async with rig.listen() as events:
                store, late = rig.live["acme"].store, [True]
                read = store.read

                async def read_late() -> Picture:
                    if late:
                        late.clear()
                        await rig.say(call(agent="1001"), call(CallState.ENDED))
                        await push(redis, record(1))
                    return await read()

                monkeypatch.setattr(store, "read", read_late)
                await rig.begin(agent("1000"), calls=[call()])
                await events.until(lambda: len(events.told) == 4)
                assert [found["event"] for found in events.told] == [
                    *("snapshot", "snapshot", "call", "cdr"),
                ]
                assert events.named("snapshot")[-1]["calls"] == []
                assert events.named("call")[0]["state"] == "ended"

    run(test())


@pytest.mark.slow
def test_when_nobody_knows_listeners_hear_of_it(redis: RedisServer) -> None:
    """Whether the reader says so, or dies."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), calls=[call()])
            async with rig.listen() as events:
                await rig.live["acme"].store.away("east", rig.fences["east"])
                await events.until(lambda: len(events.told) == 2)
                await rig.begin(agent("1000"), calls=[call()])
                await events.until(lambda: len(events.told) == 3)
                rig.lives = False
                await events.until(lambda: len(events.told) == 4)
                states = [found["agents"][0]["state"] for found in events.named("snapshot")]
                assert states == ["idle", "unknown", "idle", "unknown"]
                assert [len(found["calls"]) for found in events.named("snapshot")] == [1, 0, 1, 0]

    run(test())


def test_who_does_not_keep_up_begins_anew(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_MAX_BEHIND", 10)

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            hub = rig.live["acme"].hub
            slow, quick = hub.listen(), hub.listen()
            for one in (slow, quick):
                assert [event.event for event in await one.next() or ()] == ["snapshot"]
            for since in range(50):
                await rig.say(replace(agent("1000"), since=since))
                [event] = await quick.next() or []
                assert json.loads(event.data)["since"] == since
            told: list[hub_module.LiveEvent] = []
            while not told or json.loads(told[-1].data).get("since") != 49:
                told += await slow.next() or ()
            assert [event.event for event in told].count("snapshot") == 1
            assert len(told) < 20
            hub.let_go()
            assert await quick.next() is None

    run(test())


def test_there_is_a_bound_of_listeners(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_LISTENERS", 1)

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            async with rig.listen():
                answer = await rig.get(EVENTS)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            async with asyncio.timeout(patience(5)):
                while rig.live["acme"].hub._listeners:
                    await asyncio.sleep(0.01)
            async with rig.listen() as events:
                assert len(events.told) == 1

    run(test())


@pytest.mark.parametrize("others", [0, 1])
def test_who_waits_for_the_picture_is_let_go(redis: RedisServer, others: int) -> None:
    """Also while others wait on, who are told nothing that is not known."""

    async def test() -> None:
        async with live_api(redis) as rig:
            hub = rig.live["acme"].hub
            asked = asyncio.Event()

            async def read() -> Picture:
                asked.set()
                return await asyncio.Future()  # Redis is slow

            hub._store.read = read  # type: ignore[method-assign]
            first, *rest = [hub.listen() for _ in range(1 + others)]
            waiting = [asyncio.create_task(one.next()) for one in (first, *rest)]
            await asked.wait()
            first.let_go()
            async with asyncio.timeout(patience(5)):
                assert await waiting[0] is None
                assert not any(one.done() for one in waiting[1:])
                hub.let_go()
                assert await asyncio.gather(*waiting) == [None] * (1 + others)

    run(test())


@pytest.mark.parametrize("query", ["agent=2000", "agent=", "agent=%D9%A1", "x=1"])
def test_events_of_nobody(redis: RedisServer, query: str) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            assert (await rig.api.client.get(f"{EVENTS}?{query}")).status_code == 422
            for last_id in ("x", "-", "1", "1-1-1"):
                headers = {"Last-Event-ID": last_id}
                answer = await rig.api.client.get(EVENTS, headers=headers)
                assert answer.status_code == 422

    run(test())


def test_a_reload_sends_listeners_away(redis: RedisServer) -> None:
    """They come back under the new keys, if they have one."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            async with rig.listen():
                hub = rig.live["acme"].hub
                rig.api.reload(api_keys=["another"])
                assert not hub._listeners
            assert (await rig.get(EVENTS)).status_code == 401

    run(test())


def test_no_integrator_sees_anothers(redis: RedisServer) -> None:
    """Without a key nobody sees anything; with one, what is of that integrator's lists."""

    async def test() -> None:
        async with live_api(redis) as rig:
            globex = rig.live["globex"].store
            fence = await globex.acquire("east")
            await globex.replace("east", fence, {"2000": agent("2000")}, {})
            await rig.begin(agent("1000"))
            await push(redis, record(9, extension="2000"), cdr_list=GLOBEX_LIST)
            assert [one["extension"] for one in (await rig.get(AGENTS)).json()["agents"]] == [
                "1000"
            ]
            assert (await rig.get(f"{AGENTS}/2000")).status_code == 404
            assert await found(rig) == []
            async with rig.listen() as events:
                await globex.publish("east", fence, [("2000", agent("2000", AgentState.TALKING))])
                await push(redis, record(10, extension="2000"), cdr_list=GLOBEX_LIST)
                await rig.say(agent("1000", AgentState.TALKING))
                await events.until(lambda: len(events.told) == 2)
                assert events.named("agent")[0]["extension"] == "1000"
            del rig.api.client.headers["Authorization"]
            for path in (AGENTS, f"{AGENTS}/1000", HISTORY, EVENTS):
                assert (await rig.get(path)).status_code == 401

    run(test())


@pytest.mark.case("C60")
def test_http_1_0_has_no_chunks(redis: RedisServer) -> None:
    """Who asks so takes the sizes of chunks for what was told."""

    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"))
            request = wire(b"", method="GET", path=EVENTS).replace(b" HTTP/1.1\r", b" HTTP/1.0\r")
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.api.port)
            async with asyncio.timeout(patience(10)):
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                assert b"connection: close" in head
                assert b"transfer-encoding" not in head
                told = await reader.readuntil(b"snapshot")
                await rig.say(agent("1000", AgentState.TALKING))
                told += await reader.readuntil(b"talking")
            assert {line.split(b":")[0] for line in told.splitlines()} <= FIELDS
            writer.close()
            head = wire(b"", method="HEAD", path=EVENTS).replace(b" HTTP/1.1\r", b" HTTP/1.0\r")
            assert b"transfer-encoding" not in await exchange(rig.api.port, head)
            listed = request.replace(EVENTS.encode(), AGENTS.encode())
            answer = await exchange(rig.api.port, listed)
            said, _, body = answer.partition(b"\r\n\r\n")
            assert b"content-length: %d" % len(body) in said.lower()

    run(test())
