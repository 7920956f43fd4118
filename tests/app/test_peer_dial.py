"""The way to a colleague whose phone is registered at another PBX."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from click2dial_agi.app.census import Census
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.app.peer_dial import Asking, from_channel, from_pbx, goes_to_a_peer, place_of
from click2dial_agi.app.times import Times
from click2dial_agi.domain import facts
from click2dial_agi.domain.calls import CallRequest, Decision, decide
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.counts import Counted, Counts
from sandbox.waiting import patience
from tests.app.serving import mset, serving
from tests.domain.examples import ACME, CALL_REF
from tests.http.fake_ari import CLOSE, FakeARI
from tests.io.running import run

PEER_DIAL = "PJSIP/{extension}@{pbx}"
UNIQUEID = "1700000000.1"  # of the channel whose session it is (tests.agi.wire)
CHANNEL, ID = "PJSIP/1000-00000001", "1795444038.1"
ASKING = Asking(CHANNEL, ID, CALL_REF)
GONE = "00000000-0000-4000-8000-000000000001"  # a call


def made(east: FakeARI, west: FakeARI, **keys: Any) -> Config:
    login = {"ari_password": "s3cret"}
    asterisk = [
        {"name": "east", "ari_url": east.url, **login},
        {"name": "west", "ari_url": west.url, **login},
    ]
    return parse_config({"asterisk": asterisk, "integrators": [ACME], **keys})


def calls(config: Config, callee: str = "1001") -> Decision:
    request = CallRequest(CALL_REF, "1000", callee, "27820001234", "")
    decision = decide(request, config.integrators[0], config.emergency_numbers)
    assert not decision.errors
    return decision


@contextlib.asynccontextmanager
async def two(**keys: Any) -> AsyncIterator[tuple[FakeARI, FakeARI, Config, PBXs]]:
    """Run two PBXs; the caller's channel is at east, both phones say that they are there."""
    async with FakeARI() as east, FakeARI() as west:
        east.channels[ID] = "Up"
        east.about[ID] = {"name": CHANNEL}
        keys = {"peer_dial": PEER_DIAL, **keys}
        config = made(east, west, **keys)
        pbxs = PBXs(config.pbxs, Times(ari=patience(0.3)))
        yield east, west, config, pbxs
        await pbxs.close()


@pytest.mark.parametrize(
    ("here", "there", "dial"),
    [
        ("online", "online", "PJSIP/1001"),
        ("offline", "online", "PJSIP/1001@west"),
        (None, "online", "PJSIP/1001@west"),
        ("unknown", "online", "PJSIP/1001"),
        ("offline", "offline", "PJSIP/1001"),
        ("offline", None, "PJSIP/1001"),
        ("offline", "unknown", "PJSIP/1001"),
    ],
)
def test_a_colleague_is_dialled_where_his_phone_is(
    here: str | None, there: str | None, dial: str
) -> None:
    async def test() -> None:
        async with two() as (east, west, config, pbxs):
            east.endpoint, west.endpoint = here, there
            found = await from_channel(calls(config), config, pbxs, ASKING)
            assert found.dial == dial
            home, other = pbxs
            assert (await from_pbx(calls(config), config, pbxs, home)).dial == dial
            place = home if dial == "PJSIP/1001" else other
            assert await place_of("1001", "PJSIP/1001", config, pbxs, home) == (place, dial)

    run(test())


def test_a_caller_whose_pbx_cannot_be_told_dials_as_if_there_were_one() -> None:
    async def test() -> None:
        async with two() as (east, west, config, pbxs):
            east.endpoint = "offline"
            for name, uniqueid in ((CHANNEL, "another"), ("PJSIP/1000-00000002", ID)):
                asking = Asking(name, uniqueid, CALL_REF)
                found = await from_channel(calls(config), config, pbxs, asking)
                assert found.dial == "PJSIP/1001"
            west.channels[ID], west.about[ID] = "Up", {"name": CHANNEL}
            found = await from_channel(calls(config), config, pbxs, ASKING)
            assert found.dial == "PJSIP/1001"  # neither says which call it carries
            west.trouble |= dict.fromkeys(("channel", "endpoint"), CLOSE)
            found = await from_channel(calls(config), config, pbxs, ASKING)
            assert found.dial == "PJSIP/1001"

    run(test())


@pytest.mark.case("T100")
@pytest.mark.parametrize(("home", "dial"), [("east", "PJSIP/1001@west"), ("west", "PJSIP/1001")])
def test_of_two_channels_alike_the_one_that_carries_the_call_calls(home: str, dial: str) -> None:
    """Both PBXs have a channel of that name and id: they were started alike."""

    async def test() -> None:
        async with two() as (east, west, config, pbxs):
            east.endpoint = "offline"
            west.channels[ID], west.about[ID] = "Up", {"name": CHANNEL}
            for name, pbx in (("east", east), ("west", west)):
                call_ref = CALL_REF if name == home else GONE
                pbx.variables[ID, f"C2D_{ID}"] = f"ocall_ref={call_ref}&callee=1001"
            found = await from_channel(calls(config), config, pbxs, ASKING)
            assert found.dial == dial

    run(test())


def test_a_name_that_differs_is_given_to_the_peer() -> None:
    async def test() -> None:
        acme = {**ACME, "endpoints": {"1001": "alice"}}
        keys = {"peer_dial": "PJSIP/{endpoint}@to-{pbx}", "integrators": [acme]}
        async with two(**keys) as (east, _, config, pbxs):
            east.endpoint = "offline"
            found = await from_channel(calls(config), config, pbxs, ASKING)
            assert found.dial == "PJSIP/alice@to-west"

    run(test())


def test_who_needs_no_way_is_not_looked_for() -> None:
    async def test() -> None:
        async with two() as (_, _, config, _):
            assert goes_to_a_peer(calls(config), config)
            assert not goes_to_a_peer(calls(config, "0820000100"), config)
            assert not goes_to_a_peer(calls(config)._replace(dial="PJSIP/1001@desk"), config)
            assert not goes_to_a_peer(calls(config)._replace(dial="Local/1001@desk"), config)
        async with two(peer_dial=None) as (_, _, config, _):
            assert not goes_to_a_peer(calls(config), config)

    run(test())


@pytest.mark.case("S11")
def test_a_call_that_looked_over_a_limit_goes_where_the_phone_is() -> None:
    """The agent's last call has ended, and nobody told: his next one is dialled as any other."""

    async def test() -> None:
        acme = {**ACME, "limits": {"agent": {"concurrent_calls": 1}}}
        async with two(integrators=[acme]) as (east, _, config, pbxs):
            east.endpoint = "offline"
            east.channels[UNIQUEID], east.about[UNIQUEID] = "Up", {"name": CHANNEL}
            counts = Counts()
            counts.enter(GONE, Counted("acme", "1000", "PJSIP/1000-0000000f"))
            async with serving(config) as served:
                census = Census(config, pbxs, counts)
                served.handlers.current = replace(
                    served.handlers.current, pbxs=pbxs, counts=counts, census=census
                )
                asked = {"call_ref": CALL_REF, "dialed_at": "1700000000", "callee": "1001"}
                about = {**asked, "channel": CHANNEL, "platforma_outbound_id": "27820001234"}
                (command,) = await served.session("outbound", facts.encode(about))
                assert mset(command)["C2D_DIAL"] == "PJSIP/1001@west"

    run(test())


@pytest.mark.case("S9")
@pytest.mark.parametrize(
    ("here", "peer_dial", "dial", "peer"),
    [
        (
            "offline",
            "PJSIP/{extension}@{pbx}",
            "PJSIP/1001@west",
            "PJSIP/1001@west|1001@west|PJSIP/west",
        ),
        ("online", "PJSIP/{extension}@{pbx}", "PJSIP/1001", None),
        ("offline", None, "PJSIP/1001", None),
    ],
)
def test_a_client_is_sent_where_the_colleagues_phone_is(
    here: str, peer_dial: str | None, dial: str, peer: str | None
) -> None:
    """Without peer_dial nobody is asked, and so for a number, or what is refused."""

    async def test() -> None:
        async with two(peer_dial=peer_dial) as (east, west, config, pbxs):
            east.endpoint = here
            east.channels[UNIQUEID], east.about[UNIQUEID] = "Up", {"name": CHANNEL}
            async with serving(config) as served:
                served.handlers.current = replace(served.handlers.current, pbxs=pbxs)
                known = calls(config, "0820000100").call.facts()
                about = {**known, "dialed_at": "1700000000", "agent_channel": CHANNEL}
                for kind in ("blind", "forward"):
                    for target in ("0830000200", "2000"):
                        await served.session("transfer", facts.encode({**about, "target": target}))
                    assert east.requests == west.requests == []
                    asked = {**about, "kind": kind, "target": "1001"}
                    (command,) = await served.session("transfer", facts.encode(asked))
                    told = mset(command)
                    if kind == "forward":  # which phones of ACME may not
                        assert told["C2D_VERDICT"] == "refuse"
                        continue
                    assert (told["C2D_DIAL"], told.get("C2D_PEER")) == (dial, peer)
                    assert list(told)[-1] == "C2D_VERDICT"
                    assert bool(east.requests) is (peer_dial is not None)
                    east.requests.clear()
                    west.requests.clear()

    run(test())
