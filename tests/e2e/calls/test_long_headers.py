"""Headers that are too long for Asterisk, which reads them as if they were not there."""

from __future__ import annotations

import pytest

from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk, servers
from tests.e2e.calls.test_refusals import DIALLED, logged, refused
from tests.e2e.calls.test_values import Headers
from tests.e2e.records import expect

pytestmark = pytest.mark.case("A14")

LONG = "x" * 4090
CONTACT = "contact_ref: a header of at most 4000 characters"
OUTBOUND = "outbound_id: a header of at most 4000 characters"
REF = ("X-Teleforge-Contact-Ref", "client-4711")


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([OUTBOUND_ID, ("X-Teleforge-Contact-Ref", "x" * 4068)], CONTACT),
        ([OUTBOUND_ID, ("X-Teleforge-Contact-Ref", LONG)], CONTACT),
        ([("x-teleforge-contact-ref", "x" * 9000), OUTBOUND_ID], CONTACT),
        ([("X-Platforma-Outbound-ID", "27820001234"), ("X-Platforma-Contact-Ref", LONG)], CONTACT),
        ([("X-Platforma-Outbound-ID", "27820001234"), ("X-Platforma-Call-Ref", LONG)], CONTACT),
        ([OUTBOUND_ID, ("X-Platforma-Contact-Ref", LONG)], CONTACT),
        ([("X-Teleforge-Outbound-ID", LONG), REF], OUTBOUND),
        ([("X-Platforma-Outbound-ID", LONG), REF], OUTBOUND),
        ([("X-Teleforge-Outbound-ID", LONG)], f"{OUTBOUND}; {CONTACT}"),
    ],
)
def test_it_is_refused(desk: Desk, server: Server, headers: Headers, message: str) -> None:
    result, record = desk.call(DIALLED, headers)
    refused(result)
    assert logged(server, record) == message
    assert (record["number"], record["end_reason"], record["end_code"]) == (DIALLED, "error", 28)
    assert not record["contact_ref" if CONTACT in message else "dial_number"]


def test_no_default_takes_the_place_of_what_was_too_long(desk: Desk, redis: RedisServer) -> None:
    with (
        Server(redis.url, integrator={"default_outbound_id": "27820005555"}) as server,
        servers(desk.pbx, server.agi_url),
    ):
        result, record = desk.call(DIALLED, [("X-Teleforge-Outbound-ID", LONG), REF])
        refused(result)
        assert logged(server, record) == OUTBOUND


def test_another_header_that_is_too_long_is_nobodys_affair(desk: Desk) -> None:
    result, record = desk.call(DIALLED, [OUTBOUND_ID, REF, ("X-Other", LONG)])
    expect(record, result, number=DIALLED, contact_ref=REF[1], end_reason="hungup", end_code=16)


def test_a_call_for_help_goes_out(desk: Desk) -> None:
    result, _ = desk.call("112", [("X-Teleforge-Contact-Ref", LONG)])
    assert result.responses[-1].status == 200
