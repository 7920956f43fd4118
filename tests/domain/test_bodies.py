"""The body of Create Call: which of its values count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from click2dial_agi.app.http.create_schema import create_body
from click2dial_agi.domain.agent_tokens import read_wanted
from click2dial_agi.domain.bodies import read_body
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.numbering import Number, NumberPlan, Teleforge, country_plan
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.steering import read_digits, read_listening, read_transfer
from tests.domain.examples import ACME, CALL_REF

SCHEMA = Draft202012Validator(create_body()["content"]["application/json"]["schema"])
VALUES = st.one_of(st.none(), st.sampled_from(["", "client-4711"]), st.integers(0, 9))


@pytest.mark.case("C18")
@given(
    st.fixed_dictionaries(
        {"agent": st.just("1000"), "callee": st.just("1001")},
        optional={"contact_ref": VALUES, "call_ref": VALUES, "auto_answer": st.none()},
    )
)
def test_null_is_as_absent(body: dict[str, object]) -> None:
    without = {key: value for key, value in body.items() if value is not None}
    read = read_body(body, CALL_REF)
    assert read == read_body(without, CALL_REF)
    assert bool(read[1]) == ("contact_ref" in without and "call_ref" in without)
    assert SCHEMA.is_valid(body) != bool(read[1])


@pytest.mark.parametrize(
    "plan",
    [
        *(Teleforge(formatted=formatted) for formatted in (True, False)),
        *(country_plan(one, formatted=True) for one in ("ZA", "GB", "IT", "BR", "US")),
        *(country_plan(one, formatted=False) for one in ("ZA", "GB", "IT", "BR", "US")),
    ],
    ids=lambda plan: f"{plan.name}-{plan.formatted}",
)
def test_the_example_is_good_by_the_description_and_to_the_plan(plan: NumberPlan) -> None:
    described = create_body(plan)["content"]["application/json"]
    assert Draft202012Validator(described["schema"]).is_valid(described["example"])
    wanted, wrong = read_body(described["example"], CALL_REF)
    assert not wrong
    assert isinstance(plan.read(wanted.callee), Number)
    assert isinstance(plan.read_caller_id(wanted.outbound_id), Number)


def _of_token(body: object) -> tuple[FieldError, ...]:
    acme = parse_config({"integrators": [ACME]}).integrators[0]
    return read_wanted(body, acme)[2]


@pytest.mark.case("C29")
@pytest.mark.parametrize(
    ("read", "body", "fields"),
    [
        (lambda body: read_digits(body)[1], {"digits": "x", "y": 1}, ["body", "digits"]),
        (lambda body: read_digits(body)[1], {"digits": "1", "y": 1}, ["body"]),
        (lambda body: read_digits(body)[1], {}, ["digits"]),
        (lambda body: read_transfer(body)[1], {"type": "x", "y": 1}, ["body", "type"]),
        (lambda body: read_listening(body)[1], {"mode": "x", "y": 1}, ["body", "mode"]),
        (_of_token, {"ttl": 1, "y": 1}, ["body", "agent", "origin", "ttl"]),
    ],
)
def test_all_that_is_wrong_is_told(
    read: Callable[[object], tuple[FieldError, ...]], body: object, fields: list[str]
) -> None:
    assert [error.field for error in read(body)] == fields
    assert [error.field for error in read([])] == ["body"]
