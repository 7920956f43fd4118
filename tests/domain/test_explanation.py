"""What an operator is told of a number."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.explanation import explain
from tests.domain.examples import config

TODAY = date(2026, 1, 1)

BRITISH: dict[str, Any] = {
    "numbering": {"country": "GB", "dial_format": "plus", "record_format": "national"},
    "caller_ids": {
        "random": ["020 7031 3000", "0161 496 0000"],
        "verified": {"spring": "0161 496 0001"},
    },
    "default_outbound_id": "random",
    "destinations": {"international": ["27"], "deny": ["premium"]},
}


def told(text: str, **keys: Any) -> dict[str, str]:
    made = config(**keys)
    return dict(explain(text, made.integrators[0], made, TODAY))


def test_a_number_that_may_be_dialled() -> None:
    assert told("0161 999 9999", **BRITISH) == {
        "plan": "GB",
        "is": "+44 161 999 9999 (GB)",
        "kind": "fixed, at home",
        "dialled": "PJSIP/+441619999999@trunk",
        "recorded as": "01619999999",
        "caller ID": "441614960000 (random)",
        "allowed": "yes: at home",
    }


def test_a_number_that_may_not() -> None:
    premium = told("0900 123 4567", **BRITISH)
    assert premium["kind"] == "premium, at home"
    assert premium["allowed"] == 'no: deny: premium; told as "callee: no premium numbers"'
    abroad = told("+33 1 42 68 53 00", **BRITISH)
    assert (abroad["is"], abroad["kind"]) == ("+33 1 42 68 53 00 (FR)", "fixed, abroad")
    assert abroad["allowed"] == (
        'no: international: 27; told as "callee: allowed country codes: 27"'
    )


def test_what_is_no_number() -> None:
    assert told("7031 3000", **BRITISH) == {
        "plan": "GB",
        "is": "no number",
        "allowed": "no: callee: the area code is missing for a number of GB",
    }
    assert told("abc")["allowed"] == (
        "no: callee: 3-4 digits, 10 digits starting 0, 11 digits starting 27 "
        "or 13-16 digits starting 00"
    )


def test_the_contracts_plan() -> None:
    assert told("0860123456") == {
        "plan": "teleforge",
        "is": "+27 860 123 456 (ZA)",
        "kind": "shared cost, at home",
        "dialled": "PJSIP/0860123456@trunk",
        "recorded as": "0860123456",
        "caller ID": "as the call says; without one it is refused",
        "allowed": "yes: at home",
    }
    assert told("0000000000")["is"] == "00000000"


@pytest.mark.parametrize(
    ("text", "keys", "says", "allowed"),
    [
        ("112", {}, "an emergency number", "yes: from any phone, before every rule"),
        ("1 1 2", {}, "an emergency number", "yes: from any phone, before every rule"),
        ("1001", {}, "an extension of acme", "yes: internal_calls"),
        (
            *("1001", {"internal_calls": False}, "an extension of acme"),
            "no: internal_calls is false",
        ),
    ],
)
def test_what_comes_before_numbers(
    text: str, keys: dict[str, Any], says: str, allowed: str
) -> None:
    lines = told(text, **keys)
    assert (lines["is"], lines["allowed"]) == (says, allowed)


@pytest.mark.case("O36")
def test_an_extension_is_told_with_the_phone_that_rings() -> None:
    assert told("1001")["dialled"] == "PJSIP/1001"
    assert told("1001", endpoints={"1001": "alice"})["dialled"] == "PJSIP/alice"


@pytest.mark.case("O36")
def test_an_extension_of_others_is_told_as_the_api_tells_it() -> None:
    expected = "no: callee: an extension of the agent's own integrator"
    assert told("999") == {
        "plan": "teleforge",
        "is": "an extension of nobody",
        "allowed": expected,
    }
    made = parse_config(
        {
            "integrators": [
                {"name": "acme", "extensions": ["1000-1999"]},
                {"name": "globex", "extensions": ["2000-2999"], "key_prefix": "globex"},
            ]
        }
    )
    acme, _ = made.integrators
    lines = dict(explain("2000", acme, made, TODAY))
    assert (lines["is"], lines["allowed"]) == ("an extension of globex", expected)
    assert told("999", internal_calls=False)["is"] == "no number"


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        ("020 7031 3000", "442070313000"),
        ("tvc_spring", "441614960001 (tvc_spring)"),
        ("tvc_winter", "none: no campaign for tvc_winter"),
        (None, "as the call says; without one it is refused"),
    ],
)
def test_the_caller_id(default: str | None, shown: str) -> None:
    lines = told("0161 999 9999", **{**BRITISH, "default_outbound_id": default})
    assert lines["caller ID"] == shown


def test_a_pool_that_is_empty() -> None:
    lines = told("0820001234", caller_ids={}, default_outbound_id="random")
    assert lines["caller ID"] == "none: caller_ids.random is empty"
