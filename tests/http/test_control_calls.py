"""Pausing recordings, sending clients on and listening, over HTTP: what the PBX is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from click2dial_agi.app.control import holding
from click2dial_agi.domain.live_calls import LiveCall
from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.manager import AGENT, CLIENT, REF, SUPERVISOR, Manager, put_up, refuse, served
from tests.http.rig import CALLS, KEY, errors
from tests.http.test_control import STANDS, ask
from tests.http.test_phone_calls import channel
from tests.io.running import run

ORIGIN = "https://crm.example.com"
PAUSES = "C2D_PAUSES_c1"
LIVE, PAUSED, SINCE = (
    f"{{enigma:notifications}}:{key}" for key in ("live", "paused", "paused_since")
)


def test_a_recording_is_paused_and_goes_on(redis: RedisServer) -> None:
    """What counts first; the marks are left with both channels, one of which makes the record."""

    async def test() -> None:
        async with served(redis) as (api, _, ami):
            for action, after, state, marks in (
                ("pause", 1500, "1", "1500-"),
                ("pause", 2000, "1", "1500-"),
                ("resume", 3000, "0", "1500-3000"),
                ("resume", 3500, "0", "1500-3000"),
                ("pause", 4000, "1", "1500-3000_4000-"),
            ):
                ami.clock = 1_700_000_000_000 + after
                answer = await ask(api, f"recording/{action}")
                assert (answer.status_code, answer.json()["recording_paused"]) == (
                    202,
                    action == "pause",
                )
                assert ami.asked("MixMonitorMute")[-1] == {
                    "Channel": CLIENT,
                    "Direction": "both",
                    "State": state,
                }
                assert ami.variables[CLIENT, PAUSES] == marks
                assert ami.variables[AGENT, "C2D_PAUSES_a1"] == marks
                kept = api.redis.hgetall("{enigma:notifications}:paused")
                assert kept == ({REF: "a1"} if action == "pause" else {})

    run(test())


SILENT, AS_IT_IS = "-32000", "0"


def volumes(ami: Manager) -> tuple[str, str]:
    """Return how loud the agent is to the client, and the client to the agent."""
    return ami.variables[AGENT, "VOLUME(RX)"], ami.variables[AGENT, "VOLUME(TX)"]


def test_a_client_is_on_hold_until_both_may_talk(redis: RedisServer) -> None:
    """Asked for twice it is once, and a muted agent stays so."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await ask(api, "mute")
            for _ in range(2):
                answer = await ask(api, "hold")
                assert (answer.status_code, answer.json()["held"]) == (202, True)
                assert volumes(ami) == (SILENT, SILENT)
                assert "hold-a1-" in ari.channels
            (originated, _) = ari.asked("originate")
            assert originated.path.endswith("/channels/hold-a1-")
            assert originated.body["endpoint"] == "Local/through@click2dial-hold/n"
            assert originated.body["variables"] == {
                "__C2D_SPIED": "a1",
                "__C2D_HELD_ON": "c1&a1",
            }
            for _ in range(2):
                answer = await ask(api, "unhold")
                assert answer.json() == STANDS | {"muted": True}
                assert volumes(ami) == (SILENT, AS_IT_IS)
                assert "hold-a1-" not in ari.channels
            await ask(api, "hold")
            answer = await ask(api, "unmute")
            assert answer.json() == STANDS | {"held": True}
            assert volumes(ami) == (SILENT, SILENT)
            await ask(api, "unhold")
            assert volumes(ami) == (AS_IT_IS, AS_IT_IS)

    run(test())


@pytest.mark.parametrize("older", [True, False])
def test_without_music_nobody_is_on_hold(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    """The dialplan is older than the server, or Asterisk does not come to it."""
    monkeypatch.setattr(holding, "_LOOKS", 3)

    async def test() -> None:
        async with served(redis) as (api, ari, ami):

            def originated(channel_id: str) -> None:
                if older:
                    del ari.channels[channel_id]

            ari.on_originate = originated
            answer = await ask(api, "hold")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert ami.asked("Setvar") == []
            assert "hold-a1-" not in ari.channels

    run(test())


def test_who_is_sent_on_is_no_longer_on_hold(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await ask(api, "hold")
            assert (await ask(api, "transfer", {"callee": "1"})).status_code == 422
            assert "hold-a1-" in ari.channels
            assert (await ask(api, "transfer", {"callee": "1001"})).status_code == 202
            assert "hold-a1-" not in ari.channels
            assert ami.asked("BlindTransfer")

    run(test())


def test_there_is_an_end_to_pauses(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            ami.variables[CLIENT, PAUSES] = "_".join(f"{at}-{at}" for at in range(40))
            answer = await ask(api, "recording/pause")
            assert (answer.status_code, "40 pauses" in answer.text) == (409, True)
            assert ami.asked("MixMonitorMute") == []

    run(test())


def test_what_is_not_recorded_is_not_paused(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            for one in ("a1", "c1"):
                value = ari.variables[one, f"C2D_{one}"]
                ari.variables[one, f"C2D_{one}"] = value.replace("&recorded=1", "")
            for action in ("pause", "resume"):
                assert (await ask(api, f"recording/{action}")).status_code == 409
            assert ami.asked("MixMonitorMute") == []

    run(test())


@pytest.mark.case("L59")
@pytest.mark.parametrize("refused", [True, False])
def test_a_pause_ends_with_the_transfer_alone(redis: RedisServer, refused: bool) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            await ask(api, "recording/pause")
            if refused:
                ami.answers["BlindTransfer"] = refuse
            answer = await ask(api, "transfer", {"callee": "1001"})
            assert answer.status_code == (503 if refused else 202)
            states = [one["State"] for one in ami.asked("MixMonitorMute")]
            assert states == (["1"] if refused else ["1", "0"])
            assert api.redis.hlen("{enigma:notifications}:paused") == refused

    run(test())


@pytest.mark.case("L66")
def test_a_recording_goes_on_though_the_agents_channel_has_gone(redis: RedisServer) -> None:
    """The transfer ends it, and the pause must have an end where the record is made then."""

    async def test() -> None:
        async with served(redis) as (api, _, ami):
            await ask(api, "recording/pause")
            transfer = ami.answers["BlindTransfer"]

            def gone(action: Mapping[str, str]) -> bytes | None:
                answer = transfer(action)
                ami.gone.add(AGENT)
                return answer

            ami.answers["BlindTransfer"] = gone
            ami.clock += 2000
            assert (await ask(api, "transfer", {"callee": "1001"})).status_code == 202
            assert ami.variables[CLIENT, PAUSES] == "0-2000"
            assert api.redis.hlen("{enigma:notifications}:paused") == 0

    run(test())


def test_a_client_is_sent_on_though_the_recording_cannot_go_on(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            await ask(api, "recording/pause")
            ami.answers["MixMonitorMute"] = refuse
            assert (await ask(api, "transfer", {"callee": "1001"})).status_code == 202
            assert api.redis.hlen("{enigma:notifications}:paused") == 1

    run(test())


def joined_with(ari: FakeARI, name: str) -> None:
    """Let the client talk to another agent."""
    del ari.channels["a1"]
    channel(ari, "b1", "x", "")
    ari.about["b1"] = {"name": name}
    ari.variables["c1", "BRIDGEPEER"] = name
    ari.variables["b1", "BRIDGEPEER"] = CLIENT


@pytest.mark.parametrize("resumes", [True, False])
def test_with_another_agent_it_goes_on_by_policy(redis: RedisServer, resumes: bool) -> None:
    async def test() -> None:
        async with served(redis, recording_resumes=resumes) as (api, ari, ami):
            [steering] = api.api._now.steering.values()
            await ask(api, "recording/pause")
            await steering.look_after_pauses()  # nothing has changed
            assert len(ami.asked("MixMonitorMute")) == 1
            del ari.variables["c1", "BRIDGEPEER"], ari.variables["a1", "BRIDGEPEER"]
            await steering.look_after_pauses()  # the colleague's phone rings
            assert len(ami.asked("MixMonitorMute")) == 1
            joined_with(ari, "PJSIP/1001-00000003")
            await steering.look_after_pauses()
            states = [one["State"] for one in ami.asked("MixMonitorMute")]
            assert states == (["1", "0"] if resumes else ["1"])
            assert api.redis.hlen("{enigma:notifications}:paused") == (not resumes)
            ari.channels.clear()
            await steering.look_after_pauses()
            assert api.redis.hlen("{enigma:notifications}:paused") == 0

    run(test())


def test_others_do_not_wait_for_a_paused_call_whose_pbx_is_away(redis: RedisServer) -> None:
    """Of that one nothing is known; it is looked for through a day, and then no more."""

    async def test() -> None:
        async with served(redis) as (api, ari, _):
            [steering] = api.api._now.steering.values()
            away = LiveCall(str(uuid4()), agent="1000", pbx="east", run="east/2026-01-01")
            api.redis.hset(LIVE, away.call_ref, away.text())
            api.redis.hset(PAUSED, away.call_ref, "a0")
            await ask(api, "recording/pause")
            assert list(api.redis.hkeys(PAUSED)) == [away.call_ref, REF]  # in this order
            joined_with(ari, "PJSIP/1001-00000003")
            await steering.look_after_pauses()
            assert api.redis.hkeys(PAUSED) == [away.call_ref]
            api.redis.zincrby(SINCE, -23 * 60 * 60, away.call_ref)
            await steering.look_after_pauses()
            assert api.redis.hkeys(PAUSED) == [away.call_ref]
            api.redis.zincrby(SINCE, -60 * 60, away.call_ref)
            await steering.look_after_pauses()
            assert api.redis.exists(PAUSED, SINCE) == 0

    run(test())


@pytest.mark.case("C21")
@pytest.mark.parametrize(
    ("callee", "exten"),
    [
        *(("1001", "1001"), (1001, "1001"), ("0820000100", "27820000100"), ("27820000100",) * 2),
        *(("112", "112"), ("1 1 2", "112"), (10111, "10111")),
    ],
)
def test_a_client_is_sent_on(redis: RedisServer, callee: Any, exten: str) -> None:
    """By the agent's channel, into the context that asks a server again."""

    async def test() -> None:
        for inbound in (False, True):
            changes = {"dids": ["27215550101"], "default_outbound_id": "27820001234"}
            async with served(redis, **changes) as (api, ari, ami):
                put_up(ari, inbound=inbound)
                answer = await ask(api, "transfer", {"callee": callee, "type": "blind"})
                assert answer.status_code == 202, answer.text
                [asked] = ami.asked("BlindTransfer")
                assert asked["Channel"] == AGENT
                assert asked["Context"] == "click2dial-transfer"
                assert asked["Exten"] in (exten, f"0{exten.removeprefix('27')}")

    run(test())


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "callee"),
        ({"callee": "1000"}, 422, "callee"),
        ({"callee": "2001"}, 422, "callee"),
        ({"callee": "1 1 3"}, 422, "callee"),
        ({"callee": "112", "type": "consult"}, 422, "callee"),
        ({"callee": "1001\r\nAction: Redirect"}, 422, "callee"),
        ({"callee": "click2dial-end"}, 422, "callee"),
        ({"callee": "0044770090012345"}, 403, "callee"),
        ({"callee": "1001", "type": "attended"}, 422, "type"),
        ({"callee": "1000", "type": "consult"}, 422, "callee"),
        ({"callee": "2001", "type": "consult"}, 422, "callee"),
        ({"callee": "0044770090012345", "type": "consult"}, 403, "callee"),
        ({"callee": "1001\r\nAction: Redirect", "type": "consult"}, 422, "callee"),
        ({"callee": "1001", "context": "trap"}, 422, "body"),
    ],
)
def test_what_may_not_be_reaches_nobody(
    redis: RedisServer, body: dict[str, Any], status: int, field: str
) -> None:
    async def test() -> None:
        async with served(redis, destinations={"international": ["27"]}) as (api, _, ami):
            answer = await ask(api, "transfer", body)
            assert answer.status_code == status, answer.text
            assert [error.partition(":")[0] for error in errors(answer)] == [field]
            assert ami.asked("BlindTransfer") == []

    run(test())


@pytest.mark.case("L64")
@pytest.mark.parametrize("callee", ["1001", "0820000200", "112"])
def test_an_agent_outside_sends_nobody_on(redis: RedisServer, callee: str) -> None:
    """Of an external call both sides are outside: what he asks for is not to blame."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            for one in ("a1", "c1"):
                told = ari.variables[one, f"C2D_{one}"].replace("=1000&", "=0820000300&")
                ari.variables[one, f"C2D_{one}"] = told.replace("=outbound", "=external")
            ari.about["a1"] = {"name": "PJSIP/trunk-00000001"}
            ari.variables["c1", "BRIDGEPEER"] = "PJSIP/trunk-00000001"
            answer = await ask(api, "transfer", {"callee": callee})
            assert (answer.status_code, len(errors(answer))) == (409, 1)
            assert errors(answer)[0].startswith("call_ref: a call whose agent has an extension")
            assert ami.asked("BlindTransfer") == []

    run(test())


@pytest.mark.case("L63")
@pytest.mark.parametrize(
    ("action", "body", "fields"),
    [
        ("transfer", {"callee": "x", "type": "y", "z": 1}, ["body", "type", "callee"]),
        ("transfer", {"callee": "x", "type": "y"}, ["type", "callee"]),
        ("transfer", {"callee": "1999", "z": 1}, ["body", "callee"]),
        ("transfer", {"callee": "1001", "z": 1}, ["body"]),
        ("transfer", {"callee": "112", "type": "y"}, ["type"]),
        ("transfer", [], ["body"]),
        ("listen", {"extension": "1999", "mode": "x", "z": 1}, ["body", "mode", "extension"]),
        ("listen", {"extension": "1009", "mode": "x"}, ["mode"]),
        ("listen", "x", ["body"]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(
    redis: RedisServer, action: str, body: Any, fields: list[str]
) -> None:
    async def test() -> None:
        async with served(redis, extensions=["1000-1199"]) as (api, _, _ami):
            headers = {"Authorization": f"Bearer {SUPERVISOR}"}
            path = f"{CALLS}/{REF}/{action}"
            answer = await api.client.post(path, json=body, headers=headers)
            assert answer.status_code == 422
            assert [error.partition(":")[0] for error in errors(answer)] == fields

    run(test())


def test_a_fallback_takes_what_is_the_operators(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis, transfer_fallback="from-internal-xfer") as (api, _, ami):
            assert (await ask(api, "transfer", {"callee": "*700"})).status_code == 202
            assert ami.asked("BlindTransfer")[0]["Exten"] == "*700"
            for callee in ("*700,1", "x", "${SHELL(x)}"):
                assert (await ask(api, "transfer", {"callee": callee})).status_code == 422
            assert len(ami.asked("BlindTransfer")) == 1

    run(test())


@pytest.mark.case("L4")
def test_one_idempotency_key_sends_once(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            for _ in range(2):
                answer = await ask(api, "transfer", {"callee": "1001"}, **{"Idempotency-Key": "k"})
                assert answer.status_code == 202
                # It rings at the colleague's.
                ari.variables.pop(("c1", "BRIDGEPEER"), None)
                ari.variables.pop(("a1", "BRIDGEPEER"), None)
            answer = await ask(api, "transfer", {"callee": "1002"}, **{"Idempotency-Key": "k"})
            assert answer.status_code == 422
            assert len(ami.asked("BlindTransfer")) == 1
            assert (await ask(api, "transfer", {"callee": "1001"})).status_code == 409

    run(test())


@pytest.mark.case("L42")
def test_one_idempotency_key_twice_at_once(redis: RedisServer) -> None:
    """The first is under way when the second comes: both hear that it was done."""
    key, body = {"Idempotency-Key": "k"}, {"callee": "1001"}

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            send = ami.answers["BlindTransfer"]

            def sent(action: Mapping[str, str]) -> bytes | None:
                ari.variables.pop(("c1", "BRIDGEPEER"), None)
                ari.variables.pop(("a1", "BRIDGEPEER"), None)
                return send(action)

            ami.answers["BlindTransfer"] = sent
            told = await asyncio.gather(*(ask(api, "transfer", body, **key) for _ in range(3)))
            assert [one.status_code for one in told] == [202] * 3
            assert len(ami.asked("BlindTransfer")) == 1

    run(test())


@pytest.mark.case("L8")
@pytest.mark.parametrize(
    ("action", "body"), [("transfer", {"callee": "1001"}), ("dtmf", {"digits": "1"})]
)
def test_what_was_done_is_said_again_when_the_client_has_gone(
    redis: RedisServer, action: str, body: Any
) -> None:
    """The first answer was lost on its way, and nobody knows the call any more."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            for _ in range(2):
                answer = await ask(api, action, body, **{"Idempotency-Key": "k"})
                assert (answer.status_code, answer.json()) == (202, STANDS)
                ari.channels.clear()
            another = await ask(api, action, body, **{"Idempotency-Key": "k2"})
            assert another.status_code == 404
            assert len(ami.asked("BlindTransfer") + ami.asked("PlayDTMF")) == 1

    run(test())


@pytest.mark.case("L8")
def test_what_an_agent_had_done_is_said_again_when_another_has_the_client(
    redis: RedisServer,
) -> None:
    async def test() -> None:
        async with served(redis, cors_origins=[ORIGIN]) as (api, ari, _):
            wanted = {"agent": "1000", "origin": ORIGIN}
            answer = await api.client.post("/click2dial/tokens", json=wanted)
            token = {"Authorization": f"Bearer {answer.json()['token']}", "Origin": ORIGIN}
            headers = {**token, "Idempotency-Key": "k"}
            assert (await ask(api, "transfer", {"callee": "1001"}, **headers)).status_code == 202
            ari.variables["a1", "C2D_EXTENSION"] = "1001"
            answer = await ask(api, "transfer", {"callee": "1001"}, **headers)
            assert (answer.status_code, answer.json()) == (202, STANDS)
            assert (await ask(api, "mute", **token)).status_code == 404

    run(test())


@pytest.mark.parametrize(
    ("mode", "options"), [("listen", "uqE"), ("whisper", "uqEw"), ("barge", "uqEB")]
)
def test_a_supervisor_is_rung_and_told_of(redis: RedisServer, mode: str, options: str) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, _):
            for _ in range(2):  # the second time it rings already
                answer = await ask(api, "listen", {"extension": "1002", "mode": mode})
                assert answer.status_code == 202, answer.text
            [originated] = ari.asked("originate")
            assert originated.body["endpoint"] == "Local/ring@click2dial-listen/n"
            told = originated.body["variables"]
            assert told["__C2D_AGENT_DIAL"] == "PJSIP/1002"
            assert (told["__C2D_SPIED"], told["__C2D_SPYING"]) == ("a1", options)
            assert api.redis.llen("enigma:notifications:listen") == 1

    run(test())


def test_an_ordinary_key_does_not_listen_and_a_supervisors_does_all(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, _):
            key = {"Authorization": f"Bearer {KEY}"}
            answer = await ask(api, "listen", {"extension": "1002"}, **key)
            assert (answer.status_code, errors(answer)) == (
                403,
                ["authorization: one of supervisor_keys"],
            )
            assert ari.asked("originate") == []
            assert api.redis.llen("enigma:notifications:listen") == 0
            supervisors = {"Authorization": "Bearer key-of-a-supervisor"}
            assert (await ask(api, "mute", **supervisors)).status_code == 202

    run(test())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"extension": "2001"}, 422),  # another integrator's
        ({"extension": "1000"}, 422),  # the agent himself
        ({"extension": "0820000100"}, 422),
        ({"extension": "1002&PJSIP/1003"}, 422),
        ({"extension": "1002", "mode": "spy"}, 422),
        ({"extension": "1002", "mode": "listen", "more": 1}, 422),
    ],
)
def test_who_is_no_supervisor_of_ours(
    redis: RedisServer, body: dict[str, Any], status: int
) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, _):
            answer = await ask(api, "listen", body)
            assert (answer.status_code, bool(errors(answer))) == (status, True)
            assert ari.asked("originate") == []
            assert api.redis.llen("enigma:notifications:listen") == 0

    run(test())


def test_nobody_listens_untold(redis: RedisServer) -> None:
    """Where the notification cannot be stored nobody is rung."""

    async def test() -> None:
        async with served(redis) as (api, ari, _):
            api.redis.set("enigma:notifications:listen", "no list")
            assert (await ask(api, "listen", {"extension": "1002"})).status_code == 503
            assert ari.asked("originate") == []
            api.redis.delete("enigma:notifications:listen")
            ari.endpoint = "offline"
            assert (await ask(api, "listen", {"extension": "1002"})).status_code == 409
            assert api.redis.llen("enigma:notifications:listen") == 0

    run(test())
