"""Calls whose Asterisk or whose server died: found, recorded once, counted out."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.times import Times
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import CLOSE, GARBAGE, HANG, NOT_JSON, WRONG_SHAPE, FakeARI
from tests.http.rig import BODY, CALLS, exchange, serve, wire
from tests.http.several import LIVE, PRESENT
from tests.io.running import eventually, run

SOON = Times(ari=patience(0.3), lost_after=0.0, reap_every=0.05)


async def _dies(*_: object) -> None:
    raise asyncio.CancelledError


def test_a_call_whose_asterisk_was_killed(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            created = (await api.post()).json()
            ari.channels.clear()
            async with serve(redis, ari, times=SOON):
                await eventually(lambda: api.held() == {})
            [cdr] = api.cdrs()
            assert cdr["call_ref"] == created["call_ref"]
            assert (cdr["end_reason"], cdr["extension"]) == ("failed", "1000")
            assert (await api.post()).status_code == 201

    run(test())


@pytest.mark.case("S1")
def test_a_call_that_names_the_run_before_of_its_asterisk(redis: RedisServer) -> None:
    """The server took it for that one: it had been started anew between two looks."""

    async def test() -> None:
        times = replace(SOON, lost_after=0.5, look_every=1000.0)
        async with FakeARI() as ari, serve(redis, ari, times=times) as api:
            await api.post()
            ari.started = "2026-01-02T03:05:06.789+0000"
            [call] = [json.loads(text) for text in api.redis.hvals(LIVE)]
            assert not call["run"].endswith(ari.started)
            await api.api._now.pbxs.look()
            ari.channels.clear()
            for key in api.redis.keys(PRESENT):  # none, if it was slow to answer a look
                api.redis.delete(key)
            await eventually(lambda: api.held() == {})
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed"]

    run(test())


def test_an_asterisk_that_was_away_is_asked_which_run_it_is(redis: RedisServer) -> None:
    async def test() -> None:
        times = replace(SOON, lost_after=1000.0, look_every=1000.0)
        async with FakeARI() as ari, serve(redis, ari, times=times) as api:
            ari.trouble["endpoint"] = CLOSE
            ari.started = "2026-01-02T03:05:06.789+0000"
            assert (await api.post()).status_code == 503
            ari.trouble.clear()
            await api.post()
            [call] = [json.loads(text) for text in api.redis.hvals(LIVE)]
            assert call["run"].endswith(ari.started)

    run(test())


@pytest.mark.parametrize("at", ["_agent_places", "_end"])
def test_a_call_whose_server_was_killed(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Between the limits and the ringing, and between the refusal and its record."""

    async def test() -> None:
        async with FakeARI(endpoint=None if at == "_end" else "online") as ari:
            async with serve(redis, ari) as api:
                monkeypatch.setattr(CreatedCalls, at, _dies)
                await exchange(api.port, wire(json.dumps(BODY).encode()))
                monkeypatch.undo()
                assert list(api.held()) == ["1000"]
            async with serve(redis, ari, times=SOON) as restarted:
                await eventually(lambda: restarted.held() == {})
                assert [cdr["end_reason"] for cdr in restarted.cdrs()] == ["failed"]

    run(test())


def test_a_call_that_lives_is_left_alone_however_old(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post()
            await api.reap()
            assert list(api.held()) == ["1000"]
            assert api.cdrs() == []

    run(test())


def test_a_call_is_not_lost_while_the_spool_may_hold_its_end(
    redis: RedisServer, tmp_path: Path
) -> None:
    async def test() -> None:
        spool = tmp_path / "calls.spool"
        spool.write_text("a line\n")
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post()
            ari.channels.clear()
            async with serve(redis, ari, times=SOON, spool_dir=str(tmp_path)):
                await asyncio.sleep(4 * SOON.reap_every)
                assert list(api.held()) == ["1000"]
                spool.unlink()  # drained
                await eventually(lambda: api.held() == {})

    run(test())


def test_a_transferred_call_frees_its_agent_and_goes_on(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            call_ref = (await api.post()).json()["call_ref"]
            ari.channels.clear()
            ari.channels |= {"other": "Up", "client": "Up"}
            ari.variables["client", "C2D_client"] = f"ccall_ref={call_ref}"
            await api.reap()
            assert (api.held(), api.cdrs()) == ({}, [])
            where = f"{CALLS}/{call_ref}"
            assert (await api.client.get(where)).json()["state"] == "up"
            listed = (await api.client.get(CALLS)).json()["calls"]
            assert [(call["call_ref"], call["state"]) for call in listed] == [(call_ref, "up")]
            assert (await api.post()).status_code == 201  # the agent's next call
            await api.reap()
            assert (await api.client.delete(where)).status_code == 204
            assert "client" not in ari.channels

    run(test())


def test_a_transferred_call_can_be_hung_up_before_it_was_looked_for(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            call_ref = (await api.post()).json()["call_ref"]
            ari.channels.clear()
            ari.channels["client"] = "Up"
            ari.variables["client", "C2D_client"] = f"ccall_ref={call_ref}"
            assert (await api.client.delete(f"{CALLS}/{call_ref}")).status_code == 204
            assert ari.channels == {}

    run(test())


def test_a_young_call_is_left_alone(redis: RedisServer) -> None:
    """It may be on its way to Asterisk."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post()
            ari.channels.clear()
            await api.reap(lost_after=10)
            assert list(api.held()) == ["1000"]
            assert api.cdrs() == []

    run(test())


@pytest.mark.case("T43")
@pytest.mark.parametrize("off", [3600, -3600])
def test_a_clock_that_was_set_neither_keeps_nor_loses_a_call(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, off: int
) -> None:
    """It was created by a clock that is another one now, or another server's."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.reap()
            began = time.time() + off
            monkeypatch.setattr(time, "time", lambda: began)
            await api.post()
            monkeypatch.undo()
            ari.channels.clear()
            await api.reap(lost_after=10)
            assert list(api.held()) == ["1000"]
            await asyncio.sleep(0.1)
            await api.reap(lost_after=0.1)
            assert api.held() == {}
            assert [cdr["end_reason"] for cdr in api.cdrs()] == ["failed"]

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [HANG, GARBAGE, NOT_JSON, WRONG_SHAPE, 503])
def test_while_asterisk_does_not_answer_nothing_is_lost(
    redis: RedisServer, trouble: str | int
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post()
            ari.channels.clear()
            ari.trouble["channels"] = trouble
            async with serve(redis, ari, times=SOON):
                await eventually(lambda: len(ari.asked("channels")) > 2)
                assert list(api.held()) == ["1000"]
                assert api.cdrs() == []
                ari.trouble.clear()
                await eventually(lambda: api.held() == {})

    run(test())


def test_a_call_that_is_recorded_but_counted_in(redis: RedisServer) -> None:
    """Redis went away between the record and the counting out."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as one:
            await one.post()
            ari.channels.clear()
            held = one.redis.hgetall("{enigma:notifications}:live")
            await one.reap()
            one.redis.hset("{enigma:notifications}:live", mapping=held)  # type: ignore[arg-type]
            await one.reap()
            assert one.redis.hlen("{enigma:notifications}:live") == 0
            assert len(one.cdrs()) == 1

    run(test())


def test_two_servers_record_a_lost_call_once(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as one, serve(redis, ari) as two:
            for agent in range(1000, 1020):
                await one.post(agent=str(agent))
            ari.channels.clear()
            await asyncio.gather(one.reap(), two.reap(), one.reap())
            assert len({cdr["call_ref"] for cdr in one.cdrs()}) == len(one.cdrs()) == 20
            assert two.held() == {}

    run(test())


def test_a_record_that_could_not_be_stored_is_stored_later(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        raise NotificationError("as the test wants it")

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post()
            monkeypatch.setattr(RedisLists, "push", away)
            ari.channels.clear()
            async with serve(redis, ari, times=SOON):
                await eventually(lambda: len(ari.asked("channels")) > 2)
                assert list(api.held()) == ["1000"]
                # Nobody takes a call over that is being recorded as lost.
                assert (await api.post()).status_code == 429
                monkeypatch.undo()
                await eventually(lambda: api.held() == {})
            assert len(api.cdrs()) == 1

    run(test())


@pytest.mark.parametrize("broken", ["{}", '{"agent": "1", "facts": "x=1"}', '{"facts": 7}'])
def test_a_call_that_cannot_be_read_does_not_hold_the_others(
    redis: RedisServer, broken: str
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            api.redis.hset("{enigma:notifications}:live", "broken", broken)
            await api.post()
            ari.channels.clear()
            await api.reap()
            assert api.redis.hlen("{enigma:notifications}:live") == 0
            assert api.held() == {}
            assert len(api.cdrs()) == 1

    run(test())
