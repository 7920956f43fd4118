"""Phones that give up before the dialplan has read what they want: their calls are recorded, too.

Asterisk runs the first step of the dialplan for a channel that has ended already, and no other.
"""

from __future__ import annotations

import pytest

from sandbox.calls import call
from sandbox.process import until
from sandbox.rawsip import cancelled_invite
from tests.e2e.calls.desk import GIVEN_UP, OUTBOUND_ID, Desk, servers
from tests.e2e.calls.standins import nobody
from tests.e2e.calls.test_failover import Spool, spool

__all__ = ["spool"]

pytestmark = pytest.mark.case("T20")

HEADERS = b"%b: %b\r\n" % tuple(one.encode() for one in OUTBOUND_ID)


def give_up(desk: Desk, callee: str, ref: str, after: float, agent: str = "1000") -> int:
    lines = HEADERS + b"X-Teleforge-Contact-Ref: %b\r\n" % ref.encode()
    final = cancelled_invite(desk.pbx, callee, agent=agent, lines=lines, after=after).responses[-1]
    return final.status


def quiet(desk: Desk) -> None:
    """Wait until no channel is left, so that all have been told of."""
    until(lambda: "0 active channels" in desk.pbx.cli("core show channels count"), 10, "quiet")


@pytest.mark.parametrize(
    ("callee", "number"),
    [("27820000999", "27820000999"), ("1001", "1001"), ("12345", ""), ("5", ""), ("-", "")],
)
def test_a_call_is_recorded_under_its_reference(desk: Desk, callee: str, number: str) -> None:
    for place, after in enumerate(GIVEN_UP):
        status = give_up(desk, callee, f"person-{place}", after)
        record = desk.crm.pop()
        assert record["contact_ref"] == f"person-{place}"
        assert record["extension"] == "1000"
        assert record["number"] == number
        ended = (record["end_reason"], record["end_code"])
        # Or it was seen before that the number is wrong, or that 1001 has no phone.
        seen = {"": ("error", 28), "1001": ("error", 3)}.get(number)
        assert status != 487 or ended in (("hungup", 16), seen)
    quiet(desk)


def test_nobody_is_asked_for_it_if_no_server_is_there(desk: Desk, spool: Spool) -> None:
    with servers(desk.pbx, nobody()):
        for place, after in enumerate(GIVEN_UP):
            give_up(desk, "27820000999", f"person-{place}", after)
            quiet(desk)
    records = spool.records(len(GIVEN_UP))
    assert [one["contact_ref"] for one in records] == [f"person-{n}" for n in range(len(GIVEN_UP))]


def test_a_call_for_help_is_one(desk: Desk) -> None:
    for after in GIVEN_UP:
        give_up(desk, "112", "person-1", after)
        record = desk.crm.pop()
        assert (record["number"], record["contact_ref"]) == ("112", record["call_ref"])
        assert (record["end_reason"], record["end_code"]) == ("hungup", 16)


def test_feature_codes_of_the_operator_are_none_of_our_calls(desk: Desk) -> None:
    """Then a call comes that is one, so that what was told before it would be there."""
    desk.pbx.cli("dialplan add extension *98,1,Wait,5 into click2dial-local")
    try:
        for after in GIVEN_UP:
            give_up(desk, "*98", "person-1", after)
        quiet(desk)
    finally:
        desk.pbx.cli("dialplan remove extension *98@click2dial-local")
    call(desk.pbx, callee="12345", headers=[OUTBOUND_ID])
    assert desk.crm.pop()["end_code"] == 28
