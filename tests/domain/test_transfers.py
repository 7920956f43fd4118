"""Whether a client may be handed over, and what the next phone is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.calls import Decision, decide
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.records import read_call
from click2dial_agi.domain.transfers import decide_transfer
from click2dial_agi.domain.variables import describe_transfer
from click2dial_agi.exceptions import MalformedFacts
from tests.domain.examples import ACME, CALL_REF, config, request
from tests.domain.test_config import OTHER

#: What the client's channel says of an agent's call, and of who wants to transfer it where.
OUTBOUND = {
    **decide(request(), config().integrators[0]).call.facts(),
    "dialed_at": "1700000000",
    "agent": "",
    "agent_channel": "PJSIP/1000-0000000a",
    "by_channel": "PJSIP/1000-0000000a",
    "target": "1001",
}
INBOUND = {
    "call_ref": CALL_REF,
    "call_dir": "inbound",
    "number": "0820007777",
    "dial_number": "27215550100",
    "contact_ref": "",
    "agent": "1000",
    "agent_channel": "PJSIP/front-desk-0000000a",
    "by_channel": "PJSIP/front-desk-0000000a",
    "target": "1001",
}


def decided(facts: dict[str, str], **keys: Any) -> Decision:
    owner = config(dids=["27215550100"], **keys)
    return decide_transfer(read_call(facts, owner), facts, owner)


def refused(facts: dict[str, str], **keys: Any) -> list[str]:
    decision = decided(facts, **keys)
    assert decision.errors
    assert decision.dial == ""
    return [error.field for error in decision.errors]


def test_a_colleague_sees_the_client() -> None:
    decision = decided(OUTBOUND)
    assert (decision.errors, decision.dial) == ((), "PJSIP/1001")
    assert decision.call.dial_number == "0820000100"
    assert describe_transfer(decision, config().integrators[0]) == {
        "C2D_DIAL": "PJSIP/1001",
        "C2D_DIAL_NUMBER": "0820000100",
        "C2D_RING_TIMEOUT": "60",
        "C2D_TO_AGENT": "1",
        "C2D_VERDICT": "dial",
    }


def test_outside_sees_what_the_client_saw() -> None:
    decision = decided({**OUTBOUND, "target": "0830000200"})
    assert (decision.dial, decision.call.dial_number) == ("PJSIP/0830000200@trunk", "27820001234")
    assert describe_transfer(decision, config().integrators[0])["C2D_TO_AGENT"] == ""


def test_an_inbound_client_goes_outside_under_the_default_number_only() -> None:
    facts = {**INBOUND, "target": "0830000200"}
    assert refused(facts) == ["outbound_id"]
    decision = decided(facts, default_outbound_id="27110001234")
    assert (decision.errors, decision.call.dial_number) == ((), "27110001234")


def test_the_operators_name_of_an_agent_counts() -> None:
    assert decided(INBOUND).dial == "PJSIP/1001"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"target": ""}, "callee"),
        ({"target": "2000"}, "callee"),
        ({"target": "12345"}, "callee"),
        ({"target": "1001&PJSIP/2000"}, "callee"),
        ({"by_channel": "PJSIP/trunk-0000000b"}, "agent"),
        ({"by_channel": "PJSIP/2000-0000000b"}, "agent"),
        ({"by_channel": "Local/1000@x-0000000b;1"}, "agent"),
        ({"by_channel": ""}, "agent"),
        ({"by_channel": "PJSIP/0820000100-0000000b"}, "agent"),
    ],
)
def test_what_is_refused(changed: dict[str, str], field: str) -> None:
    for facts in (OUTBOUND, INBOUND):
        assert refused({**facts, **changed})[0] == field


def test_the_countries_of_the_integrator_hold() -> None:
    facts = {**OUTBOUND, "target": "0049123456700"}
    assert refused(facts, destinations={"international": ["27"]}) == ["callee"]
    assert decided(facts, destinations={"international": ["49"]}).errors == ()


def test_another_integrators_agent_is_not_reached_nor_does_he_transfer() -> None:
    both: Config = parse_config({"integrators": [ACME, OTHER]})
    call = read_call(OUTBOUND, both)
    for changed in ({"target": "2500"}, {"by_channel": "PJSIP/2500-0000000a"}):
        assert decide_transfer(call, {**OUTBOUND, **changed}, both).errors


def test_a_number_of_nobody_is_not_transferred() -> None:
    facts = {**INBOUND, "dial_number": "27119999999"}
    assert decide_transfer(read_call(facts, config()), facts, config()).errors


@given(
    st.dictionaries(st.sampled_from(sorted(OUTBOUND)), st.text(max_size=12), max_size=4),
    st.sets(st.sampled_from(sorted(OUTBOUND)), max_size=4),
)
def test_nothing_is_dialled_that_was_not_validated(
    changed: dict[str, str], missing: set[str]
) -> None:
    facts = {name: text for name, text in {**OUTBOUND, **changed}.items() if name not in missing}
    try:
        decision = decided(facts)
    except MalformedFacts:
        return
    assert bool(decision.dial) != bool(decision.errors)
    if decision.dial:
        assert set(decision.dial) <= set("PJSIP/@trunk0123456789")


def test_the_last_agent_is_in_the_record() -> None:
    owner = config()
    assert (
        read_call({**OUTBOUND, "agent_channel": "PJSIP/1001-0000000b"}, owner).extension == "1001"
    )
    assert read_call({**OUTBOUND, "agent": "1002"}, owner).extension == "1002"
    assert read_call({**OUTBOUND, "agent": "2000"}, owner).extension == "1000"
    assert read_call({**OUTBOUND, "agent_channel": "PJSIP/trunk-1"}, owner).extension == "1000"
