"""Steering calls over HTTP: what is asked of the manager, and what is refused before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.app.control import steering
from click2dial_agi.domain.steering import read_digits
from click2dial_agi.io import ami as ami_module
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.manager import AGENT, CLIENT, REF, SUPERVISOR, put_up, served
from tests.http.rig import API, CALLS, KEY, errors, serve
from tests.http.test_phone_calls import HELP, channel
from tests.io.fake_ami import message
from tests.io.running import run

QUIET = {"Challenge", "Login", "Events", "Ping"}
STANDS = {"call_ref": REF, "muted": False, "held": False, "recording_paused": False}
STANDS |= {"consult": None}
ACTIONS: dict[str, Any] = {
    **dict.fromkeys(("mute", "unmute", "hold", "unhold", "recording/pause", "recording/resume")),
    "dtmf": {"digits": "1"},
    "transfer": {"callee": "1001"},
    **dict.fromkeys(("transfer/complete", "transfer/cancel")),
    "listen": {"extension": "1002"},
}
every_action = pytest.mark.parametrize("action", ACTIONS)


async def ask(
    api: API, action: str, body: Any = None, ref: str = REF, **headers: str
) -> httpx.Response:
    path = f"{CALLS}/{ref}/{action}"
    if action == "listen":
        headers = {"Authorization": f"Bearer {SUPERVISOR}", **headers}
    return await api.client.post(path, json=body, headers=headers)


def test_mute_and_unmute(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            for action, muted, volume in (("mute", True, "-32000"), ("unmute", False, "0")):
                for _ in range(2):
                    answer = await ask(api, action)
                    assert (answer.status_code, answer.json()) == (202, STANDS | {"muted": muted})
                    assert ami.variables[AGENT, "VOLUME(RX)"] == volume
            assert {one["Channel"] for one in ami.asked("Setvar")} == {AGENT}

    run(test())


@pytest.mark.case("L4")
def test_keys_are_pressed_on_the_agents_side_once_for_each_idempotency_key(
    redis: RedisServer,
) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            body = {"digits": "9#A"}
            for _ in range(2):
                answer = await ask(api, "dtmf", body, **{"Idempotency-Key": "k1"})
                assert (answer.status_code, answer.json()) == (202, STANDS)
            pressed = ami.asked("PlayDTMF")
            assert [one["Digit"] for one in pressed] == ["9", "#", "A"]
            assert {(one["Channel"], one["Receive"]) for one in pressed} == {(AGENT, "true")}
            await ask(api, "dtmf", body)
            assert len(ami.asked("PlayDTMF")) == 6
            ami.gone.add(AGENT)  # a key whose action was not done is good for another try
            assert (await ask(api, "dtmf", body, **{"Idempotency-Key": "k2"})).status_code == 409
            ami.gone.clear()
            assert (await ask(api, "dtmf", body, **{"Idempotency-Key": "k2"})).status_code == 202
            answer = await ask(api, "dtmf", {"digits": "9"}, **{"Idempotency-Key": "k2"})
            assert answer.status_code == 422  # nothing is pressed, and that is no success
            assert errors(answer) == ["idempotency-key: a new one for another body"]

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "body", "asked", "answered"),
    [
        ("dtmf", {"digits": "123456"}, "PlayDTMF", 3),
        ("dtmf", {"digits": "123456"}, "PlayDTMF", 0),
        ("transfer", {"callee": "1001"}, "BlindTransfer", 0),
    ],
)
@pytest.mark.parametrize("end", ["unanswered", "late", "refused"])
def test_what_may_have_been_done_is_not_done_again_for_its_key(
    redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    body: Any,
    asked: str,
    answered: int,
    end: str,
) -> None:
    """A key that was pressed was pressed, whatever became of the next one."""
    if end == "late":
        monkeypatch.setattr(steering, "_DEADLINE", patience(0.5))
    else:
        monkeypatch.setattr(ami_module, "_TIMEOUT", patience(0.5))

    async def test() -> None:
        async with served(redis) as (api, _, ami):
            if end == "late":
                monkeypatch.setattr(ami_module, "_TIMEOUT", 60.0)
            does = ami.answers[asked]

            def answer(action: Mapping[str, str]) -> bytes | None:
                if len(ami.asked(asked)) <= answered:
                    return does(action)
                told = {"Response": "Error", "Message": "no", "ActionID": action["ActionID"]}
                return message(**told) if end == "refused" else None

            ami.answers[asked] = answer
            key = {"Idempotency-Key": "k1"}
            assert (await ask(api, action, body, **key)).status_code == 503
            assert len(ami.asked(asked)) == answered + 1
            ami.answers[asked] = does
            assert (await ask(api, action, body, **key)).status_code == 202
            surely_not = end == "refused" and answered == 0
            again = len(body.get("digits", "1")) if surely_not else 0
            assert len(ami.asked(asked)) == answered + 1 + again

    run(test())


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()), st.binary()))
def test_no_other_digits_pass(value: object) -> None:
    digits, wrong = read_digits({"digits": value})
    assert bool(wrong) != (
        1 <= len(digits) <= 32 and all(one in "0123456789ABCD*#" for one in digits)
    )


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"digits": ""}, {"digits": "1\r\nAction: Redirect"}, {"digits": "1" * 33}),
        *({"digits": "٣"}, {"digits": "1\n"}, {"digits": "1", "more": 1}, [], "1"),
    ],
)
def test_wrong_digits_reach_nobody(redis: RedisServer, body: Any) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            answer = await ask(api, "dtmf", body)
            assert answer.status_code == 422, answer.text
            assert errors(answer)
            assert ami.asked("PlayDTMF") == []

    run(test())


@pytest.mark.case("L16")
@pytest.mark.parametrize("action", [one for one, body in ACTIONS.items() if body is None])
def test_what_takes_no_keys_takes_none(redis: RedisServer, action: str) -> None:
    """{"muted": false} is not what mute does."""

    bodies: tuple[Any, ...] = ({"muted": False}, {"call_ref": REF}, [], "on", 0)

    async def test() -> None:
        async with served(redis) as (api, _, ami):
            path = f"{CALLS}/{REF}/{action}"
            for body in bodies:
                answer = await api.client.post(path, content=json.dumps(body))
                assert answer.status_code == 422, answer.text
                assert errors(answer) == [
                    "body: none, or an empty JSON object: there is nothing to say"
                ]
            assert (await api.client.post(path, content=b"on=1")).status_code in (400, 415)
            assert {one["Action"] for one in ami.actions} <= QUIET
            for content in (b"", b"{}", b"null", b" \r\n"):
                assert (await api.client.post(path, content=content)).status_code in (202, 409)

    run(test())


@every_action
def test_nobody_steers_anothers_call(redis: RedisServer, action: str) -> None:
    async def test() -> None:
        port = ports.free_port()
        globex = {"name": "globex", "extensions": ["2000-2099"], "key_prefix": "globex"}
        globex |= {"http": f"127.0.0.1:{port}", "api_keys": ["key-of-globex"]}
        async with served(redis, globex) as (api, _, ami):
            path, body = f"{CALLS}/{REF}/{action}", ACTIONS[action]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as other:
                theirs = 403 if action == "listen" else 404
                for key, status in ((KEY, 401), ("key-of-globex", theirs), (SUPERVISOR, 401)):
                    headers = {"Authorization": f"Bearer {key}"}
                    answer = await other.post(path, json=body, headers=headers)
                    assert (answer.status_code, bool(errors(answer))) == (status, True)
                assert (await other.post(path, json=body)).status_code == 401
            unknown = await ask(api, action, body, ref="bde674e2-eeaf-4355-b32c-664a82256e12")
            assert unknown.status_code == 404
            for wrong in ("x", "..", "%0d%0aAction:%20Redirect"):
                assert (await ask(api, action, body, ref=wrong)).status_code == 404, wrong
            assert {one["Action"] for one in ami.actions} <= QUIET

    run(test())


@every_action
def test_a_token_steers_its_agents_calls_alone(redis: RedisServer, action: str) -> None:
    origin = "https://crm.example.com"

    async def test() -> None:
        async with served(redis, cors_origins=[origin]) as (api, _, _ami):
            for agent, status in (("1000", 202), ("1001", 404)):
                status = {"listen": 403}.get(action, status)
                if action == "transfer/complete" and status == 202:
                    status = 409  # nobody is asked
                wanted = {"agent": agent, "origin": origin}
                token = (await api.client.post("/click2dial/tokens", json=wanted)).json()["token"]
                headers = {"Authorization": f"Bearer {token}", "Origin": origin}
                answer = await ask(api, action, ACTIONS[action], **headers)
                assert answer.status_code == status, answer.text

    run(test())


@every_action
def test_without_a_manager_it_names_the_key(redis: RedisServer, action: str) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, supervisor_keys=[SUPERVISOR]) as api:
            answer = await ask(api, action, ACTIONS[action])
            assert answer.status_code == 501
            assert errors(answer)[0].startswith("asterisk.ami: ")

    run(test())


@every_action
def test_what_is_not_up_is_not_steered(redis: RedisServer, action: str) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            body = ACTIONS[action]
            if action not in ("listen", "transfer/cancel"):  # which ask the manager for nothing
                ami.gone = {AGENT, CLIENT}  # it has just ended
                assert (await ask(api, action, body)).status_code == 409
            ami.gone = set()
            del ari.variables["a1", "BRIDGEPEER"], ari.variables["c1", "BRIDGEPEER"]  # it rings
            assert (await ask(api, action, body)).status_code == 409
            ari.channels.clear()
            channel(ari, "h1", "a", HELP)
            answer = await ask(api, action, body)
            assert (answer.status_code, "help" in answer.text) == (403, True)

    run(test())


@pytest.mark.case("L58")
@every_action
def test_a_manager_or_redis_that_is_away_is_503(redis: RedisServer, action: str) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await ami.vanish()
            answer = await ask(api, action, ACTIONS[action])
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert errors(answer) == ["pbx: reachable; try again later"]
            assert ari.asked("originate") == []

    run(test())


def test_two_at_once_take_turns(redis: RedisServer) -> None:
    """Whoever came last has it; nobody sees half of it."""

    async def test() -> None:
        async with served(redis) as (api, _, ami):
            answers = await asyncio.gather(*(ask(api, one) for one in ("mute", "unmute") * 8))
            assert {answer.status_code for answer in answers} == {202}
            silent = ami.variables[AGENT, "VOLUME(RX)"] == "-32000"
            assert (ami.variables[AGENT, "C2D_MUTED_a1"] == "1") is silent

    run(test())


@pytest.mark.slow
def test_a_call_that_somebody_else_steers(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, _ami):
            api.redis.set(f"{{enigma:notifications}}:steering:{REF}", "other", px=60_000)
            answer = await ask(api, "mute")
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            api.redis.delete(f"{{enigma:notifications}}:steering:{REF}")
            assert (await ask(api, "mute")).status_code == 202

    run(test())


def test_after_a_transfer_it_is_the_colleague_who_is_steered(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            del ari.channels["a1"]
            channel(ari, "b1", "x", "")
            ari.about["b1"] = {"name": "PJSIP/1001-00000003"}
            ari.variables["c1", "BRIDGEPEER"] = "PJSIP/1001-00000003"
            ari.variables["b1", "BRIDGEPEER"] = CLIENT
            assert (await ask(api, "mute")).status_code == 202
            assert {one["Channel"] for one in ami.asked("Setvar")} == {"PJSIP/1001-00000003"}

    run(test())


def test_a_call_from_outside(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis, dids=["27215550101"]) as (api, ari, ami):
            put_up(ari, inbound=True)
            assert (await ask(api, "mute")).status_code == 202
            assert {one["Channel"] for one in ami.asked("Setvar")} == {AGENT}

    run(test())
