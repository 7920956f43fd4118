"""Several PBXs: a created call has one, and whoever is asked knows which (docs/scale.md)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from click2dial_agi.app.forget_pbx import forget as forget_pbx
from click2dial_agi.app.times import Times
from click2dial_agi.domain.config import parse_config
from click2dial_agi.exceptions import PBXThere
from sandbox.redis import RedisServer
from sandbox.server import ACME
from sandbox.waiting import patience
from tests.http.fake_ari import CLOSE, DONE_THEN_HANG, HANG, FakeARI
from tests.http.rig import API, CALLS, QUICK, errors, serve
from tests.io.running import eventually, run

LIVE = "{enigma:notifications}:live"
AWAY = "{enigma:notifications}:away"
MARKS = "{enigma:notifications}:marks"
PRESENT = "{enigma:notifications}:pbx:*"

#: PBXs are looked at all the time.  For how long they count as seen, a test says (`unseen`).
FLEETING = Times(ari=patience(0.3), lost_after=0.0, reap_every=1000.0, look_every=0.05, present=600)

STARTED = (f"2026-01-02T03:04:{second:02}.000+0000" for second in itertools.cycle(range(60)))
LATER = "2036-01-02T03:04:05.678+0000"


def fake_ari(endpoint: str | None = "online") -> FakeARI:
    """Return a PBX; all have one entity id, as those have that share a network card's address."""
    return FakeARI(endpoint=endpoint, started=next(STARTED))


@contextlib.asynccontextmanager
async def two(
    redis: RedisServer, times: Times = QUICK, **integrator: Any
) -> AsyncIterator[tuple[FakeARI, FakeARI, API]]:
    """Run a server with two PBXs, east and west."""
    async with (
        fake_ari() as east,
        fake_ari() as west,
        serve(redis, {"east": east, "west": west}, times=times, **integrator) as api,
    ):
        yield east, west, api


async def seen(api: API) -> None:
    """Wait until a server has told all that it sees its PBX."""
    await eventually(lambda: bool(api.redis.keys(PRESENT)))


async def unseen(api: API, started: str) -> None:
    """Do as if no server had seen a PBX for a while, which answers none any more."""

    def gone() -> bool:
        keys = api.redis.keys(f"{PRESENT}{started}")
        return not keys or not api.redis.delete(*keys)

    for _ in range(2):  # a look may have been under way
        await eventually(gone)
        await api.api._now.pbxs.look()


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


@pytest.mark.parametrize("trouble", [CLOSE, HANG, 503])
def test_a_pbx_that_is_away_is_skipped(redis: RedisServer, trouble: str | int) -> None:
    """One that hangs costs the first call its patience, and the next ones nothing."""

    async def test() -> None:
        async with two(redis) as (east, west, api):
            east.trouble |= dict.fromkeys(("info", "endpoint", "channels", "channel"), trouble)
            refs = [(await api.post(agent=f"100{n}")).json()["call_ref"] for n in range(4)]
            assert sorted(west.channels) == sorted(refs)
            assert len(east.asked("endpoint")) <= 2
            assert [call["state"] for call in (await api.client.get(CALLS)).json()["calls"]] == [
                "ringing-agent"
            ] * 4

    run(test())


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


def forget(api: API, pbx: str) -> tuple[int, list[str]]:
    """Return how many calls were given up, and what an operator is told."""
    told: list[str] = []
    integrators = parse_config(api.config).integrators
    with asyncio.Runner() as runner:
        return runner.run(forget_pbx(integrators, pbx, told.append)), told


@pytest.mark.case("S3")
def test_a_pbx_that_never_comes_back_is_forgotten(redis: RedisServer) -> None:
    async def test() -> None:
        async with fake_ari() as west, fake_ari() as east:
            async with serve(redis, {"east": east}, times=FLEETING) as api:
                ref = (await api.post()).json()["call_ref"]
                await seen(api)
                with pytest.raises(PBXThere, match="east is there"):
                    await asyncio.to_thread(forget, api, "east")
            async with serve(redis, {"west": west}, times=FLEETING) as api:
                await unseen(api, east.started)
                await api.reap()
                other = (await api.post()).json()["call_ref"]
                count, told = await asyncio.to_thread(forget, api, "north")
                assert (count, told) == (
                    0,
                    ["no call is at north; there are calls at: east, west"],
                )
                count, [line] = await asyncio.to_thread(forget, api, "east")
                assert (count, line.partition(";")[0]) == (1, "acme: 1 calls")
                await asyncio.gather(api.reap(), api.reap())
                assert [cdr["call_ref"] for cdr in api.cdrs()] == [ref]
                assert list(api.held().values()) == [other]
                assert api.redis.hlen(AWAY) == api.redis.hlen(MARKS) == 0

    run(test())


def test_a_pbx_without_a_name_is_forgotten_by_its_run(redis: RedisServer) -> None:
    async def test() -> None:
        async with fake_ari() as ari, serve(redis, ari, times=FLEETING) as api:
            await api.post()
            await seen(api)
            ari.trouble |= dict.fromkeys(("info", "channels", "channel"), CLOSE)
            await unseen(api, ari.started)
            count, _ = await asyncio.to_thread(forget, api, f"{ari.entity_id}/{ari.started}")
            assert count == 1

    run(test())


@pytest.mark.case("S3")
def test_a_forgotten_pbx_that_comes_back_keeps_its_calls(redis: RedisServer) -> None:
    """Though the call stands in no answer just then; the next time it has to be asked for anew."""

    async def test() -> None:
        async with fake_ari() as ari, serve(redis, {"east": ari}, times=FLEETING) as api:
            ref = (await api.post()).json()["call_ref"]
            await seen(api)
            cut = dict.fromkeys(("info", "channels", "channel"), CLOSE)
            ari.trouble |= cut
            await unseen(api, ari.started)
            assert (await asyncio.to_thread(forget, api, "east"))[0] == 1
            del ari.trouble["info"]
            await seen(api)
            await api.reap()  # its channels are not to be had yet
            assert (api.cdrs(), api.redis.hlen(MARKS)) == ([], 1)
            ari.trouble.clear()
            await api.api._now.pbxs.look()
            await api.reap()
            assert (api.cdrs(), api.redis.hlen(MARKS), list(ari.channels)) == ([], 0, [ref])
            ari.trouble |= cut
            await unseen(api, ari.started)
            await api.reap()
            assert api.cdrs() == []

    run(test())


def test_a_call_that_does_not_say_which_run_has_it_is_not_forgotten(redis: RedisServer) -> None:
    """Whether its PBX is there cannot be told."""

    async def test() -> None:
        async with fake_ari() as ari, serve(redis, {"east": ari}, times=FLEETING) as api:
            ref = (await api.post()).json()["call_ref"]
            entry = json.loads(api.redis.hget(LIVE, ref) or "") | {"run": ""}
            api.redis.hset(LIVE, ref, json.dumps(entry))
            assert await asyncio.to_thread(forget, api, "east") == (
                0,
                ["no call is at east; there are calls at: none"],
            )
            assert api.redis.exists(MARKS) == 0

    run(test())


def test_forgetting_from_the_command_line(redis: RedisServer, tmp_path: Path) -> None:
    config = tmp_path / "click2dial.yaml"
    config.write_text(json.dumps({"integrators": [{**ACME, "redis": redis.url}]}))
    argv = [sys.executable, "-m", "click2dial_agi", "forget-pbx", "east", "--config", str(config)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "no call is at east; there are calls at: none\n")
