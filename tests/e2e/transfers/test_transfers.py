"""Agents hand a client over: one record, at the end of the client's call, with the last agent."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from click2dial_agi.domain import facts
from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, Call, place_call
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.sip import Message
from sandbox.trunk import Trunk
from tests.e2e.calls.desk import OUTBOUND_ID, servers
from tests.e2e.inbound.conftest import CALLER, ONE_AGENT, QUEUE
from tests.e2e.records import CRM

HEADERS = [OUTBOUND_ID, ("X-Teleforge-Contact-Ref", "client-4711")]


def to(pbx: Asterisk, user: str, query: str = "") -> str:
    return f"sip:{user}@127.0.0.1:{pbx.sip_port}{query}"


def replaces(pbx: Asterisk, user: str, answer: Message) -> str:
    """Return where to send a client so that it takes the place of a phone in its other call."""
    tags = {name: re.search("tag=([^;]+)", answer.header(name) or "") for name in ("To", "From")}
    to_tag, from_tag = tags["To"], tags["From"]
    assert to_tag
    assert from_tag
    dialog = f"{answer.call_id}%3Bto-tag%3D{to_tag[1]}%3Bfrom-tag%3D{from_tag[1]}"
    return to(pbx, user, f"?Replaces={dialog}")


def outbound(pbx: Asterisk, callee: str, agent: str = "1000") -> Call:
    """Start an agent's call that the agent does not end."""
    return place_call(pbx, agent=agent, callee=callee, headers=HEADERS, then=AwaitBye())


def channels(pbx: Asterisk) -> list[str]:
    """Return the endpoints of the channels that are up."""
    lines = pbx.cli("core show channels concise").splitlines()
    return sorted(line.partition("!")[0].rpartition("-")[0] for line in lines if "!" in line)


def wait_channels(pbx: Asterisk, *expected: str) -> None:
    until(lambda: channels(pbx) == sorted(expected), 5, f"{expected}, not {channels(pbx)}")


def no_names(messages: list[Message]) -> None:
    """The client learns no agent's name or extension."""
    assert messages
    for message in messages:
        assert b"sip:1001@" not in message.raw
        assert b'"Agent' not in message.raw


def expect(record: dict[str, Any], number: str, **fields: object) -> None:
    """Check what a transfer does not change, and what it does."""
    usual = {
        **{"number": number, "dial_number": "27820001234", "contact_ref": "client-4711"},
        **{"end_reason": "hungup", "end_code": 16, "call_dir": "outbound", "hold_time": 0},
    }
    assert {**record, **usual, **fields} == record


class TestBlind:
    """REFER without a call to the other agent before it."""

    def test_the_client_ends_the_call(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM
    ) -> None:
        number = trunk.number("hang-up")
        with Phone(switchboard, "1001") as phone, outbound(switchboard, number) as agent:
            agent.wait_status(200)
            agent.transfer(to(switchboard, "1001"))
            invite = phone.wait_invite()
            agent.result()
            record = records.pop(10)
        client = trunk.wait_invite(number).call_id
        no_names([message for message in trunk.messages() if message.call_id == client])
        assert invite.from_user == number  # the colleague sees who the client is
        assert invite.header_all("X-Teleforge-Call-Ref") == [record["call_ref"]]
        expect(record, number, extension="1001")
        assert record["call_time"] >= 1

    def test_the_second_agent_ends_the_call(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM
    ) -> None:
        number = trunk.number()
        with Phone(switchboard, "1001", mode="hang-up"), outbound(switchboard, number) as agent:
            agent.wait_status(200)
            agent.transfer(to(switchboard, "1001"))
            agent.result()
            expect(records.pop(), number, extension="1001")
        trunk.wait_ended(trunk.wait_invite(number).call_id)

    def test_no_server_took_the_end_of_a_call_whose_answer_one_took(
        self, switchboard: Asterisk, trunk: Trunk, redis: RedisServer, joined: CRM
    ) -> None:
        """The receipt of the one is not taken for the other's."""
        number, spool = trunk.number(), switchboard.spool_file
        with (
            Server(redis.url, integrator={"joined_notifications": True}) as server,
            servers(switchboard, server.agi_url),
            Phone(switchboard, "1001", mode="hang-up") as phone,
            outbound(switchboard, number) as agent,
        ):
            agent.wait_status(200)
            agent.transfer(to(switchboard, "1001"))
            phone.wait_invite()
            server.kill()
            agent.result()
            line = until(
                lambda: spool.read_text("ascii") if spool.exists() else "", 10, "the spool"
            )
        spool.unlink()
        told = json.loads(joined.pop_text())["payload"]
        kept = facts.decode(line.strip())
        assert (kept["call_ref"], kept["dialstatus"]) == (told["call_ref"], "ANSWER")

    @pytest.mark.parametrize("mode", ["busy", "decline", "unavailable"])
    def test_the_second_agent_does_not_answer(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM, mode: str
    ) -> None:
        number = trunk.number()
        with Phone(switchboard, "1001", mode=mode), outbound(switchboard, number) as agent:
            agent.wait_status(200)
            agent.transfer(to(switchboard, "1001"))
            agent.result()
            expect(records.pop(), number, extension="1000")
        trunk.wait_ended(trunk.wait_invite(number).call_id)

    def test_to_a_number_outside(self, switchboard: Asterisk, trunk: Trunk, records: CRM) -> None:
        number, other = trunk.number(), trunk.number("hang-up")
        with outbound(switchboard, number) as agent:
            agent.wait_status(200)
            agent.transfer(to(switchboard, other))
            invite = trunk.wait_invite(other)
            agent.result()
            leg, record = sorted(records.pop_many(2), key=lambda one: str(one["number"] == number))
        expect(leg, other, extension="1000")
        expect(record, number, extension="1000")
        assert leg["call_ref"] != record["call_ref"]
        assert invite.from_user == "27820001234"
        assert [name for name, _ in invite.headers if name.startswith("X-")] == []

    @pytest.mark.parametrize(
        "target", ["2000", "1234567", "100%26PJSIP", "100)b", "0044%24%7BX%7D"]
    )
    def test_where_nobody_may_be_sent(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM, target: str
    ) -> None:
        number = trunk.number()
        with Phone(switchboard, "2000") as foreign, outbound(switchboard, number) as agent:
            agent.wait_status(200)
            agent.transfer(to(switchboard, target))
            agent.result()
            expect(records.pop(), number, extension="1000")
            assert foreign.invites() == []
        trunk.wait_ended(trunk.wait_invite(number).call_id)
        wait_channels(switchboard)

    @pytest.mark.parametrize("target", ["5", "%24%7BEXTEN%7D", "%C3%A9x", "h", "s"])
    def test_what_is_no_number_leaves_the_client_with_the_agent(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM, target: str
    ) -> None:
        number = trunk.number()
        with outbound(switchboard, number) as agent:
            agent.wait_status(200)
            agent.transfer(to(switchboard, target))
            agent.wait_transferred(404)
            assert channels(switchboard) == ["PJSIP/1000", "PJSIP/trunk"]
            agent.result()
            expect(records.pop(), number, extension="1000")

    def test_from_agent_to_agent_to_agent(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM
    ) -> None:
        number = trunk.number()
        with (
            Phone(switchboard, "1001") as second,
            Phone(switchboard, "1002", mode="hang-up"),
            outbound(switchboard, number) as agent,
        ):
            agent.wait_status(200)
            agent.transfer(to(switchboard, "1001"))
            agent.result()
            wait_channels(switchboard, "PJSIP/1001", "PJSIP/trunk")
            second.transfer(second.wait_invite().call_id, to(switchboard, "1002"))
            expect(records.pop(), number, extension="1002")

    def test_who_hung_up(
        self, switchboard: Asterisk, trunk: Trunk, redis: RedisServer, records: CRM
    ) -> None:
        with (
            Server(redis.url, integrator={"detailed_end_reasons": True}) as server,
            servers(switchboard, server.agi_url),
        ):
            for client, second, reason in (
                ("hang-up", "answer", "callee_hungup"),
                ("answer", "hang-up", "agent_hungup"),
            ):
                number = trunk.number(client)
                with Phone(switchboard, "1001", mode=second), outbound(switchboard, number) as one:
                    one.wait_status(200)
                    one.transfer(to(switchboard, "1001"))
                    one.result()
                    expect(records.pop(), number, extension="1001", end_reason=reason)

    def test_no_server_is_there(
        self, switchboard: Asterisk, trunk: Trunk, redis: RedisServer, records: CRM
    ) -> None:
        number = trunk.number()
        with Phone(switchboard, "1001") as phone, outbound(switchboard, number) as agent:
            agent.wait_status(200)
            with servers(switchboard, "agi://127.0.0.1:1"):
                agent.transfer(to(switchboard, "1001"))
                agent.result()
                until(lambda: switchboard.spool_file.exists(), 5, "the spool")
            assert phone.invites() == []
        # Where the two sides end at the same moment each may have written it.
        with Server(redis.url, spool_dir=str(switchboard.spool)):
            expect(records.pop(), number, extension="1000")
            until(lambda: not switchboard.spool_file.exists(), 5, "the spool to be drained")

    def test_an_inbound_client(self, switchboard: Asterisk, records: CRM, answers: CRM) -> None:
        with (
            Phone(switchboard, "1001") as first,
            Phone(switchboard, "1002") as second,
            place_call(switchboard, agent=CALLER, callee=ONE_AGENT, then=AwaitBye()) as client,
        ):
            client.wait_status(200)
            first.transfer(first.wait_invite().call_id, to(switchboard, "1002"))
            assert second.wait_invite().from_user == CALLER
            wait_channels(switchboard, "PJSIP/1002", f"PJSIP/{CALLER}")
            client.hang_up()
            client.result()
            record = records.pop()
        inbound = {"call_dir": "inbound", "dial_number": ONE_AGENT, "contact_ref": ""}
        expect(record, CALLER, extension="1002", **inbound)
        assert answers.waiting() == 1  # once for the call, when it was answered first
        assert '"ref": "1001"' in answers.pop_text()

    def test_a_client_from_a_queue(self, switchboard: Asterisk, records: CRM, answers: CRM) -> None:
        with (
            Phone(switchboard, "1001") as first,
            place_call(switchboard, agent=CALLER, callee=QUEUE, then=AwaitBye()) as client,
        ):
            wait_channels(switchboard, "PJSIP/1001", f"PJSIP/{CALLER}")
            with Phone(switchboard, "1002", mode="hang-up"):
                first.transfer(first.wait_invite().call_id, to(switchboard, "1002"))
                record = records.pop(10)
            client.result()
        inbound = {"call_dir": "inbound", "dial_number": QUEUE, "contact_ref": ""}
        expect(record, CALLER, extension="1002", **inbound, hold_time=record["hold_time"])
        answers.pop_text()

    def test_a_colleague_sends_the_caller_on(self, switchboard: Asterisk, records: CRM) -> None:
        """The agent talks to somebody else; it is still the call that was dialled."""
        with (
            Phone(switchboard, "1001") as first,
            Phone(switchboard, "1002", mode="hang-up"),
            outbound(switchboard, "1001") as agent,
        ):
            agent.wait_status(200)
            first.transfer(first.wait_invite().call_id, to(switchboard, "1002"))
            agent.result()
            record = records.pop()
        expect(record, "1001", extension="1000", dial_number="1000", call_dir="internal")


class TestAttended:
    """The agent calls a colleague and then puts the two calls together."""

    @pytest.mark.parametrize("who", ["client", "second agent"])
    def test_two_calls_become_one(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM, who: str
    ) -> None:
        number = trunk.number("hang-up" if who == "client" else "answer")
        mode = "answer" if who == "client" else "hang-up"
        with Phone(switchboard, "1001", mode=mode), outbound(switchboard, number) as first:
            first.wait_status(200)
            with outbound(switchboard, "1001") as second:
                first.transfer(replaces(switchboard, "1001", second.wait_status(200)))
                first.result()
                second.result()
            consultation, record = records.pop(), records.pop(10)
        expect(consultation, "1001", extension="1000", dial_number="1000", call_dir="internal")
        expect(record, number, extension="1001")
        assert record["call_ref"] != consultation["call_ref"]
        client = trunk.wait_invite(number).call_id
        no_names([message for message in trunk.messages() if message.call_id == client])

    def test_an_inbound_client(self, switchboard: Asterisk, records: CRM, answers: CRM) -> None:
        with (
            Phone(switchboard, "1001") as first,
            Phone(switchboard, "1002") as second,
            place_call(switchboard, agent=CALLER, callee=ONE_AGENT, then=AwaitBye()) as client,
        ):
            client.wait_status(200)
            with outbound(switchboard, "1002", agent="1001") as consultation:
                target = replaces(switchboard, "1002", consultation.wait_status(200))
                first.transfer(first.wait_invite().call_id, target)
                consultation.result()
            wait_channels(switchboard, "PJSIP/1002", f"PJSIP/{CALLER}")
            second.wait_invite()
            client.hang_up()
            client.result()
            consulted, record = records.pop(), records.pop()
        assert (consulted["extension"], consulted["number"]) == ("1001", "1002")
        inbound = {"call_dir": "inbound", "dial_number": ONE_AGENT, "contact_ref": ""}
        expect(record, CALLER, extension="1002", **inbound)
        answers.pop_text()

    def test_and_then_blind_to_a_third(
        self, switchboard: Asterisk, trunk: Trunk, records: CRM
    ) -> None:
        number = trunk.number()
        with (
            Phone(switchboard, "1001") as second,
            Phone(switchboard, "1002", mode="hang-up"),
            outbound(switchboard, number) as agent,
        ):
            agent.wait_status(200)
            with outbound(switchboard, "1001") as consultation:
                target = replaces(switchboard, "1001", consultation.wait_status(200))
                agent.transfer(target)
                agent.result()
                consultation.result()
            wait_channels(switchboard, "PJSIP/1001", "PJSIP/trunk")
            second.transfer(second.wait_invite().call_id, to(switchboard, "1002"))
            records.pop()  # the consultation
            expect(records.pop(), number, extension="1002")


def test_transfers_and_ends_at_the_same_time(
    switchboard: Asterisk, trunk: Trunk, records: CRM
) -> None:
    """The client hangs up around the moment of the transfer: one record, whoever is first."""
    numbers = []
    with Phone(switchboard, "1001"):
        for _ in range(10):
            number = trunk.number("hang-up")  # 1 s after the answer
            with outbound(switchboard, number) as agent:
                answered = agent.wait_status(200).at
                time.sleep(max(answered + 0.99 - time.time(), 0))
                agent.refer(to(switchboard, "1001"))
                agent.result()
            numbers.append(number)
    assert [records.pop()["number"] for _ in numbers] == numbers


def test_hang_up_after_the_transfer_is_a_hang_up(
    switchboard: Asterisk, trunk: Trunk, records: CRM
) -> None:
    """A phone that transferred and hangs up must not take the client with it."""
    number = trunk.number()
    with Phone(switchboard, "1001"), outbound(switchboard, number) as agent:
        agent.wait_status(200)
        agent.transfer(to(switchboard, "1001"))
        agent.result()
        wait_channels(switchboard, "PJSIP/1001", "PJSIP/trunk")
        assert records.waiting() == 0
        switchboard.cli("channel request hangup all")
        expect(records.pop(), number, extension="1001")
