"""A phone's calls for help go out before and without any server, and are told of afterwards."""

from __future__ import annotations

import json

import pytest

from sandbox.calls import call
from sandbox.server import Server
from tests.e2e.calls.desk import BRIEF, Desk, servers
from tests.e2e.calls.standins import broken_server, nobody
from tests.e2e.calls.test_failover import Spool, spool
from tests.e2e.records import CRM, expect

__all__ = ["spool"]

pytestmark = pytest.mark.case("T17")

EMERGENCY_LIST = "enigma:notifications:emergency"


@pytest.mark.parametrize("number", ["112", "10111", "10177"])
def test_it_is_announced_and_recorded(
    desk: Desk, server: Server, spool: Spool, number: str
) -> None:
    """Without any header, from a phone that is nobody's special."""
    with CRM(server.config["integrators"][0]["redis"], EMERGENCY_LIST) as announced:
        announced.clear()
        result, record = desk.call(number, [])
        told = json.loads(announced.pop_text())
    assert desk.trunk.wait_invite(number).uri_user == number
    expect(record, result, number=number, dial_number="", end_reason="hungup", end_code=16)
    assert told["type"] == "emergency"
    payload = told["payload"]
    assert (payload["extension"], payload["number"]) == ("1000", number)
    assert payload["call_ref"] == record["call_ref"]
    assert spool.is_empty()


@pytest.mark.case("T40")
@pytest.mark.parametrize(
    ("dial", "called"),
    [
        ("PJSIP/@trunk", "112"),
        ("PJSIP/trunk/sip:@127.0.0.1:{port}", "112"),
        ("PJSIP/0{number}@trunk", "0112"),
        ("PJSIP/trunk/sip:{number}@127.0.0.1:{port}", "112"),
        ("Local/", "112"),
        ("Local/&Local/", "112"),
        ("PJSIP/999@trunk", "999"),
    ],
)
def test_whatever_dials_it_has_the_number(desk: Desk, dial: str, called: str) -> None:
    """Asterisk has made nothing of ${EXTEN} when it read the global."""
    name, way = "C2D_EMERGENCY_DIAL", dial.replace("{port}", str(desk.trunk.port))
    desk.pbx.cli("dialplan add extension 112,1,Dial,PJSIP/112@trunk into default replace")
    desk.pbx.cli(f'dialplan set global {name} "{way}"')
    try:
        result, _ = desk.call("112", [])
    finally:
        desk.pbx.cli(f'dialplan set global {name} "PJSIP/@trunk"')
    assert result.responses[-1].status == 200
    assert desk.trunk.wait_invite(called).uri_user == called


@pytest.mark.parametrize("answer", [None, b"", b"nonsense\n"], ids=["away", "dies", "nonsense"])
def test_it_goes_out_whatever_servers_do(desk: Desk, spool: Spool, answer: bytes | None) -> None:
    if answer is None:
        with servers(desk.pbx, nobody(), nobody()):
            result = call(desk.pbx, callee="112", headers=[], then=BRIEF)
            lines = spool.wait(2)
    else:
        with broken_server(answer) as broken, servers(desk.pbx, broken):
            result = call(desk.pbx, callee="112", headers=[], then=BRIEF)
            lines = spool.wait(2)
    assert result.responses[-1].status == 200
    assert sorted("event=emergency" in line for line in lines) == [False, True]


def test_headers_and_rules_do_not_matter(desk: Desk) -> None:
    hostile = [("X-Teleforge-Outbound-ID", "nonsense"), ("X-Teleforge-Contact-Ref", "a b")]
    result, record = desk.call("112", hostile)
    assert result.responses[-1].status == 200
    assert (record["number"], record["end_reason"]) == ("112", "hungup")
