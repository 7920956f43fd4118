"""The body of Create Call: which of its values count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from click2dial_agi.app.http.create_schema import create_body
from click2dial_agi.domain.bodies import read_body
from click2dial_agi.domain.numbering import Number, NumberPlan, Teleforge, country_plan
from tests.domain.examples import CALL_REF

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
