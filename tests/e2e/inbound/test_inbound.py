"""Calls from outside: who is rung, what the agent's phone is told, and what Redis gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, Cancel, HangUp, call
from sandbox.phone import Phone
from sandbox.rawsip import cancelled_invite
from sandbox.redis import RedisServer
from sandbox.result import CallResult
from sandbox.server import Server
from tests.e2e.calls.desk import GIVEN_UP, servers
from tests.e2e.inbound.conftest import (
    ASKED,
    CALLER,
    EMPTY_QUEUE,
    FOREIGN,
    KNOWN,
    ONE_AGENT,
    QUEUE,
    SHORT_QUEUE,
    STRANGE,
    TWO_AGENTS,
    VOICEMAIL,
)
from tests.e2e.records import CRM, SLACK


def pop_answer(answers: CRM) -> dict[str, Any]:
    """Return the payload of the oldest ``call`` notification."""
    notification = json.loads(answers.pop_text())
    assert list(notification) == ["type", "payload"]
    assert notification["type"] == "call"
    payload: dict[str, Any] = notification["payload"]
    return payload


def expect(record: dict[str, Any], result: CallResult, **fields: object) -> None:
    """Check all fields of an inbound cdr."""
    assert result.ended_at is not None
    seconds = result.ended_at - result.invited_at
    assert record == {
        "extension": "1001",
        "number": CALLER,
        "dial_number": ONE_AGENT,
        "call_ref": record["call_ref"],
        "contact_ref": "",
        "dialed_at": pytest.approx(result.invited_at - 0.5, abs=0.5 + SLACK),
        "end_reason": "hungup",
        "end_code": 16,
        "call_time": pytest.approx(seconds, abs=1 + SLACK),
        "hold_time": 0,
        "call_dir": "inbound",
        "recording_url": "",
        "ref": "click-dial",
        **fields,
    }


def test_one_agent(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001") as phone:
        result = call(switchboard, agent=CALLER, callee=ONE_AGENT, then=HangUp(0.2))
        invite = phone.wait_invite()
    assert result.status == 200
    answer, record = pop_answer(answers), records.pop()
    assert list(answer.items()) == [
        ("number", CALLER),
        ("dial_number", ONE_AGENT),
        ("hold_time", 0),
        ("call_ref", record["call_ref"]),
        ("contact_ref", ""),
        ("call_dir", "inbound"),
        ("ref", "1001"),
    ]
    expect(record, result)
    assert all(b'"Agent' not in message.raw for message in result.messages)
    assert invite.from_user == CALLER
    assert invite.header_all("X-Teleforge-Call-Ref") == [record["call_ref"]]
    assert invite.header_all("X-Teleforge-Contact-Ref") == []


def test_the_agent_hangs_up(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001", mode="hang-up"):
        result = call(switchboard, agent=CALLER, callee=ONE_AGENT, then=AwaitBye())
    assert result.ended_by == "peer"
    pop_answer(answers)
    expect(records.pop(), result)


@pytest.mark.parametrize(
    ("mode", "end_reason"), [("answer", "callee_hungup"), ("hang-up", "agent_hungup")]
)
def test_who_hung_up(
    switchboard: Asterisk,
    redis: RedisServer,
    records: CRM,
    answers: CRM,
    mode: str,
    end_reason: str,
) -> None:
    keys = {"dids": ["27215550100"], "detailed_end_reasons": True}
    with (
        Server(redis.url, integrator=keys) as server,
        servers(switchboard, server.agi_url),
        Phone(switchboard, "1001", mode=mode),
    ):
        then = HangUp(0.2) if mode == "answer" else AwaitBye()
        result = call(switchboard, agent=CALLER, callee=ONE_AGENT, then=then)
        pop_answer(answers)
        expect(records.pop(), result, end_reason=end_reason)


def test_the_one_who_answers_is_named(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001", mode="ring"), Phone(switchboard, "1002", mode="answer-late"):
        result = call(switchboard, agent=CALLER, callee=f"+{TWO_AGENTS}", then=HangUp(0.2))
    assert pop_answer(answers)["ref"] == "1002"
    expect(records.pop(), result, extension="1002", dial_number=TWO_AGENTS)


@pytest.mark.parametrize(
    ("mode", "status", "end_reason", "end_code"),
    [("ring", 480, "timeout", 19), ("busy", 486, "busy", 17), ("decline", 403, "reject", 21)],
)
def test_nobody_answers(
    switchboard: Asterisk, records: CRM, mode: str, status: int, end_reason: str, end_code: int
) -> None:
    with Phone(switchboard, "1001", mode=mode), Phone(switchboard, "1002", mode=mode):
        result = call(switchboard, agent=CALLER, callee=TWO_AGENTS)
    assert result.status == status
    expect(
        records.pop(),
        result,
        extension="",
        dial_number=TWO_AGENTS,
        end_reason=end_reason,
        end_code=end_code,
    )


def test_the_caller_gives_up(switchboard: Asterisk, records: CRM) -> None:
    with Phone(switchboard, "1001", mode="ring"):
        result = call(switchboard, agent=CALLER, callee=ONE_AGENT, then=Cancel(0.3))
    assert result.status == 487
    expect(records.pop(), result, extension="")


@pytest.mark.case("T20")
def test_the_caller_gives_up_at_once(switchboard: Asterisk, records: CRM) -> None:
    """Asterisk runs the first step of the dialplan for him, and maybe no other."""
    for after in GIVEN_UP:
        cancelled_invite(switchboard, ONE_AGENT, agent="straight", after=after)
        record = records.pop()
        assert (record["call_dir"], record["dial_number"]) == ("inbound", ONE_AGENT)
        # Or it was seen before that nobody's phone is there.
        assert (record["end_reason"], record["end_code"]) in (("hungup", 16), ("error", 3))


@pytest.mark.case("T91")
def test_a_queue_names_who_answered_and_the_wait(
    switchboard: Asterisk, records: CRM, answers: CRM
) -> None:
    with Phone(switchboard, "1001", mode="ring"), Phone(switchboard, "1002", mode="answer-late"):
        result = call(switchboard, agent=CALLER, callee=QUEUE, then=HangUp(2.5))
    answer, record = pop_answer(answers), records.pop()
    assert answer["ref"] == "1002"
    assert 1 <= answer["hold_time"] <= 2  # the phone rang for one second
    assert record["hold_time"] == answer["hold_time"]
    expect(record, result, extension="1002", dial_number=QUEUE, hold_time=answer["hold_time"])


def test_an_agent_of_a_queue_hangs_up(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001", mode="hang-up") as phone:
        result = call(switchboard, agent=CALLER, callee=QUEUE, then=AwaitBye())
        invite = phone.wait_invite()
    assert result.ended_by == "peer"
    record = records.pop()
    assert invite.header("X-Teleforge-Call-Ref") == record["call_ref"]
    assert pop_answer(answers)["call_ref"] == record["call_ref"]
    expect(record, result, dial_number=QUEUE, hold_time=record["hold_time"])


def test_a_caller_leaves_the_queue(switchboard: Asterisk, records: CRM) -> None:
    with Phone(switchboard, "1001", mode="ring"):
        result = call(switchboard, agent=CALLER, callee=QUEUE, then=HangUp(1.2))
    record = records.pop()
    assert 1 <= record["hold_time"] <= 2
    # Asterisk knows of no cause: nothing was dialled on the channel of the caller itself.
    expect(
        record,
        result,
        extension="",
        dial_number=QUEUE,
        hold_time=record["hold_time"],
        end_code=16,
    )


def test_a_queue_gives_up(switchboard: Asterisk, records: CRM) -> None:
    with Phone(switchboard, "1001", mode="ring"):
        result = call(switchboard, agent=CALLER, callee=SHORT_QUEUE)
    record = records.pop()
    expect(
        record,
        result,
        extension="",
        dial_number=SHORT_QUEUE,
        hold_time=record["hold_time"],
        end_reason="timeout",
        end_code=19,
    )
    assert 1 <= record["hold_time"] <= 2


def test_a_queue_without_agents(switchboard: Asterisk, records: CRM) -> None:
    result = call(switchboard, agent=CALLER, callee=EMPTY_QUEUE)
    assert result.status == 503
    expect(
        records.pop(),
        result,
        extension="",
        dial_number=EMPTY_QUEUE,
        end_reason="error",
        end_code=34,
    )


def test_nobody_answers_and_the_call_goes_on(switchboard: Asterisk, records: CRM) -> None:
    with Phone(switchboard, "1001", mode="ring"):
        result = call(switchboard, agent=CALLER, callee=VOICEMAIL, then=HangUp(0.2))
    assert result.status == 200
    record = records.pop()
    expect(record, result, extension="", dial_number=VOICEMAIL, end_reason="timeout", end_code=19)


def test_the_contact_is_known(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001") as phone:
        result = call(
            switchboard, agent=CALLER, callee=KNOWN, headers=[("X-Account", "client-4711")]
        )
        invite = phone.wait_invite()
    assert invite.header_all("X-Teleforge-Contact-Ref") == ["client-4711"]
    assert invite.header_all("X-Account") == []
    assert pop_answer(answers)["contact_ref"] == "client-4711"
    expect(records.pop(), result, dial_number=KNOWN, contact_ref="client-4711")


def test_the_example_ivr_asks_for_an_account(
    switchboard: Asterisk, records: CRM, answers: CRM
) -> None:
    with Phone(switchboard, "1001") as phone:
        result = call(switchboard, agent=CALLER, callee=ASKED, digits="4711#", then=HangUp(4.0))
        invite = phone.wait_invite()
    assert invite.header_all("X-Teleforge-Contact-Ref") == ["4711"]
    assert pop_answer(answers)["contact_ref"] == "4711"
    expect(
        record := records.pop(),
        result,
        dial_number=ASKED,
        contact_ref="4711",
        dialed_at=record["dialed_at"],
        call_time=record["call_time"],
    )


@pytest.mark.parametrize(
    "value",
    ["a,b", "a b", "x)y", "${SHELL(id)}", 'a"b', "a&agent=1002", "a%0Ab", b"\xff\xfe", "a\\b"],
)
def test_a_contact_that_is_none(
    switchboard: Asterisk, records: CRM, answers: CRM, value: str | bytes
) -> None:
    with Phone(switchboard, "1001") as phone:
        result = call(switchboard, agent=CALLER, callee=KNOWN, headers=[("X-Account", value)])
        invite = phone.wait_invite()
    assert invite.header_all("X-Teleforge-Contact-Ref") == []
    assert pop_answer(answers)["contact_ref"] == ""
    expect(records.pop(), result, dial_number=KNOWN)


def test_a_long_contact_is_cut(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001"):
        result = call(switchboard, agent=CALLER, callee=KNOWN, headers=[("X-Account", "c" * 231)])
    assert pop_answer(answers)["contact_ref"] == "c" * 230
    expect(records.pop(), result, dial_number=KNOWN, contact_ref="c" * 230)


def test_a_caller_without_number(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "1001"):
        result = call(
            switchboard, agent="anonymous", callee=ONE_AGENT, display='"x&agent=1002%0Aagi_x: y" '
        )
    assert pop_answer(answers)["number"] == ""
    expect(records.pop(), result, number="")


@pytest.mark.case("T41")
def test_a_callers_number_with_dashes(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    identity = ("P-Asserted-Identity", "<sip:+27-83-123-4567@127.0.0.1>")
    with Phone(switchboard, "1001"):
        result = call(switchboard, agent="carrier", callee=ONE_AGENT, headers=[identity])
    assert pop_answer(answers)["number"] == "27831234567"
    expect(records.pop(), result, number="27831234567")


def test_a_parenthesis_in_the_callers_number_hides_nothing(
    switchboard: Asterisk, records: CRM, answers: CRM
) -> None:
    identity = ("P-Asserted-Identity", "<sip:(27@127.0.0.1>")
    with Phone(switchboard, "1001") as phone:
        result = call(switchboard, agent="carrier", callee=ONE_AGENT, headers=[identity])
        invite = phone.wait_invite()
    assert pop_answer(answers)["number"] == ""
    record = records.pop()
    expect(record, result, number="")
    assert invite.header_all("X-Teleforge-Call-Ref") == [record["call_ref"]]


def test_an_agent_of_nobody_is_not_named(switchboard: Asterisk, records: CRM, answers: CRM) -> None:
    with Phone(switchboard, "2000"):
        result = call(switchboard, agent=CALLER, callee=FOREIGN)
    assert pop_answer(answers)["ref"] == ""
    expect(records.pop(), result, extension="", dial_number=FOREIGN)


def test_a_number_of_nobody_is_nobodys(
    switchboard: Asterisk, inbound_server: Server, records: CRM, answers: CRM
) -> None:
    with Phone(switchboard, "1001"):
        result = call(switchboard, agent=CALLER, callee=STRANGE)
    assert result.status == 200
    assert "has no integrator, so no record is kept" in inbound_server.tail()


def test_version_2(switchboard: Asterisk, redis: RedisServer, records: CRM, answers: CRM) -> None:
    keys = {"dids": [ONE_AGENT], "payload_version": 2}
    with (
        Server(redis.url, integrator=keys) as server,
        servers(switchboard, server.agi_url),
        Phone(switchboard, "1001"),
    ):
        call(switchboard, agent=CALLER, callee=ONE_AGENT)
        answer = pop_answer(answers)
        record = json.loads(records.pop_text())["payload"]
    assert "call_dir" not in answer
    assert (answer["campaign_ref"], answer["ref"]) == ("inbound", "1001")
    assert "number" not in record
    assert (record["ref"], record["call_dir"]) == (CALLER, "inbound")


def test_no_server_is_needed_to_answer(
    switchboard: Asterisk, records: CRM, answers: CRM, redis: RedisServer
) -> None:
    with servers(switchboard, "agi://127.0.0.1:1"), Phone(switchboard, "1001"):
        result = call(switchboard, agent=CALLER, callee=ONE_AGENT)
    assert result.status == 200
    lines = switchboard.spool_file.read_text().splitlines()
    assert len(lines) == 2  # the answer and the end
    keys = {"dids": [ONE_AGENT]}
    with Server(redis.url, integrator=keys, spool_dir=str(switchboard.spool)):
        assert pop_answer(answers)["ref"] == "1001"
        expect(records.pop(), result)


def test_an_answered_call_of_an_agent(
    switchboard: Asterisk, redis: RedisServer, records: CRM, joined: CRM
) -> None:
    with (
        Server(redis.url, integrator={"joined_notifications": True}) as server,
        servers(switchboard, server.agi_url),
    ):
        call(
            switchboard,
            agent="1000",
            callee="0820000100",
            headers=[
                ("X-Teleforge-Outbound-ID", "27820001234"),
                ("X-Teleforge-Contact-Ref", "client-4711"),
            ],
        )
        call_ref = records.pop()["call_ref"]
        assert list(pop_answer(joined).items()) == [
            ("number", "0820000100"),
            ("dial_number", "27820001234"),
            ("hold_time", 0),
            ("call_ref", call_ref),
            ("contact_ref", "client-4711"),
            ("call_dir", "outbound"),
            ("ref", "1000"),
        ]


def test_a_call_that_nobody_answers_is_not_joined(
    switchboard: Asterisk, redis: RedisServer, records: CRM, joined: CRM
) -> None:
    with (
        Server(redis.url, integrator={"joined_notifications": True}) as server,
        servers(switchboard, server.agi_url),
    ):
        call(
            switchboard,
            agent="1000",
            callee="0820000101",
            headers=[("X-Teleforge-Outbound-ID", "27820001234")],
        )
        assert records.pop()["end_reason"] == "busy"
