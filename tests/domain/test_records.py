"""The record of a call that ended, and its notification (docs/contract.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.calls import Call, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.payloads import JoinedCall, read_told
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.domain.told import event_of, read_request
from click2dial_agi.exceptions import MalformedFacts
from tests.domain.examples import CALL_REF, config, request

#: What the channel says at the end of a call that was answered.
ENDED = {
    **decide(request(), config().integrators[0]).call.facts(),
    "dialed_at": "1700000000",
    "ended_at": "1700000065",
    "dialstatus": "ANSWER",
    "hangup_cause": "16",
    "ended_by": "callee",
}
#: What it says when every server was away when the call was placed.
UNDECIDED = {
    "call_ref": CALL_REF,
    "dialed_at": "1700000000",
    "channel": "PJSIP/1000-0000000a",
    "callee": "0820000100",
    "teleforge_outbound_id": "27820001234",
    "teleforge_contact_ref": "ticket-7",
    "hangup_cause": "42",
    "ended_at": "1700000001",
}

#: What the caller's channel says of a call from outside that an agent answered, and that ended.
INBOUND = {
    "call_ref": CALL_REF,
    "call_dir": "inbound",
    "dialed_at": "1700000000",
    "number": "+27820007777",
    "dial_number": "0215550100",
    "contact_ref": "client-4711",
    "queued_at": "1700000001",
    "agent": "",
    "agent_channel": "PJSIP/1001-0000000b",
    "joined_at": "1700000012",
    "dialstatus": "",
    "hangup_cause": "16",
    "ended_at": "1700000065",
    "ended_by": "",
}
INBOUND_KEYS: dict[str, Any] = {"dids": ["27215550100"]}
#: What the agent's channel says when it answers.
ANSWERED = {
    name: text
    for name, text in INBOUND.items()
    if name not in ("dialstatus", "hangup_cause", "ended_at", "ended_by")
}


def record(facts: dict[str, str], owner: Config | None = None) -> CallRecord:
    return CallRecord.from_facts(facts, owner or config())


def payload(facts: dict[str, str], **keys: Any) -> dict[str, Any]:
    """Return the payload of ACME's notification, with some keys of ACME changed."""
    acme = config(**keys)
    body = json.loads(record(facts, acme).notification(acme.integrators[0]).body)
    assert list(body) == ["type", "payload"]
    assert body["type"] == "cdr"
    fields = body["payload"]
    assert isinstance(fields, dict)
    return fields


def test_version_3_has_these_fields_in_this_order() -> None:
    assert list(payload(ENDED).items()) == [
        ("extension", "1000"),
        ("number", "0820000100"),
        ("dial_number", "27820001234"),
        ("call_ref", CALL_REF),
        ("contact_ref", "ticket-7"),
        ("dialed_at", 1700000000),
        ("end_reason", "hungup"),
        ("end_code", 16),
        ("call_time", 65),
        ("hold_time", 0),
        ("call_dir", "outbound"),
        ("recording_url", ""),
        ("ref", "click-dial"),
    ]


def test_version_2_has_the_clients_number_in_ref() -> None:
    fields = payload(ENDED)
    del fields["number"]
    assert payload(ENDED, payload_version=2) == {**fields, "ref": "0820000100"}


@pytest.mark.parametrize("version", [2, 3])
def test_numbers_are_json_numbers_and_all_else_is_text(version: int) -> None:
    numbers = {"dialed_at", "end_code", "call_time", "hold_time"}
    for name, value in payload(ENDED, payload_version=version).items():
        assert type(value) is (int if name in numbers else str)


def test_it_goes_to_the_integrators_cdr_list() -> None:
    acme = config(key_prefix="acme:calls")
    notification = record(ENDED, acme).notification(acme.integrators[0])
    assert isinstance(notification, Notification)
    assert (notification.list_name, notification.call_ref) == ("acme:calls:cdr", CALL_REF)
    assert "\n" not in notification.body


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("hungup", 16)),
        ({"dialstatus": "BUSY", "hangup_cause": "17"}, ("busy", 17)),
        ({"dialstatus": "NOANSWER", "hangup_cause": "0"}, ("timeout", 19)),
        ({"dialstatus": "CHANUNAVAIL", "hangup_cause": "20"}, ("error", 20)),
        ({"dialstatus": "", "hangup_cause": "0"}, ("hungup", 0)),
        ({"refused": "1", "dialstatus": "", "hangup_cause": "28"}, ("error", 28)),
        ({"refused": "1", "dialstatus": "", "hangup_cause": "0"}, ("error", 28)),
        ({"refused": "1", "dialstatus": "", "hangup_cause": ""}, ("error", 28)),
    ],
)
def test_it_tells_how_the_call_ended(changed: dict[str, str], expected: tuple[str, int]) -> None:
    fields = payload({**ENDED, **changed})
    assert (fields["end_reason"], fields["end_code"]) == expected


@pytest.mark.parametrize(
    ("changed", "plain", "detailed"),
    [
        ({"ended_by": "callee"}, "hungup", "callee_hungup"),
        ({"ended_by": ""}, "hungup", "agent_hungup"),
        ({"ended_by": "somebody"}, "hungup", "agent_hungup"),
        ({"ended_by": "callee", "dialstatus": "BUSY"}, "busy", "busy"),
        ({"ended_by": "", "dialstatus": "CANCEL"}, "hungup", "agent_hungup"),
    ],
)
def test_detailed_end_reasons_tell_who_hung_up(
    changed: dict[str, str], plain: str, detailed: str
) -> None:
    facts = {**ENDED, **changed}
    assert payload(facts)["end_reason"] == plain
    assert payload(facts, detailed_end_reasons=True)["end_reason"] == detailed


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"callee": "300", "outbound_id": ""}, ("1000", "300", "1000", "internal")),
        ({"agent": "0830000000"}, ("0830000000", "0820000100", "27820001234", "external")),
        ({"callee": "!"}, ("1000", "", "27820001234", "outbound")),
        ({"outbound_id": "!"}, ("1000", "0820000100", "", "outbound")),
        ({"agent": "!", "callee": "1001", "outbound_id": ""}, ("", "1001", "", "internal")),
    ],
)
def test_every_decided_call_makes_a_record(
    asked: dict[str, str], fields: tuple[str, str, str, str]
) -> None:
    call = decide(request(**asked), config().integrators[0]).call
    ending = {name: ENDED[name] for name in ENDED if name not in Call._fields}
    made = record({**ending, **call.facts()})
    assert made.call == call
    assert (call.extension, call.number, call.dial_number, call.call_dir.value) == fields


def test_a_call_that_no_server_decided_on_failed_and_is_recorded_all_the_same() -> None:
    fields = payload(UNDECIDED)
    assert (fields["end_reason"], fields["end_code"]) == ("failed", 42)
    assert fields["extension"] == "1000"
    assert fields["number"] == "0820000100"
    assert fields["contact_ref"] == "ticket-7"
    assert fields["call_time"] == 1
    assert record(UNDECIDED).call.integrator == "acme"


def test_an_undecided_call_of_nobodys_agent_has_no_integrator() -> None:
    assert record({**UNDECIDED, "channel": "PJSIP/2000-0000000a"}).call.integrator == ""


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    assert record({**ENDED, "ended_at": "1699999999"}).call_time == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"call_ref": ""}, "call_ref: a lower-case UUID"),
        ({"call_ref": CALL_REF.upper()}, "call_ref: a lower-case UUID"),
        ({"call_dir": ""}, "call_dir: one of the call directions"),
        ({"call_dir": "sideways"}, "call_dir: one of the call directions"),
        ({"extension": "1"}, "extension: an extension, a number or nothing"),
        ({"number": "\ufffd"}, "number: an extension, a number or nothing"),
        ({"dial_number": "1000\n"}, "dial_number: an extension, a number or nothing"),
        ({"contact_ref": "a b"}, "contact_ref: letters, digits and . - _ ~ only"),
        ({"dialed_at": ""}, "dialed_at: a whole number"),
        ({"dialed_at": "-1"}, "dialed_at: a whole number"),
        ({"dialed_at": "1.5"}, "dialed_at: a whole number"),
        ({"dialed_at": "1" * 13}, "dialed_at: a whole number"),
        ({"dialed_at": "\u0661"}, "dialed_at: a whole number"),
        ({"ended_at": "soon"}, "ended_at: a whole number"),
        ({"hangup_cause": ""}, "hangup_cause: a whole number"),
    ],
)
def test_malformed_facts_make_no_record(changed: dict[str, str], message: str) -> None:
    with pytest.raises(MalformedFacts) as raised:
        record({**ENDED, **changed})
    assert str(raised.value) == message
    assert [raised.value.field] == list(changed)


@pytest.mark.parametrize("name", ["call_ref", "dialed_at", "ended_at", "hangup_cause"])
def test_without_these_facts_there_is_no_record(name: str) -> None:
    with pytest.raises(MalformedFacts) as raised:
        record({fact: text for fact, text in ENDED.items() if fact != name})
    assert raised.value.field == name


mutated = st.dictionaries(st.sampled_from(sorted(ENDED)), st.text(max_size=12), max_size=4)


@given(mutated, st.sets(st.sampled_from(sorted(ENDED)), max_size=4))
def test_any_facts_make_a_record_or_are_malformed(
    changed: dict[str, str], missing: set[str]
) -> None:
    facts = {name: text for name, text in {**ENDED, **changed}.items() if name not in missing}
    try:
        made = record(facts)
    except MalformedFacts:
        return
    assert made.call_time >= 0
    json.loads(made.notification(config().integrators[0]).body)


@pytest.mark.parametrize(
    ("changed", "recording_url"),
    [
        ({}, ""),
        ({"record": "1"}, CALL_REF),
        ({"recorded": "1"}, CALL_REF),
        ({"record": "yes"}, ""),
        ({"record": "1", "dialstatus": "BUSY", "hangup_cause": "17"}, ""),
        ({"record": "1", "dialstatus": "", "joined_at": "1700000005"}, CALL_REF),
    ],
)
def test_a_recording_is_named_where_there_was_an_answer(
    changed: dict[str, str], recording_url: str
) -> None:
    assert payload({**ENDED, **changed})["recording_url"] == recording_url


class TestInbound:
    def test_version_3(self) -> None:
        assert list(payload(INBOUND, **INBOUND_KEYS).items()) == [
            ("extension", "1001"),
            ("number", "27820007777"),
            ("dial_number", "0215550100"),
            ("call_ref", CALL_REF),
            ("contact_ref", "client-4711"),
            ("dialed_at", 1700000000),
            ("end_reason", "hungup"),
            ("end_code", 16),
            ("call_time", 65),
            ("hold_time", 11),
            ("call_dir", "inbound"),
            ("recording_url", ""),
            ("ref", "click-dial"),
        ]

    def test_a_caller_who_left_the_queue_waited_to_the_end(self) -> None:
        left = {
            name: text
            for name, text in INBOUND.items()
            if name not in ("agent", "agent_channel", "joined_at")
        }
        fields = payload(left, **INBOUND_KEYS)
        assert (fields["extension"], fields["hold_time"]) == ("", 64)

    def test_without_a_queue_nobody_waited(self) -> None:
        assert payload({**INBOUND, "queued_at": ""}, **INBOUND_KEYS)["hold_time"] == 0

    def test_a_clock_that_was_set_back_gives_no_negative_wait(self) -> None:
        made = record({**INBOUND, "joined_at": "1699999999"}, config(**INBOUND_KEYS))
        assert made.hold_time == 0

    @pytest.mark.parametrize(
        ("ended_by", "detailed"),
        [("agent", "agent_hungup"), ("", "callee_hungup"), ("x", "callee_hungup")],
    )
    def test_who_hung_up(self, ended_by: str, detailed: str) -> None:
        keys = {**INBOUND_KEYS, "detailed_end_reasons": True}
        assert payload({**INBOUND, "ended_by": ended_by}, **keys)["end_reason"] == detailed

    @pytest.mark.parametrize(
        ("changed", "field", "value"),
        [
            ({"agent": "1002"}, "extension", "1002"),
            ({"agent": "2000"}, "extension", ""),
            ({"agent": "x"}, "extension", ""),
            ({"agent_channel": "Local/1001@x-0000000a;1"}, "extension", "1001"),
            ({"agent_channel": "Local/2000@x-0000000a;1"}, "extension", ""),
            ({"agent_channel": "PJSIP/trunk-0000000a"}, "extension", ""),
            ({"number": "anonymous"}, "number", ""),
            ({"contact_ref": "a b"}, "contact_ref", ""),
            ({"contact_ref": "c" * 231}, "contact_ref", "c" * 230),
        ],
    )
    def test_what_is_not_valid_is_left_out(
        self, changed: dict[str, str], field: str, value: str
    ) -> None:
        assert payload({**INBOUND, **changed}, **INBOUND_KEYS)[field] == value

    def test_a_number_of_nobody_has_no_integrator(self) -> None:
        call = record({**INBOUND, "dial_number": "27119999999"}, config(**INBOUND_KEYS)).call
        assert (call.integrator, call.extension) == ("", "")

    @pytest.mark.parametrize("name", ["queued_at", "joined_at", "dialed_at"])
    def test_a_time_that_is_none_is_malformed(self, name: str) -> None:
        with pytest.raises(MalformedFacts) as raised:
            record({**INBOUND, name: "soon"}, config(**INBOUND_KEYS))
        assert raised.value.field == name


class TestJoined:
    def told(self, facts: dict[str, str], **keys: Any) -> tuple[str, dict[str, Any]]:
        """Return the list, and the payload of the notification."""
        acme = config(**INBOUND_KEYS, **keys)
        event = read_told(event_of(facts), facts, acme)
        assert isinstance(event, JoinedCall)
        notification = event.notification(acme.integrators[0])
        assert notification.call_ref == CALL_REF
        body = json.loads(notification.body)
        assert (list(body), body["type"]) == (["type", "payload"], "call")
        return notification.list_name, body["payload"]

    def test_an_inbound_call(self) -> None:
        list_name, fields = self.told(ANSWERED)
        assert list_name == "enigma:notifications:inbound"
        assert list(fields.items()) == [
            ("number", "27820007777"),
            ("dial_number", "0215550100"),
            ("hold_time", 11),
            ("call_ref", CALL_REF),
            ("contact_ref", "client-4711"),
            ("call_dir", "inbound"),
            ("ref", "1001"),
        ]

    def test_version_2_names_the_direction_in_another_field(self) -> None:
        _, fields = self.told(ANSWERED, payload_version=2)
        assert list(fields)[5:] == ["campaign_ref", "ref"]
        assert fields["campaign_ref"] == "inbound"

    def test_an_agents_own_call(self) -> None:
        asked = decide(request(), config().integrators[0]).call.facts()
        times = {"dialed_at": "1700000000", "joined_at": "1700000005"}
        list_name, fields = self.told({**asked, **times})
        assert list_name == "enigma:notifications:c2d"
        assert (fields["ref"], fields["number"], fields["hold_time"]) == ("1000", "0820000100", 0)

    def test_an_ended_call_is_a_record(self) -> None:
        assert isinstance(read_told(event_of(INBOUND), INBOUND, config(**INBOUND_KEYS)), CallRecord)

    @pytest.mark.parametrize("facts", [{}, {"call_ref": CALL_REF}, {**ANSWERED, "call_ref": "x"}])
    def test_malformed_facts_are_no_event(self, facts: dict[str, str]) -> None:
        with pytest.raises(MalformedFacts):
            read_told(event_of(facts), facts, config(**INBOUND_KEYS))


@given(
    st.dictionaries(st.sampled_from(sorted(INBOUND)), st.text(max_size=12), max_size=4),
    st.sets(st.sampled_from(sorted(INBOUND)), max_size=4),
)
def test_any_facts_of_an_inbound_call_make_an_event_or_are_malformed(
    changed: dict[str, str], missing: set[str]
) -> None:
    acme = config(**INBOUND_KEYS)
    facts = {name: text for name, text in {**INBOUND, **changed}.items() if name not in missing}
    try:
        event = read_told(event_of(facts), facts, acme)
    except MalformedFacts:
        return
    assert event.known.dialed_at >= 0
    json.loads(event.notification(acme.integrators[0]).body)


class TestRequest:
    @pytest.mark.parametrize(
        ("channel", "agent"),
        [
            ("PJSIP/1000-0000000a", "1000"),
            ("PJSIP/front-desk-0000000a", "front-desk"),
            ("PJSIP/1000", ""),
            ("", ""),
        ],
    )
    def test_the_agent_is_the_endpoint_of_the_channel(self, channel: str, agent: str) -> None:
        assert read_request({"channel": channel}, {}).agent == agent

    def test_an_operator_may_name_the_agent_of_an_endpoint(self) -> None:
        facts = {"channel": "PJSIP/front-desk-0000000a", "agent": "1000"}
        assert read_request(facts, {}).agent == "1000"

    def test_another_kind_of_channel_is_no_agent(self) -> None:
        agent = read_request({"channel": "Local/1000@x-0000000a;1"}, {}).agent
        assert config().owner_of(agent) is None

    def test_the_values_are_those_of_the_headers(self) -> None:
        asked = read_request(UNDECIDED, {})
        assert asked == request()

    def test_nothing_is_a_request_for_nothing(self) -> None:
        asked = read_request({}, {})
        assert asked == request(call_ref="", agent="", callee="", outbound_id="", contact_ref="")
