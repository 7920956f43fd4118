"""One request in, one decision out (docs/contract.md)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain import facts
from click2dial_agi.domain.calls import Call, CallDirection, decide
from click2dial_agi.domain.numbering import TELEFORGE, Number
from click2dial_agi.domain.numbers import is_contact_ref
from tests.domain.examples import CALL_REF, integrator, request

FULL = "10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
AGENT = f"agent: 3-4 digits, {FULL}"
AGENT_OWNED = "agent: an extension that the configuration gives to an integrator"
CALLEE = f"callee: 3-4 digits, {FULL}"
CALLEE_NUMBER = f"callee: {FULL}"
CALLEE_OWNED = "callee: an extension of the agent's own integrator"
OUTBOUND_ID = (
    "outbound_id: random, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27"
)
POOL = "outbound_id: random only with a pool of numbers, and none is configured"
CAMPAIGN = "outbound_id: tvc_ and the name of a verified campaign"
OWNED = "outbound_id: a number that the integrator owns"
CONTACT_REF = "contact_ref: letters, digits and . - _ ~ only"

NO_CALLER_IDS: dict[str, Any] = {"caller_ids": {}}


def messages(asked: dict[str, str], **keys: Any) -> list[str]:
    """Return the errors of a request to ACME with some keys changed."""
    decision = decide(request(**asked), integrator(**keys))
    assert bool(decision.errors) == (decision.dial == "")
    return [error.message for error in decision.errors]


def test_a_good_request_becomes_a_call_and_a_dial_string() -> None:
    decision = decide(request(), integrator())
    assert decision.errors == ()
    assert decision.dial == "PJSIP/0820000100@trunk"
    assert decision.call == Call(
        call_ref=CALL_REF,
        integrator="acme",
        extension="1000",
        number="0820000100",
        dial_number="27820001234",
        contact_ref="ticket-7",
        call_dir=CallDirection.OUTBOUND,
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"agent": ""}, [AGENT]),
        ({"agent": "10"}, [AGENT]),
        ({"agent": "1000\n"}, [AGENT]),
        ({"agent": "\uff11\uff10\uff10\uff10"}, [AGENT]),
        ({"agent": "sip:1000"}, [AGENT]),
        ({"agent": "2000"}, [AGENT_OWNED]),
        ({"agent": "301"}, [AGENT_OWNED]),
        ({"agent": "0300"}, [AGENT_OWNED]),
        ({"callee": ""}, [CALLEE]),
        ({"callee": "082000010"}, [CALLEE]),
        ({"callee": "0820000100\n"}, [CALLEE]),
        ({"callee": "\u0660" * 10}, [CALLEE]),
        ({"callee": "2000"}, [CALLEE_OWNED]),
        ({"outbound_id": ""}, [OUTBOUND_ID]),
        ({"outbound_id": "anonymous"}, [OUTBOUND_ID]),
        ({"outbound_id": "0044123456789"}, [OUTBOUND_ID]),
        ({"outbound_id": "27820001234\n"}, [OUTBOUND_ID]),
        ({"outbound_id": "tvc_"}, [OUTBOUND_ID]),
        ({"outbound_id": "tvc_winter"}, [CAMPAIGN]),
        ({"outbound_id": "tvc_Spring"}, [CAMPAIGN]),
        ({"contact_ref": "ticket 7"}, [CONTACT_REF]),
        ({"contact_ref": "ticket-7\n"}, [CONTACT_REF]),
        ({"contact_ref": "caf\u00e9"}, [CONTACT_REF]),
        ({"contact_ref": "x" * 300 + "!"}, [CONTACT_REF]),
        ({"callee": "!", "agent": "!"}, [AGENT, CALLEE]),
        ({"contact_ref": "!", "outbound_id": "!"}, [OUTBOUND_ID, CONTACT_REF]),
        (
            {"contact_ref": "!", "outbound_id": "!", "callee": "!", "agent": "!"},
            [AGENT, CALLEE, OUTBOUND_ID, CONTACT_REF],
        ),
    ],
)
def test_each_wrong_field_has_one_error_in_the_contracts_order(
    asked: dict[str, str], expected: list[str]
) -> None:
    assert messages(asked) == expected


def test_what_was_refused_is_left_out_of_the_call() -> None:
    call = decide(
        request(agent="!", callee="!", outbound_id="!", contact_ref="!"), integrator()
    ).call
    assert (call.extension, call.number, call.dial_number, call.contact_ref) == ("", "", "", "")
    assert (call.call_ref, call.integrator, call.call_dir.value) == (CALL_REF, "acme", "outbound")


@given(st.text(st.characters(exclude_characters="0123456789"), min_size=4))
def test_no_message_echoes_what_was_sent(value: str) -> None:
    raw = f"\x01{value}"
    for message in messages(dict.fromkeys(("agent", "callee", "outbound_id"), raw)):
        assert raw not in message


anything = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"[0-9]{0,17}", fullmatch=True),
    st.sampled_from(["1000", "1001", "2000", "0820000100", "27820001234", "00" + "4" * 12]),
    st.sampled_from(["random", "tvc_spring", "tvc_x", "ticket-7"]),
)


@given(anything, anything, anything, anything, st.booleans(), st.booleans())
def test_a_call_holds_only_values_that_passed_their_rule(
    agent: str, callee: str, outbound_id: str, contact_ref: str, owned: bool, internal: bool
) -> None:
    asked = request(agent=agent, callee=callee, outbound_id=outbound_id, contact_ref=contact_ref)
    decision = decide(asked, integrator(internal_calls=internal) if owned else None)
    call = decision.call
    for value in (call.extension, call.number, call.dial_number):
        is_number = isinstance(TELEFORGE.read(value), Number)
        assert value == "" or TELEFORGE.is_extension(value) or is_number
    assert call.contact_ref == "" or is_contact_ref(call.contact_ref)
    order = ["agent", "callee", "outbound_id", "contact_ref"]
    fields = [error.field for error in decision.errors]
    assert fields == [field for field in order if field in fields]
    assert bool(decision.errors) == (decision.dial == "")
    assert owned or "agent" in fields
    assert facts.decode(facts.encode(call.facts())) == {
        name: value for name, value in call.facts().items() if value
    }


class TestContactRef:
    @pytest.mark.parametrize("length", [1, 230, 231, 1400])
    def test_a_long_one_is_cut_and_not_refused(self, length: int) -> None:
        sent = ("0123456789" * 140)[:length]
        decision = decide(request(contact_ref=sent), integrator())
        assert decision.errors == ()
        assert decision.call.contact_ref == sent[:230]

    @pytest.mark.case("A14")
    def test_what_nobody_could_read_is_not_absent(self) -> None:
        long = "a header of at most 4000 characters"
        nothing = request(outbound_id="", contact_ref="")._replace(unread=True)
        for keys in ({}, {"default_outbound_id": "27820001234"}):
            decision = decide(nothing, integrator(**keys))
            messages = [error.message for error in decision.errors]
            assert messages == [f"outbound_id: {long}", f"contact_ref: {long}"]
            assert (decision.call.dial_number, decision.call.contact_ref) == ("", "")
        # Another one was too long, and what counts is here.
        assert decide(request()._replace(unread=True), integrator()).errors == ()

    def test_without_one_the_call_ref_stands_in(self) -> None:
        decision = decide(request(contact_ref=""), integrator())
        assert decision.errors == ()
        assert decision.call.contact_ref == CALL_REF


class TestCallerID:
    @pytest.mark.parametrize(
        ("outbound_id", "shown"),
        [
            ("27820005555", "27820005555"),
            ("0820005555", "0820005555"),
            ("random", "27820001234"),
            ("tvc_spring", "27110001234"),
        ],
    )
    def test_it_is_resolved(self, outbound_id: str, shown: str) -> None:
        decision = decide(request(outbound_id=outbound_id), integrator())
        assert decision.errors == ()
        assert decision.call.dial_number == shown

    def test_random_draws_from_the_whole_pool(self) -> None:
        pool = [f"2782000123{digit}" for digit in range(4)]
        acme = integrator(caller_ids={"random": pool})
        drawn = {decide(request(outbound_id="random"), acme).call.dial_number for _ in range(400)}
        assert drawn == set(pool)

    def test_without_a_pool_there_is_no_random(self) -> None:
        assert messages({"outbound_id": "random"}, **NO_CALLER_IDS) == [POOL]

    def test_without_campaigns_there_is_no_tvc(self) -> None:
        assert messages({"outbound_id": "tvc_spring"}, **NO_CALLER_IDS) == [CAMPAIGN]

    @pytest.mark.parametrize("default", ["27820007777", "0820007777", "random", "tvc_spring"])
    def test_the_default_stands_in_for_an_absent_one(self, default: str) -> None:
        acme = integrator(default_outbound_id=default)
        shown = {"random": "27820001234", "tvc_spring": "27110001234"}.get(default, default)
        assert decide(request(outbound_id=""), acme).call.dial_number == shown

    def test_the_default_does_not_stand_in_for_a_wrong_one(self) -> None:
        assert messages({"outbound_id": "!"}, default_outbound_id="random") == [OUTBOUND_ID]

    @pytest.mark.parametrize(
        ("owned", "outbound_id", "allowed"),
        [
            (["27820001234"], "27820001234", True),
            (["27820001234"], "0820001234", True),
            (["0820001234"], "27820001234", True),
            (["0820001234"], "0820001234", True),
            (["27820001234"], "27820001235", False),
            (["2782*"], "27829999999", True),
            (["2782*"], "0829999999", True),
            (["082*"], "27829999999", True),
            (["082*"], "0839999999", False),
            (["2782*"], "27119999999", False),
            (["27*"], "0119999999", True),
            (["27110001111", "2782*"], "0820000000", True),
            ([], "27119999999", True),
        ],
    )
    def test_an_integrator_shows_its_own_numbers(
        self, owned: list[str], outbound_id: str, allowed: bool
    ) -> None:
        found = messages({"outbound_id": outbound_id}, caller_ids={"owned": owned})
        assert found == ([] if allowed else [OWNED])


class TestDestinations:
    @pytest.mark.parametrize(
        ("international", "callee", "allowed"),
        [
            ("all", "0044123456789", True),
            (["44"], "0044123456789", True),
            (["27", "44"], "0044123456789", True),
            (["27"], "0044123456789", False),
            (["1"], "0044123456789", False),
            ([], "0044123456789", False),
            ([], "0820000100", True),
            ([], "27820000100", True),
            (["27"], "0012345678", False),  # ten digits that a trunk reads as international
            (["27"], "0027820000100", True),
            (["27"], "0000000000000", False),
        ],
    )
    def test_country_codes_are_held_to_the_list(
        self, international: object, callee: str, allowed: bool
    ) -> None:
        decision = decide(
            request(callee=callee), integrator(destinations={"international": international})
        )
        assert [error.field for error in decision.errors] == ([] if allowed else ["callee"])
        assert all(error.forbidden for error in decision.errors)

    def test_the_error_lists_what_is_allowed(self) -> None:
        asked = {"callee": "0044123456789"}
        for codes, text in ((["27", "1"], "27, 1"), ([], "none")):
            assert messages(asked, destinations={"international": codes}) == [
                f"callee: allowed country codes after 00: {text}"
            ]

    def test_the_phone_of_an_agent_is_held_to_it_too(self) -> None:
        asked = {"agent": "0044123456789"}
        assert messages(asked, destinations={"international": ["27"]}) == [
            "agent: allowed country codes after 00: 27"
        ]


class TestInternalCalls:
    def test_a_colleague_is_rung_and_sees_who_calls(self) -> None:
        decision = decide(request(callee="300", outbound_id=""), integrator())
        assert decision.errors == ()
        assert decision.dial == "PJSIP/300"
        assert (decision.call.dial_number, decision.call.call_dir.value) == ("1000", "internal")

    def test_an_outbound_id_is_checked_and_not_shown(self) -> None:
        assert decide(request(callee="1001"), integrator()).call.dial_number == "1000"
        assert messages({"callee": "1001", "outbound_id": "!"}) == [OUTBOUND_ID]

    def test_they_can_be_switched_off(self) -> None:
        assert messages({"callee": "1001"}, internal_calls=False) == [CALLEE_NUMBER]
        refused = decide(request(callee="1001"), integrator(internal_calls=False)).call
        assert refused.call_dir.value == "outbound"
        assert refused.dial_number == "27820001234"

    @pytest.mark.parametrize("agent", ["!", "2000", "", "1000\n"])
    def test_a_refused_agent_is_not_shown_either(self, agent: str) -> None:
        asked = request(agent=agent, callee="1001", outbound_id="")
        assert decide(asked, integrator()).call.dial_number == ""
        assert decide(asked, None).call.dial_number == ""


class TestExternalCalls:
    def test_a_full_number_may_be_the_agent(self) -> None:
        decision = decide(request(agent="0830000000"), integrator())
        assert decision.errors == ()
        assert decision.call.extension == "0830000000"
        assert decision.call.call_dir.value == "external"

    def test_it_may_call_an_extension(self) -> None:
        decision = decide(request(agent="0830000000", callee="1001"), integrator())
        assert (decision.dial, decision.call.call_dir.value) == ("PJSIP/1001", "external")
        assert decision.call.dial_number == "27820001234"


class TestNobodysAgent:
    @pytest.mark.parametrize("agent", ["2000", "0830000000"])
    def test_it_is_refused(self, agent: str) -> None:
        decision = decide(request(agent=agent), None)
        assert [error.message for error in decision.errors] == [AGENT_OWNED]
        assert (decision.call.integrator, decision.call.extension) == ("", "")
        assert decision.call.number == "0820000100"

    def test_the_other_fields_are_checked_all_the_same(self) -> None:
        decision = decide(request(agent="!", callee="1001", outbound_id="", contact_ref="!"), None)
        expected = [AGENT, CALLEE_NUMBER, CONTACT_REF]
        assert [error.message for error in decision.errors] == expected

    @pytest.mark.parametrize("outbound_id", ["random", "tvc_spring"])
    def test_names_cannot_be_resolved_for_nobody(self, outbound_id: str) -> None:
        decision = decide(request(agent="2000", outbound_id=outbound_id), None)
        assert [error.message for error in decision.errors] == [AGENT_OWNED]
        assert decision.call.dial_number == ""


@pytest.mark.parametrize(
    ("keys", "callee", "dial"),
    [
        ({}, "0820000100", "PJSIP/0820000100@trunk"),
        (
            {"trunk_dial": "Local/{number}@from-internal"},
            "0820000100",
            "Local/0820000100@click2dial-via/n",
        ),
        ({"agent_dial": "Local/{extension}@agents"}, "1001", "Local/1001@agents"),
    ],
)
def test_the_dial_string_follows_the_template(keys: dict[str, str], callee: str, dial: str) -> None:
    assert decide(request(callee=callee), integrator(**keys)).dial == dial


@pytest.mark.parametrize("asked", [True, False, None])
@pytest.mark.parametrize("usual", [True, False])
def test_a_phone_answers_by_itself_where_that_is_wanted(asked: bool | None, usual: bool) -> None:
    acme = integrator(auto_answer=usual)
    wanted = request()._replace(auto_answer=asked)
    assert decide(wanted, acme).auto_answer is (usual if asked is None else asked)
    decided = decide(wanted._replace(agent="27820000101"), acme)
    assert [error.field for error in decided.errors] == (["auto_answer"] if asked else [])
    assert not decided.auto_answer
