"""Created calls on several real PBXs: one owner each, whoever dies and whoever is asked."""

from __future__ import annotations

import time

import pytest

from sandbox.calls import HangUp, call
from sandbox.process import until
from sandbox.waiting import patience
from tests.e2e.pbxs.conftest import Site
from tests.e2e.rest.office import ended


def test_calls_go_to_both_and_are_reached_from_each_server(site: Site) -> None:
    with site.east.phone(), site.west.phone():
        places = []
        for number in range(4):
            asked, other = site.offices[number % 2], site.offices[1 - number % 2]
            call_ref = asked.create(asked.trunk.number())
            other.wait_state(call_ref, "up")
            places.append([bool(office.channels()) for office in site.offices])
            assert other.listed() == asked.listed() == {call_ref: "up"}
            assert other.delete(call_ref) == 204
            assert site.crm.pop()["call_ref"] == call_ref
            until(lambda: not site.east.channels() + site.west.channels(), 5, "silence")
    assert {tuple(place) for place in places} == {(True, False), (False, True)}


def test_an_agent_is_rung_at_the_pbx_that_has_his_phone(site: Site) -> None:
    with site.west.phone(extension="1101"):
        for office in site.offices * 2:
            call_ref = office.create(office.trunk.number(), "1101")
            office.wait_state(call_ref, "up")
            assert site.east.channels() == []
            # He has a call, wherever one asks.
            assert site.east.post(office.trunk.number(), "1101").status_code == 429
            assert office.delete(call_ref) == 204
            assert ended(site.crm.pop()) == ("hungup", 16)
    assert site.east.post(site.east.trunk.number(), "1101").status_code == 409
    assert ended(site.crm.pop()) == ("error", 20)


@pytest.mark.case("S1")
def test_two_servers_that_know_one_pbx_each_leave_each_others_calls_alone(site: Site) -> None:
    site.know_own()
    site.wait_old()
    with site.east.phone():
        call_ref = site.east.create(site.east.trunk.number())
        site.east.wait_state(call_ref, "up")
        site.west.reap()
        assert site.west.get(call_ref)["state"] == "unknown"
        assert site.west.delete(call_ref) == 503
        site.east.forget_presence()  # as if the server beside the other PBX were away, too
        site.west.reap()
        assert site.east.get(call_ref)["state"] == "up"
        assert site.crm.waiting() == 0
        site.east.reap()
        assert site.east.delete(call_ref) == 204
        assert ended(site.crm.pop()) == ("hungup", 16)


@pytest.mark.case("S3")
@pytest.mark.slow
def test_a_pbx_that_is_killed_with_a_call_up(site: Site) -> None:
    with site.east.phone(), site.west.phone(extension="1101"), site.west.phone(extension="1102"):
        call_ref = site.west.create(site.west.trunk.number())
        site.west.wait_state(call_ref, "up")
        site.east.pbx.kill()
        began = time.monotonic()
        for agent in ("1101", "1102"):  # whose phones are elsewhere
            other = site.west.create(site.west.trunk.number(), agent)
            assert time.monotonic() - began < patience(2.5)
            site.east.wait_state(other, "up")
            assert site.east.delete(other) == 204
            assert ended(site.crm.pop()) == ("hungup", 16)
        assert site.west.get(call_ref)["state"] == "unknown"
        assert site.west.listed() == {call_ref: "unknown"}
        assert site.west.delete(call_ref) == 503
        until(lambda: site.west.held() == {}, 45, "its agent free")
        assert time.monotonic() - began < patience(35)
        assert site.crm.waiting() == 0  # it may come back with the call
        site.east.pbx.start()
        cdr = site.crm.pop(timeout=45)
        assert (cdr["call_ref"], *ended(cdr)) == (call_ref, "failed", 42)
        site.east.reap()
        site.west.reap()


@pytest.mark.parametrize("mode", ["answer", "busy"])
def test_a_colleague_at_another_pbx_is_called_there(site: Site, mode: str) -> None:
    with (
        site.east.phone(),
        site.west.phone(mode, extension="1101") as colleague,
    ):
        call_ref = site.west.create("1101")
        invite = colleague.wait_invite()
        assert "<sip:1100@" in (invite.header("From") or "")
        if mode == "answer":
            site.west.wait_state(call_ref, "up")
            assert site.west.delete(call_ref) == 204
        cdr = site.crm.pop()
    assert (cdr["call_ref"], cdr["extension"], cdr["number"]) == (call_ref, "1100", "1101")
    assert cdr["call_dir"] == "internal"
    assert ended(cdr) == (("hungup", 16) if mode == "answer" else ("busy", 17))


def test_a_phone_calls_a_colleague_at_another_pbx(site: Site) -> None:
    with site.west.phone(extension="1101") as colleague:
        result = call(site.east.pbx, agent="1000", callee="1101", then=HangUp(0.5))
        assert result.status == 200
        assert "<sip:1000@" in (colleague.wait_invite().header("From") or "")
        cdr = site.crm.pop()
    assert (cdr["extension"], cdr["number"], *ended(cdr)) == ("1000", "1101", "hungup", 16)


def test_nobody_but_an_extension_is_reached_from_a_peer(site: Site) -> None:
    """A peer's INVITE to what is no extension, the trunk's endpoint above all."""
    for callee in ("trunk", "0820000100", "1101%26PJSIP%2F0820000100%40trunk"):
        result = call(site.west.pbx, agent="east", callee=callee)
        assert result.status in (404, 484)
        assert site.west.channels() == []
