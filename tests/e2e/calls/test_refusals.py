"""Calls that fail validation: 484 on the wire, cause 28, and a record that holds what was valid."""

from __future__ import annotations

import pytest

from sandbox.calls import call
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.result import CallResult
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk, servers
from tests.e2e.records import Payload, expect

pytestmark = pytest.mark.usefixtures("quiet")

NUMBERS = "10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
AGENT = f"agent: 3-4 digits, {NUMBERS}"
AGENT_OWNED = "agent: an extension that the configuration gives to an integrator"
CALLEE = f"callee: 3-4 digits, {NUMBERS}"
CALLEE_OWNED = "callee: an extension of the agent's own integrator"
OUTBOUND = "outbound_id: random, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27"
CAMPAIGN = "outbound_id: tvc_ and the name of a verified campaign"
CONTACT = "contact_ref: letters, digits and . - _ ~ only"
DIALLED = "0820000100"


def refused(result: CallResult) -> None:
    assert [message.status for message in result.responses] == [100, 484]
    assert result.phrase == "Address Incomplete"
    assert result.reason == "Q.850;cause=28"


def logged(server: Server, record: Payload) -> str:
    """Return why the server said that it refused a call."""
    text = f"{record['call_ref']} on PJSIP/1000-"
    line = next(line for line in server.log().splitlines() if text in line)
    return line.partition(" refused: ")[2]


@pytest.mark.parametrize(
    "callee",
    [
        *("1", "12", "12345", "082000010", "08200001000", "2782000010", "278200001000"),
        *("004412345678", "00441234567890123", "1820000100", "+27820000100", "082-000-0100"),
        *("0820000100a", "x0820000100", "*21", "**", "#", "hh", "ss", "sales", "0820000100#"),
    ],
)
def test_callee(desk: Desk, server: Server, callee: str) -> None:
    result, record = desk.call(callee)
    refused(result)
    assert logged(server, record) == CALLEE
    expect(record, result, number="", end_reason="error", end_code=28)


def test_extension_of_nobody(desk: Desk, server: Server) -> None:
    result, record = desk.call("2000")
    refused(result)
    assert logged(server, record) == CALLEE_OWNED
    expect(
        record,
        result,
        number="",
        call_dir="internal",
        dial_number="1000",
        end_reason="error",
        end_code=28,
    )


@pytest.mark.parametrize(
    ("outbound_id", "message"),
    [
        *(("12345", OUTBOUND), ("+27820001234", OUTBOUND), ("278200012345", OUTBOUND)),
        *(("0027820001234", OUTBOUND), ("Random", OUTBOUND), ("1000", OUTBOUND)),
        *(("tvc_", OUTBOUND), ("tvc_a b", OUTBOUND), ("tvc_" + "x" * 65, OUTBOUND)),
        *(("tvc_unknown", CAMPAIGN), ("tvc_SPRING", CAMPAIGN), ("", OUTBOUND)),
    ],
)
def test_outbound_id(desk: Desk, server: Server, outbound_id: str, message: str) -> None:
    result, record = desk.call(DIALLED, [("X-Platforma-Outbound-ID", outbound_id)])
    refused(result)
    assert logged(server, record) == message
    expect(record, result, number=DIALLED, dial_number="", end_reason="error", end_code=28)


def test_no_outbound_id_and_no_default(desk: Desk, server: Server) -> None:
    result, record = desk.call(DIALLED, [])
    refused(result)
    assert logged(server, record) == OUTBOUND
    expect(record, result, number=DIALLED, dial_number="", end_reason="error", end_code=28)


@pytest.mark.case("A14")
@pytest.mark.parametrize(
    "contact_ref",
    [
        *("a b", "a/b", "a@b", "é", "x" * 200 + "!" + "x" * 1199, "a,b"),
        *("x" * 255 + "!", "x" * 256 + "!", "x" * 3000 + " y", "x" * 4000 + "é"),
    ],
)
def test_contact_ref(desk: Desk, server: Server, contact_ref: str) -> None:
    """Any other character refuses the call, and so the record has no reference."""
    result, record = desk.call(DIALLED, [OUTBOUND_ID, ("X-Teleforge-Contact-Ref", contact_ref)])
    refused(result)
    assert logged(server, record) == CONTACT
    expect(record, result, number=DIALLED, contact_ref="", end_reason="error", end_code=28)


def test_three_fields_at_once(desk: Desk, server: Server) -> None:
    headers = [("X-Teleforge-Outbound-ID", "12345"), ("X-Teleforge-Contact-Ref", "a b")]
    result, record = desk.call("12345", headers)
    refused(result)
    assert logged(server, record) == "; ".join([CALLEE, OUTBOUND, CONTACT])
    expect(
        record,
        result,
        number="",
        dial_number="",
        contact_ref="",
        end_reason="error",
        end_code=28,
    )


@pytest.mark.parametrize(
    ("agent", "headers", "callee", "errors"),
    [
        ("bob", [OUTBOUND_ID], DIALLED, [AGENT]),
        ("2000", [OUTBOUND_ID], DIALLED, [AGENT_OWNED]),
        ("27820005555", [OUTBOUND_ID], DIALLED, [AGENT_OWNED]),
        (
            "bob",
            [("X-Teleforge-Outbound-ID", "12345"), ("X-Teleforge-Contact-Ref", "a b")],
            "12345",
            [AGENT, CALLEE.replace("3-4 digits, ", ""), OUTBOUND, CONTACT],
        ),
    ],
)
def test_agent_of_nobody(
    desk: Desk,
    server: Server,
    agent: str,
    headers: list[tuple[str, str]],
    callee: str,
    errors: list[str],
) -> None:
    """Without an integrator there is no list to push to: the log is where it shows."""
    before = len(server.log())
    refused(call(desk.pbx, agent=agent, callee=callee, headers=headers))

    def lines() -> list[str]:
        found = server.log()[before:].splitlines()
        return found if len(found) == 3 else []

    first, second, third = until(lines, 5, "the end of the call in the server's log")
    call_ref = first.split()[2]
    assert f" INFO {call_ref} on PJSIP/{agent}-" in first
    assert first.endswith(f" refused: {'; '.join(errors)}")
    assert f" WARNING {call_ref} has no integrator, so no record is kept: " in second
    assert "is in nobody's extensions; to mend it: extensions of an integrator" in second
    assert f" INFO {call_ref} ended: error, code 28, after " in third
    assert desk.crm.waiting() == 0


@pytest.mark.parametrize(
    ("integrator", "callee", "outbound_id", "message", "number", "dial_number"),
    [
        (
            {"caller_ids": {"owned": ["27820001*", "0110001234"]}},
            *(DIALLED, "27820002234", "outbound_id: a number that the integrator owns"),
            *(DIALLED, ""),
        ),
        (
            {"caller_ids": {}},
            *(DIALLED, "random"),
            "outbound_id: random only with a pool of numbers, and none is configured",
            *(DIALLED, ""),
        ),
        (
            {"destinations": {"international": ["27", "44"]}},
            *("0049123456700", "27820001234"),
            "callee: allowed country codes after 00: 27, 44",
            *("", "27820001234"),
        ),
        (
            {"internal_calls": False},
            *("1100", "27820001234", CALLEE.replace("3-4 digits, ", "")),
            *("", "27820001234"),
        ),
    ],
)
def test_integrator_rules(
    desk: Desk,
    redis: RedisServer,
    integrator: dict[str, object],
    callee: str,
    outbound_id: str,
    message: str,
    number: str,
    dial_number: str,
) -> None:
    with (
        Server(redis.url, integrator=integrator) as server,
        servers(desk.pbx, server.agi_url),
    ):
        result, record = desk.call(callee, [("X-Teleforge-Outbound-ID", outbound_id)])
        assert logged(server, record) == message
    refused(result)
    expect(
        record,
        result,
        number=number,
        dial_number=dial_number,
        call_dir=record["call_dir"],
        end_reason="error",
        end_code=28,
    )
