"""How a call can end: what the agent's phone is told, and what the record says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, Cancel, Then
from sandbox.phone import Phone
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.calls.conftest import DIALPLAN
from tests.e2e.calls.desk import BRIEF, OUTBOUND_ID, Desk, servers
from tests.e2e.records import CRM, expect

pytestmark = pytest.mark.usefixtures("quiet")


def statuses(desk: Desk, number: str) -> list[int]:
    """Return what the trunk answered to the INVITE for a number."""
    invite = desk.trunk.wait_invite(number)
    return [
        message.status
        for message in desk.trunk.messages()
        if message.sent and message.call_id == invite.call_id and message.cseq_method == "INVITE"
    ]


def test_agent_hangs_up(desk: Desk) -> None:
    number = desk.trunk.number()
    result, record = desk.call(number)
    assert [message.status for message in result.responses] == [100, 180, 200]
    assert result.ended_by == "us"
    assert statuses(desk, number) == [180, 200]
    assert desk.trunk.wait_ended(desk.trunk.wait_invite(number).call_id).method == "BYE"
    expect(record, result, number=number, end_reason="hungup", end_code=16)


def test_callee_hangs_up(desk: Desk) -> None:
    number = desk.trunk.number("hang-up")
    result, record = desk.call(number, then=AwaitBye())
    assert [message.status for message in result.responses] == [100, 180, 200]
    assert result.ended_by == "peer"
    expect(record, result, number=number, end_reason="hungup", end_code=16)
    assert record["call_time"] >= 1


@pytest.mark.parametrize(
    ("outcome", "then", "ended_by", "end_reason"),
    [("answer", BRIEF, "us", "agent_hungup"), ("hang-up", AwaitBye(), "peer", "callee_hungup")],
)
def test_who_hung_up(
    desk: Desk, redis: RedisServer, outcome: str, then: Then, ended_by: str, end_reason: str
) -> None:
    number = desk.trunk.number(outcome)
    with (
        Server(redis.url, integrator={"detailed_end_reasons": True}) as server,
        servers(desk.pbx, server.agi_url),
    ):
        result, record = (
            desk.call(number, then=AwaitBye()) if ended_by == "peer" else desk.call(number)
        )
    assert result.ended_by == ended_by
    expect(record, result, number=number, end_reason=end_reason, end_code=16)


@pytest.mark.parametrize(
    ("outcome", "on_the_trunk", "status", "cause", "end_reason"),
    [
        ("busy", [486], 486, 17, "busy"),
        # Asterisk knows 603 as cause 21, and 403 is how it says that.
        ("decline", [603], 403, 21, "reject"),
        ("unavailable", [503], 503, 34, "error"),
        ("unknown", [404], 404, 1, "error"),
    ],
)
def test_not_answered(
    desk: Desk, outcome: str, on_the_trunk: list[int], status: int, cause: int, end_reason: str
) -> None:
    number = desk.trunk.number(outcome)
    result, record = desk.call(number)
    assert [message.status for message in result.responses] == [100, status]
    assert result.reason == f"Q.850;cause={cause}"
    assert statuses(desk, number) == on_the_trunk
    expect(record, result, number=number, end_reason=end_reason, end_code=cause)


def test_nobody_answers_until_the_ring_timeout(desk: Desk, redis: RedisServer) -> None:
    number = desk.trunk.number("ring")
    with (
        Server(redis.url, integrator={"ring_timeout": 1}) as server,
        servers(desk.pbx, server.agi_url),
    ):
        result, record = desk.call(number)
    assert [message.status for message in result.responses] == [100, 180, 480]
    assert result.reason == "Q.850;cause=19"
    assert desk.trunk.wait_ended(desk.trunk.wait_invite(number).call_id).method == "CANCEL"
    expect(record, result, number=number, end_reason="timeout", end_code=19)
    assert record["call_time"] in (1, 2)


def test_agent_gives_up_while_it_rings(desk: Desk) -> None:
    number = desk.trunk.number("ring")
    result, record = desk.call(number, then=Cancel(0.05))
    assert [message.status for message in result.responses] == [100, 180, 487]
    assert desk.trunk.wait_ended(desk.trunk.wait_invite(number).call_id).method == "CANCEL"
    expect(record, result, number=number, end_reason="hungup", end_code=16)


def test_trunk_does_not_answer_at_all(
    tree: Path, trunk: Trunk, crm: CRM, redis: RedisServer
) -> None:
    """SIP gives up after 64 times its timer T1: 32 s by default, 6.4 s at the least."""
    number = trunk.number()
    timers = "[system]\ntype = system\ntimer_t1 = 100\ntimer_b = 6400\n"
    dead = {"trunk_dial": "PJSIP/{number}@deadtrunk"}
    with (
        Server(redis.url, integrator=dead) as server,
        Asterisk(tree, include=DIALPLAN, c2d_agi=server.agi_url, extra_pjsip=timers) as pbx,
    ):
        result, record = Desk(pbx, trunk, crm).call(number)
    assert [message.status for message in result.responses] == [100, 408]
    assert result.reason == "Q.850;cause=18"
    expect(record, result, number=number, end_reason="timeout", end_code=18)
    assert record["call_time"] in (6, 7)
    assert trunk.invites(number) == []


@pytest.mark.parametrize("headers", [[], [OUTBOUND_ID]])
def test_internal_call(desk: Desk, headers: list[tuple[str, str]]) -> None:
    """A colleague sees the extension, whatever the outbound ID."""
    with Phone(desk.pbx, "1100", password="secret-1100") as phone:
        result, record = desk.call("1100", headers)
        invite = phone.wait_invite()
    assert (result.status, result.ended_by) == (200, "us")
    assert (invite.from_user, invite.from_display) == ("1000", "1000")
    expect(
        record,
        result,
        number="1100",
        dial_number="1000",
        call_dir="internal",
        end_reason="hungup",
        end_code=16,
    )


def test_busy_colleague(desk: Desk) -> None:
    with Phone(desk.pbx, "1100", password="secret-1100", mode="busy"):
        result, record = desk.call("1100")
    assert (result.status, result.reason) == (486, "Q.850;cause=17")
    expect(
        record,
        result,
        number="1100",
        dial_number="1000",
        call_dir="internal",
        end_reason="busy",
        end_code=17,
    )
