"""An agent asks a colleague over HTTP: what the PBX is asked for, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from click2dial_agi.domain.counts import Counted
from click2dial_agi.domain.facts import decode
from click2dial_agi.io import ami as ami_module
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.manager import AGENT, CLIENT, REF, Manager, served
from tests.http.rig import API, errors
from tests.http.test_control import STANDS, ask
from tests.io.fake_ami import message
from tests.io.running import run

COLLEAGUE = "PJSIP/1001-00000007"
MUSIC, PHONE = "consult-a1-", "asked-a1-"
CONSULT = {"callee": "1001", "type": "consult"}
TAKES, KEPT = (CLIENT, "C2D_TAKES_c1"), (COLLEAGUE, "C2D_KEPT")


async def consult(api: API, ari: FakeARI, **body: Any) -> httpx.Response:
    """Ask for it; the PBX keeps what it was told, as a channel's variables."""
    answer = await ask(api, "transfer", {**CONSULT, **body})
    for request in ari.asked("originate"):
        channel_id = request.path.rpartition("/")[2]
        for name, value in request.body["variables"].items():
            ari.variables[channel_id, name.lstrip("_")] = value
    ari.variables.setdefault((MUSIC, "C2D_ASKED"), "-")
    return answer


def answers(ari: FakeARI, ami: Manager, kept: str = "0") -> None:
    """The colleague has answered."""
    ari.channels.pop(PHONE, None)
    ari.variables[MUSIC, "C2D_ASKED"] = COLLEAGUE
    ami.variables[KEPT] = kept


def test_a_colleague_is_rung_once_while_the_client_hears_music(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            for _ in range(2):
                answer = await consult(api, ari)
                stands = STANDS | {"held": True, "consult": "ringing"}
                assert (answer.status_code, answer.json()) == (202, stands)
            music, phone = ari.asked("originate")
            assert music.path.endswith(f"/channels/{MUSIC}")
            assert (music.body["context"], music.body["extension"]) == (
                "click2dial-consult",
                "wait",
            )
            assert music.body["variables"] == {
                "__C2D_SPIED": "a1",
                "__C2D_HELD_ON": "c1&a1",
                "__C2D_WAITS": "c1",
                "__C2D_COLLEAGUE": "1001",
            }
            assert phone.path.endswith(f"/channels/{PHONE}")
            assert phone.body["endpoint"] == "Local/ring@click2dial-consult/n"
            told = phone.body["variables"]
            assert (told["__C2D_AGENT_DIAL"], told["__C2D_SPIED"]) == ("PJSIP/1001", "a1")
            assert ami.variables[AGENT, "VOLUME(TX)"] == "0"
            other = await consult(api, ari, callee="1002")
            assert (other.status_code, len(ari.asked("originate"))) == (409, 2)
            assert (await ask(api, "transfer/complete")).status_code == 409

    run(test())


def test_he_talks_when_the_agent_can_hear_him(redis: RedisServer) -> None:
    """Not when he has answered, nor once he has gone."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await consult(api, ari)
            answers(ari, ami, "")
            assert (await ask(api, "unmute")).json()["consult"] == "ringing"
            answers(ari, ami)
            assert (await ask(api, "unmute")).json()["consult"] == "talking"
            ami.gone.add(COLLEAGUE)
            assert (await ask(api, "unmute")).json() == STANDS | {"held": True}
            assert (await ask(api, "transfer/complete")).status_code == 409
            assert (await consult(api, ari, callee="1002")).json()["consult"] == "ringing"
            assert len(ari.asked("originate")) == 4  # anew

    run(test())


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
def test_the_client_is_sent_to_who_waits_for_him(
    redis: RedisServer, key: Mapping[str, str]
) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await consult(api, ari)
            answers(ari, ami)
            answer = await ask(api, "transfer/complete", **key)
            assert (answer.status_code, answer.json()) == (202, STANDS)
            assert (ami.variables[KEPT], ami.variables[TAKES]) == ("1", f"1001|{COLLEAGUE}")
            [asked] = ami.asked("BlindTransfer")
            assert (asked["Channel"], asked["Exten"]) == (AGENT, "1001")
            assert MUSIC not in ari.channels
            again = await ask(api, "transfer/complete", **key)
            assert again.status_code == (202 if key else 409)
            assert len(ami.asked("BlindTransfer")) == 1

    run(test())


@pytest.mark.case("L60")
def test_a_colleague_who_is_none_any_more_is_not_given_the_client(redis: RedisServer) -> None:
    """A reload took the extension out meanwhile: client, agent and he stay where they are."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await consult(api, ari)
            answers(ari, ami)
            api.reload(extensions=["1000", "1002-1199"])
            answer = await ask(api, "transfer/complete")
            assert answer.status_code == 422
            assert errors(answer) == ["callee: an extension of the agent's own integrator"]
            assert ami.asked("BlindTransfer") == []
            assert ami.variables[KEPT] == "0"
            assert (await ask(api, "transfer/cancel")).json() == STANDS

    run(test())


def test_who_was_given_the_client_has_him_if_asked_for_again(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, _, ami):
            ami.variables[AGENT, "C2D_KEPT"] = "2"
            for action in ("transfer/complete", "transfer/cancel"):
                answer = await ask(api, action)
                assert (answer.status_code, answer.json()) == (202, STANDS)
            assert ami.asked("BlindTransfer") == []

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("end", ["refused", "unanswered"])
def test_who_was_not_sent_is_not_waited_for(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Unless he may have been: then it is as it was until somebody ends it."""
    monkeypatch.setattr(ami_module, "_TIMEOUT", patience(0.5))

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await consult(api, ari)
            answers(ari, ami)

            def answer(action: Mapping[str, str]) -> bytes | None:
                told = {"Response": "Error", "Message": "no", "ActionID": action["ActionID"]}
                return message(**told) if end == "refused" else None

            ami.answers["BlindTransfer"] = answer
            assert (await ask(api, "transfer/complete")).status_code == 503
            kept = ("0", "") if end == "refused" else ("1", f"1001|{COLLEAGUE}")
            assert (ami.variables[KEPT], ami.variables[TAKES]) == kept
            assert MUSIC in ari.channels
            assert (await ask(api, "transfer/cancel")).json() == STANDS
            assert ami.variables[KEPT] == "0"
            assert MUSIC not in ari.channels

    run(test())


def test_on_hold_is_what_a_waiting_client_is(redis: RedisServer) -> None:
    """Put on hold once more nothing happens; taken back, nobody is asked any more."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await ask(api, "hold")
            assert (await consult(api, ari)).json()["consult"] == "ringing"
            assert "hold-a1-" not in ari.channels
            answers(ari, ami)
            stands = STANDS | {"held": True, "consult": "talking"}
            assert (await ask(api, "hold")).json() == stands
            assert ami.variables[AGENT, "VOLUME(TX)"] == "0"
            assert (await ask(api, "mute")).json() == stands | {"muted": True}
            assert (await ask(api, "unhold")).json() == STANDS | {"muted": True}
            assert MUSIC not in ari.channels

    run(test())


def test_a_consultation_that_ends_as_the_agent_is_unmuted_leaves_him_heard(
    redis: RedisServer,
) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            await ask(api, "mute")
            await consult(api, ari)
            does = ami.answers["Setvar"]

            def ends(action: Mapping[str, str]) -> bytes | None:
                ari.channels.pop(MUSIC, None)
                return does(action)

            ami.answers["Setvar"] = ends
            assert (await ask(api, "unmute")).json() == STANDS
            assert ami.variables[AGENT, "VOLUME(RX)"] == "0"

    run(test())


def test_whose_phone_cannot_be_rung(redis: RedisServer) -> None:
    async def test() -> None:
        async with served(redis) as (api, ari, _):

            def refused(channel_id: str) -> None:
                if channel_id == MUSIC:
                    ari.about[channel_id] = {"dialplan": {"app_name": "ChanSpy"}}
                    ari.trouble["originate"] = 400

            ari.on_originate = refused
            answer = await ask(api, "transfer", CONSULT)
            said = ["callee: a colleague whose phone is registered"]
            assert (answer.status_code, errors(answer)) == (409, said)
            assert MUSIC not in ari.channels
            ari.trouble.clear()
            ari.endpoint = "offline"
            answer = await ask(api, "transfer", CONSULT)
            assert (answer.status_code, errors(answer)) == (409, said)
            assert len(ari.asked("originate")) == 2

    run(test())


def test_a_supervisor_is_not_the_colleague(redis: RedisServer) -> None:
    """Who is asked, and spies for that, does not count as hearing the call."""

    async def test() -> None:
        async with served(redis) as (api, ari, _):
            for options, rung in (("uqEow", 1), ("uqE", 0)):
                ari.channels["s1"] = "Up"
                runs = {"app_name": "ChanSpy", "app_data": f"a1,{options}"}
                ari.about["s1"] = {"name": "PJSIP/1002-00000009", "dialplan": runs}
                ari.requests.clear()
                assert (await ask(api, "listen", {"extension": "1002"})).status_code == 202
                assert len(ari.asked("originate")) == rung
                ari.channels = {k: v for k, v in ari.channels.items() if "listen" not in k}

    run(test())


OUTSIDE = {"callee": "27820000199"}


def test_a_number_is_called_as_a_call_of_the_agents_own(redis: RedisServer) -> None:
    """On the client's trail, once, and counted until its end is told."""

    async def test() -> None:
        async with served(redis) as (api, ari, ami):
            ami.variables[CLIENT, "C2D_PLACED_c1"] = "2"
            for _ in range(2):
                assert (await consult(api, ari, **OUTSIDE)).json()["consult"] == "ringing"
            music, phone = ari.asked("originate")
            assert phone.body["endpoint"] == "Local/outside@click2dial-consult/n"
            told = phone.body["variables"]
            assert (told["__C2D_SPIED"], told["__C2D_WAITS"]) == ("a1", "c1")
            assert told["__C2D_DIAL"] == "PJSIP/27820000199@trunk"
            known = decode(told["__C2D_FACTS"])
            assert known["call_ref"] != REF
            assert {**known, "call_ref": ""} == {
                "call_ref": "",
                "integrator": "acme",
                "extension": "1000",
                "number": "27820000199",
                "dial_number": "27820001234",
                "contact_ref": "client-4711",
                "call_dir": "outbound",
                "call_type": "transfer-attended",
                "trail_ref": REF,
                "trail_number": "4",
            }
            assert known["call_ref"] in api.api._counts
            answers(ari, ami)
            number = music.body["variables"]["__C2D_COLLEAGUE"]
            assert (await ask(api, "transfer/complete")).status_code == 202
            assert ami.variables[TAKES] == f"{number}|{COLLEAGUE}"
            assert [one["Exten"] for one in ami.asked("BlindTransfer")] == [number]

    run(test())


def test_a_number_that_begins_with_a_plus_is_found_again(redis: RedisServer) -> None:
    """The dialplan compares it as it encodes it (URIENCODE)."""

    async def test() -> None:
        numbering = {"country": "ZA", "accept": "formatted"}
        async with served(redis, numbering=numbering) as (api, ari, ami):
            await consult(api, ari, **OUTSIDE)
            answers(ari, ami)
            assert (await ask(api, "transfer/complete")).status_code == 202
            assert ami.variables[TAKES] == f"%2B27820000199|{COLLEAGUE}"
            assert [one["Exten"] for one in ami.asked("BlindTransfer")] == ["+27820000199"]

    run(test())


@pytest.mark.case("L41")
@pytest.mark.parametrize("action", ["transfer", "listen"])
def test_who_has_just_been_let_go_is_rung_again(redis: RedisServer, action: str) -> None:
    """His channel may be there for a moment yet; who talks on is not rung."""
    body = CONSULT if action == "transfer" else {"extension": "1001"}

    async def test() -> None:
        async with served(redis) as (api, ari, _):
            ari.on_originate = lambda channel_id: ari.about.update(
                {channel_id: {"dialplan": {"app_name": "ChanSpy"}}}
            )
            ari.talks_for = 1000
            answer = await ask(api, action, body)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
            ari.talks_for = 2
            assert (await ask(api, action, body)).status_code == 202

    run(test())


def test_a_number_that_cannot_be_called_counts_for_nobody(redis: RedisServer) -> None:
    limits = {"agent": {"concurrent_calls": 2}}

    async def test() -> None:
        async with served(redis, limits=limits) as (api, ari, _):
            counts = api.api._counts

            def refused(channel_id: str) -> None:
                if channel_id == MUSIC:
                    ari.about[channel_id] = {"dialplan": {"app_name": "ChanSpy"}}
                    ari.trouble["originate"] = 500

            ari.on_originate = refused
            assert (await consult(api, ari, **OUTSIDE)).status_code == 503
            assert (len(counts), MUSIC in ari.channels) == (REF in counts, False)
            assert (await consult(api, ari, **OUTSIDE)).status_code == 503  # no music, either
            assert (len(counts), MUSIC in ari.channels) == (REF in counts, False)
            ari.trouble.clear()
            for number in range(2):
                counts.enter(f"other-{number}", Counted("acme", "1000", AGENT))
            answer = await consult(api, ari, **OUTSIDE)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
            assert errors(answer) == ["limits: at most 2 calls of an agent at once"]
            assert MUSIC not in ari.channels

    run(test())
