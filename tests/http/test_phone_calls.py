"""Calls that phones placed, and those from outside: shown and ended like created ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from click2dial_agi.app import whereabouts
from click2dial_agi.domain.counts import Counted
from click2dial_agi.domain.variables import TALKED
from sandbox.redis import RedisServer
from tests.http.fake_ari import HANG, FakeARI
from tests.http.rig import API, CALLS, serve
from tests.io.running import run

pytestmark = pytest.mark.case("C7")

REF = "bde674e2-eeaf-4355-b32c-664a82256e11"
OUTBOUND = (
    f"call_ref={REF}&integrator=acme&extension=1000&number=0820000100&dial_number=27820001234"
    "&contact_ref=client-4711&call_dir=outbound&dialed_at=1700000000&channel=PJSIP%2F1000-00000001"
)
INBOUND = (
    f"call_ref={REF}&call_dir=inbound&dialed_at=1700000000&number=27820007777&contact_ref="
    "&dial_number=27215550101"
)
HELP = f"call_ref={REF}&dialed_at=1700000000&emergency=1&agent=1000&callee=112"
GLOBEX = {"name": "globex", "extensions": ["2000-2099"], "key_prefix": "globex"}


def channel(ari: FakeARI, name: str, role: str, facts: str, state: str = "Up") -> None:
    ari.channels[name] = state
    ari.variables[name, f"C2D_{name}"] = f"{role}{facts}"


async def shown(api: API) -> dict[str, Any] | None:
    """Ask for the call alone and in the list; both must say the same."""
    answer = await api.client.get(f"{CALLS}/{REF}")
    listed = (await api.client.get(CALLS)).json()["calls"]
    assert listed == ([answer.json()] if answer.status_code == 200 else [])
    return answer.json() if answer.status_code == 200 else None


async def state(api: API) -> str:
    found = await shown(api)
    return str(found["state"]) if found else ""


def test_a_phones_call_in_all_its_states(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            assert await shown(api) is None
            channel(ari, "a1", "o", OUTBOUND.partition("&integrator")[0], "Ring")
            assert await shown(api) is None  # it is being decided on
            channel(ari, "a1", "a", f"{OUTBOUND}&recorded=1", "Ring")
            channel(ari, "c1", "c", f"{OUTBOUND}&recorded=1", "Ringing")
            assert await shown(api) == {
                "call_ref": REF,
                "contact_ref": "client-4711",
                "agent": "1000",
                "callee": "0820000100",
                "dial_number": "27820001234",
                "direction": "outbound",
                "state": "ringing-callee",
                "since": 0,
                "dialed_at": 1700000000,
                "answered_at": 0,
                "recorded": True,
                "record": None,
            }
            ari.channels |= {"a1": "Up", "c1": "Up"}
            assert await state(api) == "up"
            del ari.channels["a1"]  # the agent has handed the client over to a colleague
            ari.variables["c1", "BRIDGEPEER"] = "PJSIP/1001-00000002"
            found = await shown(api)
            assert found is not None
            assert (found["state"], found["agent"]) == ("up", "1001")
            ari.variables["c1", "BRIDGEPEER"] = "PJSIP/trunk-00000003"  # or to a number
            found = await shown(api)
            assert found is not None
            assert (found["state"], found["agent"]) == ("up", "1000")
            mark = "-|agent=&agent_channel=PJSIP%2F1001-00000002"
            ari.variables["c1", TALKED] = f"joined_at=1700000001|{mark}"
            for peer in ("PJSIP/trunk-00000003", ""):  # the colleague has sent him on
                ari.variables["c1", "BRIDGEPEER"] = peer
                found = await shown(api)
                assert found is not None
                assert (found["state"], found["agent"]) == ("up", "1001")
            ari.channels.clear()
            assert await shown(api) is None

    run(test())


@pytest.mark.parametrize(
    ("more", "peer", "said"),
    [
        ("", "", ("ringing-agent", "")),
        ("&queued_at=1700000000", "", ("queued", "")),
        ("", "PJSIP/1001-00000002", ("up", "1001")),
        ("&queued_at=1700000000", "Local/1001@from-queue-00000001;1", ("up", "1001")),
        ("", "PJSIP/2001-00000002", ("up", "")),  # an agent of another integrator
    ],
)
def test_a_call_from_outside(
    redis: RedisServer, more: str, peer: str, said: tuple[str, str]
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, GLOBEX, dids=["27215550*"]) as api:
            channel(ari, "i1", "i", INBOUND + more)
            ari.variables["i1", "BRIDGEPEER"] = peer
            found = await shown(api)
            assert found is not None
            assert (found["state"], found["agent"]) == said
            assert (found["callee"], found["dial_number"]) == ("27820007777", "27215550101")

    run(test())


@pytest.mark.case("C20")
@pytest.mark.parametrize(
    ("talked", "said"),
    [
        ("joined_at=1700000001|*|agent=1001&agent_channel=PJSIP%2F1001-00000002", ("up", "1001")),
        ("joined_at=1700000001|-|agent=&agent_channel=PJSIP%2F2001-00000002", ("up", "")),
        ("joined_at=1700000001|PJSIP%2Fx|agent=%zz&agent=1&agent", ("up", "")),
        ("joined_at=1700000001|", ("up", "")),
        # A phone has forwarded it, and nobody has answered.
        ("|*|agent=&agent_channel=PJSIP%2F1001-00000002", ("queued", "")),
        ("|", ("queued", "")),
        ("", ("queued", "")),
    ],
)
def test_a_call_from_outside_never_goes_back(
    redis: RedisServer, talked: str, said: tuple[str, str]
) -> None:
    """Between two agents it is up, and stays with the last one; no manager is needed for that."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, GLOBEX, dids=["27215550*"]) as api:
            channel(ari, "i1", "i", INBOUND + "&queued_at=1700000000")
            ari.variables["i1", "BRIDGEPEER"] = ""
            ari.variables["i1", TALKED] = talked
            found = await shown(api)
            assert found is not None
            assert (found["state"], found["agent"]) == said

    run(test())


@pytest.mark.parametrize(
    ("role", "facts"),
    [
        ("a", OUTBOUND.replace("acme", "globex").replace("1000", "2000")),
        ("i", INBOUND.replace("27215550101", "27219990101")),
        ("a", OUTBOUND + "&refused=1"),
        ("a", OUTBOUND.replace("0820000100", "nonsense")),
        ("a", OUTBOUND + "&call_ref=again"),
        ("z", "nonsense"),
    ],
    ids=["another's", "another's DID", "refused", "no number", "malformed", "nothing"],
)
def test_what_is_no_live_call_of_the_integrator(redis: RedisServer, role: str, facts: str) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, GLOBEX, dids=["27215550*"]) as api:
            channel(ari, "a1", role, facts)
            assert await shown(api) is None
            assert (await api.client.delete(f"{CALLS}/{REF}")).status_code == 404
            assert list(ari.channels) == ["a1"]

    run(test())


@pytest.mark.parametrize(
    ("channels", "left"),
    [({"a1": "a", "c1": "c"}, ["c1"]), ({"i1": "i"}, []), ({"c1": "c"}, [])],
)
def test_it_is_hung_up(redis: RedisServer, channels: dict[str, str], left: list[str]) -> None:
    """With the agent goes the client; what is left here, Dial() would end."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, dids=["27215550*"]) as api:
            for name, role in channels.items():
                channel(ari, name, role, INBOUND if role == "i" else OUTBOUND)

            where = f"{CALLS}/{REF}"
            assert (await api.client.delete(where)).status_code == 204
            # The fake ends no other channel with it, so all went in turn.
            assert [one.path.split("/")[3].partition("?")[0] for one in ari.asked("hang_up")] == [
                *(name for name in channels if name not in left),
                *left,
            ]

    run(test())


def test_a_call_for_help_is_shown_and_never_ended(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            channel(ari, "o1", "o", HELP)
            found = await shown(api)
            assert found is not None
            assert (found["agent"], found["callee"]) == ("1000", "112")
            answer = await api.client.delete(f"{CALLS}/{REF}")
            assert answer.status_code == 403
            assert ari.asked("hang_up") == []

    run(test())


def test_the_record_is_waited_for(redis: RedisServer) -> None:
    """Its channel is gone, and its end was not told yet: it is no unknown call."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            api.api._counts.enter(REF, Counted("acme", "1000", "PJSIP/1000-00000001"))
            looks = 0
            record = api.api._now.stores["acme"].record

            async def slow(call_ref: str) -> dict[str, Any] | None:
                nonlocal looks
                looks += 1
                if looks < 4:
                    return await record(call_ref)
                return {
                    "call_ref": REF,
                    "contact_ref": "r",
                    "extension": "1000",
                    "number": "0820000100",
                    "ref": "click-dial",
                    "dial_number": "27820001234",
                    "dialed_at": 1700000000,
                    "call_dir": "outbound",
                }

            api.api._now.stores["acme"].record = slow  # type: ignore[method-assign]
            answer = await api.client.get(f"{CALLS}/{REF}")
            assert answer.json()["state"] == "ended"

    run(test())


@pytest.mark.slow
@pytest.mark.case("C53")
def test_while_the_pbx_is_away(redis: RedisServer) -> None:
    """Nobody knows of phones' calls then; a call of ours may go on, for all that is known."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            assert (await api.client.get(CALLS)).json() == {"calls": [], "complete": True}
            ari.trouble |= {"channels": HANG, "channel": HANG}
            assert (await api.client.get(CALLS)).json() == {"calls": [], "complete": False}
            assert (await api.client.get(f"{CALLS}/{REF}")).status_code == 503
            assert (await api.client.delete(f"{CALLS}/{REF}")).status_code == 503
            assert (await api.post()).status_code == 201
            [ours] = (await api.client.get(CALLS)).json()["calls"]
            assert ours["state"] == "unknown"

    run(test())


@pytest.mark.parametrize(("call_waiting", "status"), [(False, 429), (True, 201)])
def test_an_agent_behind_a_local_channel_who_talks(
    redis: RedisServer, call_waiting: bool, status: int
) -> None:
    """Asterisk knows no endpoint that would tell."""

    async def test() -> None:
        local = "Local/{extension}@desk/n"
        async with (
            FakeARI() as ari,
            serve(redis, ari, agent_dial=local, call_waiting=call_waiting) as api,
        ):
            api.api._counts.enter(REF, Counted("acme", "1000", "PJSIP/1000-00000001"))
            answer = await api.post()
            assert answer.status_code == status
            assert ("retry-after" in answer.headers) == (status == 429)
            assert (await api.post(agent="1001")).status_code == 201

    run(test())


def test_channels_that_are_none_of_ours_are_not_asked_each_time(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PBX may have hundreds; one that comes to us later is found all the same."""
    now = 0.0
    monkeypatch.setattr(whereabouts, "time", SimpleNamespace(monotonic=lambda: now))

    async def test() -> None:
        nonlocal now
        async with FakeARI() as ari, serve(redis, ari, dids=["27215550*"]) as api:
            ari.channels |= {f"other{number}": "Up" for number in range(50)}
            for _ in range(3):
                assert await shown(api) is None
            assert len(ari.asked("variable")) == 50
            channel(ari, "other1", "i", INBOUND)
            assert await shown(api) is None
            now = 0.11
            assert await shown(api) is not None
            assert len(ari.asked("variable")) < 50 * 2 + 10
            for seconds in range(1, 20):  # those that are none of ours are left alone, mostly
                now = float(seconds)
                await shown(api)
            ari.requests.clear()
            now += 4.9
            await shown(api)
            now += 5.0
            await shown(api)
            assert 49 <= len(ari.asked("variable")) < 50 * 2 + 10

    run(test())
