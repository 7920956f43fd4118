"""Which values make a call: numbers, caller IDs, references and both families of headers."""

from __future__ import annotations

import json

import pytest

from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk, servers
from tests.e2e.records import CDR_V3, CRM, expect

pytestmark = pytest.mark.usefixtures("quiet")

Headers = list[tuple[str, str]]


@pytest.mark.parametrize(
    "callee",
    ["0820000100", "27820000100", "0044123456700", "00441234567800", "0044123456789000"],
    ids=len,
)
def test_callee(desk: Desk, callee: str) -> None:
    """10, 11, 13, 14 and 16 digits; the trunk is dialled with exactly these."""
    seen = len(desk.trunk.invites(callee))
    result, record = desk.call(callee)
    assert result.status == 200
    assert len(desk.trunk.invites(callee)) == seen + 1
    expect(record, result, number=callee, end_reason="hungup", end_code=16)


@pytest.mark.parametrize(
    ("outbound_id", "dial_number"),
    [
        ("27820001234", "27820001234"),
        ("0820001234", "0820001234"),
        ("random", "27820009999"),
        ("tvc_spring", "27110001234"),
    ],
)
def test_outbound_id(desk: Desk, outbound_id: str, dial_number: str) -> None:
    number = desk.trunk.number()
    result, record = desk.call(number, [("X-Teleforge-Outbound-ID", outbound_id)])
    assert result.status == 200
    assert desk.trunk.wait_invite(number).from_user == dial_number
    expect(record, result, number=number, dial_number=dial_number, end_reason="hungup", end_code=16)


@pytest.mark.parametrize(
    ("default", "dial_number"),
    [("27820007777", "27820007777"), ("tvc_spring", "27110001234"), ("random", "27820009999")],
)
def test_default_outbound_id(
    desk: Desk, redis: RedisServer, default: str, dial_number: str
) -> None:
    number = desk.trunk.number()
    with (
        Server(redis.url, integrator={"default_outbound_id": default}) as server,
        servers(desk.pbx, server.agi_url),
    ):
        result, record = desk.call(number, [])
    assert desk.trunk.wait_invite(number).from_user == dial_number
    expect(record, result, number=number, dial_number=dial_number, end_reason="hungup", end_code=16)


@pytest.mark.case("A14")
@pytest.mark.parametrize(
    "contact_ref",
    ["x", "Az09.-_~", "x" * 230, "x" * 230 + "y", "x" * 230 + "y" * 1170, "x" * 4067],
    ids=["1", "every kind", "230", "231", "1400", "4067"],
)
def test_contact_ref(desk: Desk, contact_ref: str) -> None:
    """What is longer than 230 is cut."""
    number = desk.trunk.number()
    result, record = desk.call(number, [OUTBOUND_ID, ("X-Teleforge-Contact-Ref", contact_ref)])
    expect(
        record,
        result,
        number=number,
        contact_ref=contact_ref[:230],
        end_reason="hungup",
        end_code=16,
    )


@pytest.mark.parametrize("headers", [[], [("X-Teleforge-Contact-Ref", "")]], ids=["none", "empty"])
def test_generated_contact_ref(desk: Desk, headers: Headers) -> None:
    number = desk.trunk.number()
    result, record = desk.call(number, [OUTBOUND_ID, *headers])
    expect(record, result, number=number, contact_ref=None, end_reason="hungup", end_code=16)


TELEFORGE_ID = ("X-Teleforge-Outbound-ID", "27820001111")
TELEFORGE_REF = ("X-Teleforge-Contact-Ref", "teleforge")
PLATFORMA_ID = ("X-Platforma-Outbound-ID", "27820002222")
PLATFORMA_REF = ("X-Platforma-Contact-Ref", "platforma")
PLATFORMA_DRAFT = ("X-Platforma-Call-Ref", "draft")


@pytest.mark.parametrize(
    ("headers", "dial_number", "contact_ref"),
    [
        ([TELEFORGE_ID, TELEFORGE_REF], "27820001111", "teleforge"),
        ([PLATFORMA_ID, PLATFORMA_REF], "27820002222", "platforma"),
        ([PLATFORMA_ID, PLATFORMA_REF, TELEFORGE_ID, TELEFORGE_REF], "27820001111", "teleforge"),
        ([TELEFORGE_ID, PLATFORMA_REF], "27820001111", "platforma"),
        ([PLATFORMA_ID, TELEFORGE_REF], "27820002222", "teleforge"),
        ([PLATFORMA_ID, PLATFORMA_DRAFT], "27820002222", "draft"),
        ([PLATFORMA_ID, PLATFORMA_DRAFT, PLATFORMA_REF], "27820002222", "platforma"),
        ([PLATFORMA_ID, PLATFORMA_DRAFT, TELEFORGE_REF], "27820002222", "teleforge"),
        ([("x-teleforge-outbound-id", "27820003333")], "27820003333", None),
        ([("X-PLATFORMA-OUTBOUND-ID", "27820003333")], "27820003333", None),
    ],
)
def test_header_families(
    desk: Desk, headers: Headers, dial_number: str, contact_ref: str | None
) -> None:
    """Either family, in any case; Teleforge wins where both carry a value."""
    number = desk.trunk.number()
    result, record = desk.call(number, headers)
    expect(
        record,
        result,
        number=number,
        dial_number=dial_number,
        contact_ref=contact_ref,
        end_reason="hungup",
        end_code=16,
    )


def test_operator_names_the_extension(desk: Desk) -> None:
    """C2D_EXTENSION, set on an endpoint whose name is no extension."""
    number = desk.trunk.number()
    result, record = desk.call(number, agent="named")
    expect(record, result, number=number, extension="1199", end_reason="hungup", end_code=16)


def test_payload_before_version_3(desk: Desk, redis: RedisServer) -> None:
    """It has no number; the client's is in ref.  And an integrator may have a list of its own."""
    number = desk.trunk.number()
    old = {"payload_version": 2, "key_prefix": "other:crm"}
    with (
        Server(redis.url, integrator=old) as server,
        servers(desk.pbx, server.agi_url),
        CRM(redis.url, "other:crm:cdr") as crm,
    ):
        result = desk.place(number).result()
        payload = json.loads(crm.pop_text())["payload"]
        assert crm.waiting() == 0
    assert list(payload) == [key for key in CDR_V3 if key != "number"]
    payload = {**payload, "number": payload["ref"], "ref": "click-dial"}
    expect(payload, result, number=number, end_reason="hungup", end_code=16)
