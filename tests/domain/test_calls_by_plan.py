"""Decisions under the number plans of countries, and one number however it is written."""

from __future__ import annotations

from typing import Any

import pytest

from click2dial_agi.domain.calls import Decision, decide
from tests.domain.examples import CALL_REF, integrator, request

GB: dict[str, Any] = {
    "numbering": {
        "country": "GB",
        "dial_format": "plus",
        "caller_id_format": "00",
        "record_format": "national",
    },
    "caller_ids": {"random": ["020 7031 3000", "0161 496 0000"]},
    "default_outbound_id": "random",
    "extensions": ["1000-1999", "20000-20999"],
}
FORMATTED: dict[str, Any] = {"numbering": {"accept": "formatted"}}


def decided(asked: dict[str, str], **keys: Any) -> Decision:
    if "numbering" in keys and keys["numbering"].get("country"):
        asked = {"callee": "020 7946 0999", **asked}
    return decide(request(**{"outbound_id": "", **asked}), integrator(**keys))


def told(asked: dict[str, str], **keys: Any) -> list[str]:
    return [error.message for error in decided(asked, **keys).errors]


@pytest.mark.case("C14")
@pytest.mark.parametrize(
    "callee",
    ["020 7946 0999", "+44 20 7946 0999", "tel:+44-20-7946-0999", "00442079460999", "2079460999"],
)
def test_dialled_shown_and_recorded_as_the_plan_says(callee: str) -> None:
    decision = decided({"callee": callee}, **GB)
    assert decision.errors == ()
    assert decision.dial == "PJSIP/+442079460999@trunk"
    assert decision.call.number == "02079460999"
    assert (decision.shown, decision.call.dial_number) == ("00442070313000", "02070313000")


@pytest.mark.case("C14")
@pytest.mark.parametrize("callee", ["082 000 0100", "(082) 000-0100", "0820000100"])
def test_south_africa_as_people_write_it(callee: str) -> None:
    decision = decided({"callee": callee, "outbound_id": "+27 82 000 1234"}, **FORMATTED)
    assert decision.errors == ()
    assert decision.dial == "PJSIP/0820000100@trunk"
    assert decision.call.number == "0820000100"
    assert decision.call.dial_number == decision.shown == "27820001234"


@pytest.mark.parametrize(
    ("asked", "errors"),
    [
        (
            {"agent": "x", "callee": "7031 3000", "outbound_id": "0161 496 000"},
            [
                "agent: only digits 0-9, + before them, blanks and - . / ( ) are understood",
                "callee: the area code is missing for a number of GB",
                "outbound_id: one digit too few for a fixed number of GB",
            ],
        ),
        ({"agent": "21000"}, ["agent: an extension that the configuration gives to an integrator"]),
        ({"callee": "21000"}, ["callee: an extension of the agent's own integrator"]),
        ({"outbound_id": "tvc_x"}, ["outbound_id: tvc_ and the name of a verified campaign"]),
    ],
)
def test_errors_say_what_is_missing(asked: dict[str, str], errors: list[str]) -> None:
    assert told(asked, **GB) == errors


def test_where_only_digits_are_accepted_the_errors_say_what_is() -> None:
    strict = {**GB, "numbering": {"country": "GB", "accept": "digits"}}
    number = "a number as written in GB, or with + and the country code"
    assert told({"callee": "020 7946 0999"}, **strict) == [f"callee: 3-5 digits, {number}"]
    assert told({"outbound_id": "x", "callee": "02079460999"}, **strict) == [
        f"outbound_id: random, tvc_<campaign_name>, {number}"
    ]


def test_a_long_extension_is_called() -> None:
    decision = decided({"agent": "20000", "callee": "20999"}, **GB)
    assert decision.errors == ()
    assert decision.to_agent
    assert decision.dial == "PJSIP/20999"
    assert (decision.call.call_dir.value, decision.call.dial_number) == ("internal", "20000")


def test_an_extension_that_nobody_has_may_be_a_number() -> None:
    andorra = {
        "numbering": {"country": "AD"},
        "caller_ids": {},
        "extensions": ["1000-1999", "100000-100009"],
    }
    asked = {"callee": "712345", "outbound_id": "712346"}
    decision = decided(asked, **andorra)
    assert decision.errors == ()
    assert decision.dial == "PJSIP/376712345@trunk"
    assert not decision.to_agent


@pytest.mark.case("A5")
@pytest.mark.parametrize(
    ("callee", "error"),
    [
        ("0900123456", "callee: no premium numbers"),
        ("0860123456", "callee: no shared cost numbers"),
        ("0018765230123", "callee: a country that is not denied"),
        ("0012125550100", None),
        ("0820000100", None),
    ],
)
def test_destinations_by_kind(callee: str, error: str | None) -> None:
    destinations = {
        "international": ["1"],
        "allow": ["+1 except +1876"],
        "deny": ["premium", "shared_cost", "satellite"],
    }
    decision = decided({"callee": callee, "outbound_id": "27820001234"}, destinations=destinations)
    assert [one.message for one in decision.errors] == ([error] if error else [])
    assert all(one.forbidden for one in decision.errors)


@pytest.mark.case("C10")
class TestOneAgent:
    @pytest.mark.parametrize("agent", ["0830000000", "27830000000", "0027830000000"])
    def test_however_it_is_written(self, agent: str) -> None:
        decision = decided({"agent": agent, "outbound_id": "27820001234"})
        assert decision.agent_key == "27830000000"
        assert decision.call.extension == agent

    def test_an_extension_is_its_own(self) -> None:
        assert decided({"outbound_id": "27820001234"}).agent_key == "1000"

    @pytest.mark.parametrize(
        ("agent", "callee"),
        [("1000", "1000"), ("0830000000", "27830000000"), ("27830000000", "0027830000000")],
    )
    def test_nobody_calls_himself(self, agent: str, callee: str) -> None:
        asked = {"agent": agent, "callee": callee, "outbound_id": "27820001234"}
        assert told(asked) == ["callee: somebody else than the agent"]
        assert told({**asked, "callee": "0840000000"}) == []


def test_a_default_caller_id_is_shown_in_the_trunks_form() -> None:
    keys = {**GB, "default_outbound_id": "+44 20 7031 3000"}
    assert decided({"callee": "020 7946 0999"}, **keys).shown == "00442070313000"


def test_an_external_agent_is_recorded_in_the_plans_form() -> None:
    decision = decided({"agent": "+44 7911 123456", "callee": "020 7946 0999"}, **GB)
    assert decision.errors == ()
    assert decision.call.extension == "07911123456"
    assert decision.agent_number is not None
    assert decision.agent_number.dialled == "+447911123456"
    assert decision.call.call_ref == CALL_REF


def test_a_caller_id_that_providers_often_reject_is_warned_of() -> None:
    for outbound_id, warned in (("0820001234", True), ("27820001234", False)):
        assert bool(decided({"outbound_id": outbound_id}).warning) == warned
    american = {
        "numbering": {"country": "US", "caller_id_format": "national"},
        "caller_ids": {"random": ["(212) 555-0100"]},
        "default_outbound_id": "random",
    }
    decision = decided({"callee": "(201) 555-0123"}, **american)
    assert (decision.shown, decision.warning) == ("2125550100", "")


@pytest.mark.case("T17")
@pytest.mark.parametrize("keys", [{}, FORMATTED, GB], ids=["contract", "formatted", "GB"])
@pytest.mark.parametrize("callee", ["112", "1 1 2", "1-1-2", "(112)", "tel:112", "11\u00a02"])
def test_help_is_called_however_its_number_is_written(keys: dict[str, Any], callee: str) -> None:
    asked = request(callee=callee, outbound_id="nonsense", contact_ref="a b")
    decision = decide(asked, integrator(**keys), ("112", "*99"))
    assert decision.emergency
    assert (decision.errors, decision.dial, decision.call.number) == ((), "112", "112")


@pytest.mark.parametrize(
    "callee", ["+112", "11200", "0112", "11", "112x", "11/2", "9 9", "", "*9 9"]
)
def test_what_is_no_emergency_number(callee: str) -> None:
    decision = decide(request(callee=callee), integrator(**FORMATTED), ("112", "*99"))
    assert not decision.emergency
    assert decision.errors
