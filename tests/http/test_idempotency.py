"""Idempotency-Key: the same key and body rings nobody twice, on any number of instances."""

from __future__ import annotations

import asyncio
import json

import pytest

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.times import Times
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import CLOSE, DONE_THEN_HANG, HANG, FakeARI
from tests.http.rig import BODY, CALLS, errors, exchange, serve, wire
from tests.io.running import run


def test_the_same_key_fifty_times_at_once_on_two_instances_rings_once(redis: RedisServer) -> None:
    async def test() -> None:
        times = Times(ari=3, lost_after=10, reap_every=1000)
        async with (
            FakeARI() as ari,
            serve(redis, ari, times=times) as one,
            serve(redis, ari, times=times) as two,
        ):
            posts = [api.post(key="k") for api in (one, two) for _ in range(25)]
            responses = await asyncio.gather(*posts)
            assert {response.status_code for response in responses} == {201}
            assert len({response.text for response in responses}) == 1
            assert len({response.headers["location"] for response in responses}) == 1
            assert len(ari.asked("originate")) == 1

    run(test())


def test_the_order_and_spacing_of_a_body_do_not_matter(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            first = await api.post(key="k")
            again = await api.post(dict(reversed(BODY.items())), key="k")
            assert again.json() == first.json()
            assert len(ari.asked("originate")) == 1

    run(test())


def test_the_same_key_with_another_body_is_refused(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post(key="k")
            response = await api.post(key="k", contact_ref="another")
            assert response.status_code == 422
            assert errors(response) == ["idempotency-key: a new one for another body"]
            assert len(ari.asked("originate")) == 1

    run(test())


def test_a_key_is_the_integrators_own(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari) as one,
            serve(redis, ari, key_prefix="other") as two,
        ):
            first, second = await one.post(key="k"), await two.post(key="k")
            assert first.json()["call_ref"] != second.json()["call_ref"]

    run(test())


def test_what_is_no_key_is_refused(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for key in ("", " ", "a b", "x" * 256, "\u00fc", "a\tb"):
                request = wire(b"{}", f"Idempotency-Key: {key}", "Connection: close")
                answer = await exchange(api.port, request)
                assert answer.startswith(b"HTTP/1.1 422 "), key
                assert b"idempotency-key: 1-255 visible ASCII characters" in answer

    run(test())


def test_two_keys_are_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            keys = ("Idempotency-Key: a", "Idempotency-Key: b")
            answer = await exchange(api.port, wire(b"{}", *keys, "Connection: close"))
            assert answer.startswith(b"HTTP/1.1 422 ")

    run(test())


def test_a_refusal_is_given_again_and_soon_forgotten(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click2dial_agi.io.call_store._REMEMBER_FAILURE", 1)

    async def test() -> None:
        async with FakeARI(endpoint="offline") as ari, serve(redis, ari) as api:
            first, second = await asyncio.gather(api.post(key="k"), api.post(key="k"))
            assert (first.status_code, first.text) == (second.status_code, second.text)
            assert first.status_code == 409
            assert len(api.cdrs()) == 1
            ari.endpoint = "online"
            async with asyncio.timeout(patience(5)):
                while (response := await api.post(key="k")).status_code == 409:
                    await asyncio.sleep(0.05)
            assert response.status_code == 201
            assert len(api.cdrs()) == 1
            assert response.json()["call_ref"] != api.cdrs()[0]["call_ref"]

    run(test())


def test_a_limit_is_said_again_with_the_time_to_wait(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            await api.post()
            answers = [await api.post(key="k") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [429, 429]
            assert answers[0].headers["retry-after"] == answers[1].headers["retry-after"]

    run(test())


async def _dies(*_: object) -> None:
    """Stand for a server that is killed here: nothing that follows is done."""
    raise asyncio.CancelledError


@pytest.mark.parametrize("at", ["_admit", "_agent_places"])
def test_a_key_whose_first_request_died_before_ringing_rings(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async def test() -> None:
        times = Times(ari=1, lost_after=0.3, reap_every=1000)
        async with FakeARI() as ari, serve(redis, ari, times=times) as api:
            with monkeypatch.context() as patch:
                patch.setattr(CreatedCalls, at, _dies)
                await exchange(api.port, wire(json.dumps(BODY).encode(), "Idempotency-Key: k"))
            assert ari.asked("originate") == []
            answers = await asyncio.gather(*(api.post(key="k") for _ in range(5)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.text for answer in answers}) == 1
            assert len(ari.asked("originate")) == 1
            # What died was counted in already, and not counted twice.
            assert len(api.held()) == 1
            assert (await api.client.get(CALLS)).json()["calls"][0]["call_ref"] in ari.channels

    run(test())


@pytest.mark.parametrize("ended", [False, True])
def test_a_key_whose_first_request_died_after_ringing_finds_the_call(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """Also when that call has ended meanwhile, and was recorded."""

    async def test() -> None:
        times = Times(ari=1, lost_after=0.1, reap_every=1000)
        async with FakeARI() as ari, serve(redis, ari, times=times) as api:
            with monkeypatch.context() as patch:
                patch.setattr("click2dial_agi.io.call_store.CallStore.answer", _dies)
                await exchange(api.port, wire(json.dumps(BODY).encode(), "Idempotency-Key: k"))
            [call_ref] = ari.channels
            if ended:
                ari.channels.clear()
                async with asyncio.timeout(patience(5)):
                    while not api.cdrs():
                        await api.reap()
            response = await api.post(key="k")
            assert response.status_code == 201
            assert response.json()["call_ref"] == call_ref
            assert len(ari.asked("originate")) == 1
            assert (await api.post(key="k")).text == response.text

    run(test())


def test_a_pbx_that_is_away_is_said_again_and_soon_forgotten(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI(trouble={"endpoint": CLOSE}) as ari, serve(redis, ari) as api:
            answers = await asyncio.gather(*(api.post(key="k") for _ in range(5)))
            assert {answer.status_code for answer in answers} == {503}
            assert len(api.cdrs()) == 1

    run(test())


def test_an_uncertain_call_is_found_by_the_next_try(redis: RedisServer) -> None:
    async def test() -> None:
        trouble: dict[str, str | int] = {"originate": DONE_THEN_HANG, "hang_up": HANG}
        times = Times(ari=patience(0.3), lost_after=5, reap_every=1000)
        async with FakeARI(trouble=trouble) as ari, serve(redis, ari, times=times) as api:
            answers = await asyncio.gather(*(api.post(key="k") for _ in range(5)))
            assert {answer.status_code for answer in answers} == {503}
            assert len(ari.asked("originate")) == 1
            ari.trouble.clear()
            again = await asyncio.gather(*(api.post(key="k") for _ in range(5)))
            assert {answer.status_code for answer in again} == {201}
            assert {answer.json()["call_ref"] for answer in again} == set(ari.channels)
            assert len(ari.asked("originate")) == 1
            await api.reap()  # which would hang it up, had nobody asked for it again
            assert len(ari.channels) == 1
            assert api.cdrs() == []

    run(test())
