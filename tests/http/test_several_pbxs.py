"""Several PBXs: a created call has one, and whoever is asked knows which (docs/scale.md)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import CLOSE, DONE_THEN_HANG, HANG
from tests.http.rig import CALLS, QUICK, errors, serve
from tests.http.several import (
    AWAY,
    FLEETING,
    LATER,
    LIVE,
    PRESENT,
    fake_ari,
    seen,
    two,
    unseen,
)
from tests.io.running import eventually, run


def test_posts_go_to_the_pbxs_in_turn_and_their_calls_are_found(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            refs = [(await api.post(agent=f"100{n}")).json()["call_ref"] for n in range(4)]
            assert sorted([*east.channels, *west.channels]) == sorted(refs)
            assert (len(east.channels), len(west.channels)) == (2, 2)
            listed = (await api.client.get(CALLS)).json()["calls"]
            assert {call["call_ref"] for call in listed} == set(refs)
            assert {call["state"] for call in listed} == {"ringing-agent"}
            for ref in refs:
                assert (await api.client.get(f"{CALLS}/{ref}")).json()["state"] == "ringing-agent"
                assert (await api.client.delete(f"{CALLS}/{ref}")).status_code == 204
            assert east.channels == west.channels == {}

    run(test())


def test_the_entry_says_which_pbx_has_the_call(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            ref = (await api.post()).json()["call_ref"]
            entry = json.loads(api.redis.hget(LIVE, ref) or "")
            name, ari = ("east", east) if ref in east.channels else ("west", west)
            assert (entry["pbx"], entry["run"]) == (name, f"{ari.entity_id}/{ari.started}")

    run(test())


@pytest.mark.case("C53")
@pytest.mark.parametrize("trouble", [CLOSE, HANG, 503])
def test_a_pbx_that_is_away_is_skipped(redis: RedisServer, trouble: str | int) -> None:
    """One that hangs costs the first call its patience, and the next ones nothing."""

    async def test() -> None:
        async with two(redis) as (east, west, api):
            east.trouble |= dict.fromkeys(("info", "endpoint", "channels", "channel"), trouble)
            refs = [(await api.post(agent=f"100{n}")).json()["call_ref"] for n in range(4)]
            assert sorted(west.channels) == sorted(refs)
            assert len(east.asked("endpoint")) <= 2
            told = (await api.client.get(CALLS)).json()
            assert [call["state"] for call in told["calls"]] == ["ringing-agent"] * 4
            assert told["complete"] is False

    run(test())


@pytest.mark.slow
def test_only_one_that_cannot_have_rung_is_followed_by_another(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            east.trouble["originate"] = west.trouble["originate"] = DONE_THEN_HANG
            assert (await api.post()).status_code == 503
            assert len(east.asked("originate") + west.asked("originate")) == 1

    run(test())


def test_all_away_is_a_503_and_a_record(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            await east.stop()
            await west.stop()
            assert (await api.post()).status_code == 503
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed"]
            assert api.held() == {}

    run(test())


def test_an_agent_is_rung_where_his_phone_is(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            east.endpoint = "offline"
            for agent in ("1001", "1002", "1003"):
                assert (await api.post(agent=agent)).status_code == 201
            assert (len(east.channels), len(west.channels)) == (0, 3)
            west.endpoint = None
            assert errors(await api.post()) == ["agent: an agent whose phone is registered"]
            await east.stop()  # his phone may be there
            assert (await api.post()).status_code == 503

    run(test())


@pytest.mark.case("S1")
def test_two_servers_with_a_pbx_each_and_one_redis(redis: RedisServer) -> None:
    """Each knows its own PBX alone: calls of the other are left alone."""

    async def test() -> None:
        async with (
            fake_ari() as one,
            fake_ari() as other,
            serve(redis, one, times=FLEETING) as here,
            serve(redis, other, times=FLEETING) as there,
        ):
            ref = (await here.post()).json()["call_ref"]
            await eventually(lambda: len(here.redis.keys(PRESENT)) == 2)
            assert all(0 < here.redis.pttl(key) <= 600_000 for key in here.redis.keys(PRESENT))
            await there.reap()
            assert there.cdrs() == []
            assert list(here.held()) == ["1000"]
            assert (await there.client.get(f"{CALLS}/{ref}")).json()["state"] == "unknown"
            assert [c["state"] for c in (await there.client.get(CALLS)).json()["calls"]] == [
                "unknown"
            ]
            assert (await there.client.delete(f"{CALLS}/{ref}")).status_code == 503
            assert list(one.channels) == [ref]
            assert (await there.post()).status_code == 429  # one call for an agent, wherever
            one.channels.clear()
            await there.reap()
            assert here.cdrs() == []
            await here.reap()
            assert [cdr["end_reason"] for cdr in here.cdrs()] == ["failed"]

    run(test())


@pytest.mark.case("S1")
def test_a_pbx_that_shares_its_entity_id_with_another_is_not_taken_for_it(
    redis: RedisServer,
) -> None:
    """Nor when nobody sees the other any more: it was up before the call began."""

    async def test() -> None:
        async with fake_ari() as one, fake_ari() as other:
            async with serve(redis, one, times=FLEETING) as here:
                await here.post()
            async with serve(redis, other, times=FLEETING) as there:
                await unseen(there, one.started)
                await there.reap()
                assert (there.cdrs(), there.held()) == ([], {})  # its agent is free
                assert there.redis.hlen(AWAY) == 1

    run(test())


@pytest.mark.case("S3")
def test_agents_of_a_pbx_that_is_away_are_free_and_its_calls_wait_for_it(
    redis: RedisServer,
) -> None:
    async def test() -> None:
        async with (
            fake_ari() as ari,
            serve(redis, ari, times=FLEETING, limits={"concurrent_calls": 1}) as api,
        ):
            ref = (await api.post()).json()["call_ref"]
            await seen(api)
            trouble = dict.fromkeys(("info", "channels", "channel", "endpoint"), CLOSE)
            ari.trouble |= trouble
            await api.reap()
            assert list(api.held()) == ["1000"]  # it was there just now
            await unseen(api, ari.started)
            await api.reap()
            assert (api.held(), api.cdrs(), api.redis.hlen(LIVE)) == ({}, [], 0)
            assert (await api.client.get(f"{CALLS}/{ref}")).json()["state"] == "unknown"
            ari.trouble.clear()  # the link was cut, and the call goes on
            await api.reap()
            assert (await api.client.get(f"{CALLS}/{ref}")).json()["state"] == "ringing-agent"
            assert (api.redis.hlen(LIVE), api.redis.hlen(AWAY)) == (1, 0)
            ari.channels.clear()
            await api.reap()
            await api.reap()
            assert [cdr["call_ref"] for cdr in api.cdrs()] == [ref]
            assert (api.redis.hlen(LIVE), api.redis.hlen(AWAY)) == (0, 0)

    run(test())


@pytest.mark.parametrize("named", [True, False])
def test_a_pbx_that_was_started_anew_has_lost_its_calls(redis: RedisServer, named: bool) -> None:
    async def test() -> None:
        async with fake_ari() as ari, serve(redis, {"east": ari} if named else ari) as api:
            await api.post()
            await seen(api)
            ari.channels.clear()
            ari.started = LATER
            async with serve(redis, {"east": ari} if named else ari, times=FLEETING) as again:
                await again.reap()
                assert again.cdrs() == []  # for all that is known another server sees it yet
                api.redis.delete(*api.redis.keys(PRESENT))
                await again.reap()
                assert [cdr["end_reason"] for cdr in again.cdrs()] == ["failed"]

    run(test())


@pytest.mark.parametrize("pbx", ["", "another"])
def test_a_call_is_kept_through_a_renaming_and_by_a_version_that_did_not_name_it(
    redis: RedisServer, pbx: str
) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            ref = (await api.post()).json()["call_ref"]
            entry = json.loads(api.redis.hget(LIVE, ref) or "")
            entry |= {"pbx": pbx} if pbx else {"pbx": "", "run": ""}
            api.redis.hset(LIVE, ref, json.dumps(entry))
            assert (await api.client.get(f"{CALLS}/{ref}")).json()["state"] == "ringing-agent"
            await api.reap()
            assert (list(api.held()), api.cdrs()) == (["1000"], [])
            east.channels.clear()
            west.channels.clear()
            await api.reap()
            assert [cdr["call_ref"] for cdr in api.cdrs()] == [ref]

    run(test())


def test_an_older_versions_call_is_lost_only_where_all_pbxs_say_so(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            ref = (await api.post()).json()["call_ref"]
            entry = json.loads(api.redis.hget(LIVE, ref) or "") | {"pbx": "", "run": ""}
            api.redis.hset(LIVE, ref, json.dumps(entry))
            away, there = (east, west) if ref in east.channels else (west, east)
            away.trouble |= dict.fromkeys(("info", "channels", "channel"), CLOSE)
            await api.reap()
            assert api.cdrs() == []
            away.trouble.clear()
            await api.reap()
            assert api.cdrs() == []
            assert there.channels == {}

    run(test())


def test_a_pbx_that_does_not_tell_which_it_is(redis: RedisServer) -> None:
    """Its calls are as those of older versions, which knew one PBX."""

    async def test() -> None:
        async with fake_ari() as ari:
            ari.trouble["info"] = 404
            async with serve(redis, ari, times=FLEETING) as api:
                ref = (await api.post()).json()["call_ref"]
                await api.reap()
                assert (await api.client.get(f"{CALLS}/{ref}")).json()["state"] == "ringing-agent"
                ari.channels.clear()
                await api.reap()
                assert [cdr["call_ref"] for cdr in api.cdrs()] == [ref]

    run(test())


def test_ready_as_long_as_one_pbx_is(redis: RedisServer) -> None:
    async def test() -> None:
        async with two(redis) as (east, west, api):
            east.trouble["ping"] = CLOSE
            answer = await api.client.get("/readyz")
            parts = answer.json()["parts"]
            assert (answer.status_code, parts["ari"]) == (200, "ok")
            assert (parts["ari:east"], parts["ari:west"]) == ("not working", "ok")
            west.trouble["ping"] = CLOSE
            assert (await api.client.get("/readyz")).status_code == 503

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("_", range(3))  # whosever turn it is
def test_a_post_that_is_taken_over_rings_at_the_pbx_that_was_asked(
    redis: RedisServer, _: int
) -> None:
    """Which may do late what it was asked; and while it cannot tell, nobody is rung at all."""

    async def test() -> None:
        # Who posts again waits so long for the first, who may be dead.
        async with two(redis, replace(QUICK, lost_after=patience(0.5))) as (east, west, api):
            east.trouble["originate"] = west.trouble["originate"] = HANG
            assert (await api.post(key="k-1")).status_code == 503
            asked, other = (east, west) if east.asked("originate") else (west, east)
            east.trouble.clear()
            west.trouble.clear()
            asked.trouble |= dict.fromkeys(("channel", "channels", "endpoint"), CLOSE)
            assert (await api.post(key="k-1")).status_code == 503
            assert not other.asked("originate")
            asked.trouble.clear()
            await api.api._now.pbxs.look()
            assert (await api.post(key="k-1")).status_code == 201
            assert (len(asked.channels), len(other.channels)) == (1, 0)

    run(test())
