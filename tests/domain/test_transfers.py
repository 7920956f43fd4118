"""Whether a client may be handed over, and what the next phone is shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain import facts
from click2dial_agi.domain.calls import Decision, decide
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.told import read_hand_over, read_known
from click2dial_agi.domain.transfers import HandOverDecision, decide_hand_over
from click2dial_agi.domain.variables import describe_hand_over, told_of_peer
from click2dial_agi.exceptions import MalformedFacts
from tests.domain.examples import ACME, CALL_REF, config, request
from tests.domain.test_config import OTHER

NEW = "11111111-2222-4333-8444-555555555555"

#: What the client's channel says of an agent's call, and of who wants to transfer it where.
OUTBOUND = {
    **decide(request(), config().integrators[0]).call.facts(),
    "dialed_at": "1700000000",
    "channel": "PJSIP/1000-0000000a",
    "agent": "",
    "agent_channel": "PJSIP/1000-0000000a",
    "kind": "blind",
    "target": "1001",
}
INBOUND = {
    "call_ref": CALL_REF,
    "call_dir": "inbound",
    "dialed_at": "1700000000",
    "number": "0820007777",
    "dial_number": "27215550100",
    "contact_ref": "",
    "agent": "1000",
    "agent_channel": "PJSIP/front-desk-0000000a",
    "kind": "blind",
    "target": "1001",
}


def hand_over(told: dict[str, str], owner: Config) -> HandOverDecision:
    asked = read_hand_over(told, owner)
    return decide_hand_over(asked, owner.integrator(asked.known.call.integrator), NEW)


def decided(told: dict[str, str], **keys: Any) -> Decision:
    return hand_over(told, config(dids=["27215550100"], **keys)).decision


def refused(told: dict[str, str], **keys: Any) -> list[str]:
    decision = decided(told, **keys)
    assert decision.errors
    assert decision.dial == ""
    return [error.field for error in decision.errors]


def described(told: dict[str, str], **keys: Any) -> dict[str, str]:
    owner = config(dids=["27215550100"], **keys)
    return describe_hand_over(hand_over(told, owner), owner.integrators[0])


def test_a_colleague_sees_the_client() -> None:
    assert described(OUTBOUND) == {
        "C2D_DIAL": "PJSIP/1001",
        "C2D_DIAL_NUMBER": "0820000100",
        "C2D_RING_TIMEOUT": "60",
        "C2D_TO_AGENT": "1",
        "C2D_RECALL": "1",
        "C2D_TO_SHOW": "0820000100",
        "C2D_VERDICT": "dial",
    }


@pytest.mark.case("S9")
@pytest.mark.parametrize(
    ("dial", "peer"),
    [
        ("PJSIP/1001@west", "PJSIP/1001@west|1001@west|PJSIP/west"),
        ("PJSIP/alice@to-west", "PJSIP/alice@to-west|1001@to-west|PJSIP/to-west"),
        (
            "PJSIP/west/sip:1001@10.0.0.2:5060",
            "PJSIP/west/sip:1001@10.0.0.2:5060|1001@west|PJSIP/west",
        ),
        ("Local/1001@to-west", "Local/1001@to-west|1001|"),
    ],
)
def test_a_colleague_at_another_pbx_is_told_of(dial: str, peer: str) -> None:
    """Whose phone it is, and by which channel; its endpoint there is nobody's."""
    owner = config(dids=["27215550100"])
    found = hand_over(OUTBOUND, owner)
    there = found._replace(decision=found.decision._replace(dial=dial, at_peer=True))
    assert describe_hand_over(there, owner.integrators[0]) == {
        **described(OUTBOUND),
        "C2D_DIAL": dial,
        "C2D_PEER": peer,
    }
    told = told_of_peer(peer)
    channel = f"{peer.rpartition('|')[2] or 'Local/1001@to-west'}-0000000b"
    marked = {**INBOUND, "agent": told, "agent_channel": channel}
    assert read_known(marked, owner).call.extension == "1001"
    assert decided({**marked, "target": "1002"}).call.extension == "1001"


@pytest.mark.case("T4")
def test_a_leg_to_outside_is_a_call_of_its_own() -> None:
    variables = described({**OUTBOUND, "target": "0830000200", "placed": "1"})
    assert (variables["C2D_DIAL"], variables["C2D_TO_AGENT"]) == ("PJSIP/0830000200@trunk", "")
    assert facts.decode(variables["C2D_FACTS"]) == {
        "call_ref": NEW,
        "integrator": "acme",
        "extension": "1000",
        "number": "0830000200",
        "dial_number": "27820001234",  # what the client saw
        "contact_ref": "ticket-7",
        "call_dir": "outbound",
        "call_type": "transfer-blind",
        "trail_ref": CALL_REF,
        "trail_number": "3",
    }


def test_an_inbound_client_goes_outside_under_the_default_number_only() -> None:
    told = {**INBOUND, "target": "0830000200"}
    assert refused(told) == ["outbound_id"]
    decision = decided(told, default_outbound_id="27110001234")
    assert (decision.errors, decision.call.dial_number) == ((), "27110001234")


def test_the_operators_name_of_an_agent_counts() -> None:
    assert decided(INBOUND).call.extension == "1000"


@pytest.mark.case("T11")
def test_an_agent_of_another_name_is_known_by_the_channel_that_placed_the_call() -> None:
    told = {**OUTBOUND, "channel": "PJSIP/alice-0000000a", "agent_channel": "PJSIP/alice-0000000a"}
    assert decided(told).call.extension == "1000"
    assert decided({**told, "channel": ""}, endpoints={"1002": "alice"}).call.extension == "1002"
    assert decided({**told, "target": "1002"}, endpoints={"1002": "alice"}).dial == "PJSIP/alice"


@pytest.mark.case("T51")
@pytest.mark.parametrize(
    ("channel", "named"),
    [
        ("PJSIP/1002-0000000b", "1002"),
        ("PJSIP/alice-0000000b", "1001"),  # as endpoints says
        ("PJSIP/1000-0000000b", "1000"),
        ("PJSIP/trunk-0000000b", "1000"),
        ("PJSIP/2000-0000000b", "1000"),  # another integrator's
        ("Local/1002@from-internal-0000000b;1", "1000"),
        ("", "1000"),
    ],
)
def test_who_answers_a_created_call_is_its_agent(channel: str, named: str) -> None:
    """Also a colleague who picks the ringing phone up, and hands the client over."""
    owner = config(endpoints={"1001": "alice"})
    told = {**OUTBOUND, "created": "1", "channel": channel, "agent_channel": ""}
    assert read_known(told, owner).call.extension == named
    sent = {**told, "agent_channel": channel, "target": "1003"}
    assert read_hand_over(sent, owner).agent == (named if channel else "")
    marked = {**told, "agent": "1003", "agent_channel": "PJSIP/1003-0000000c"}
    assert read_known(marked, owner).call.extension == "1003"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"target": ""}, "callee"),
        ({"target": "2000"}, "callee"),
        ({"target": "12345"}, "callee"),
        ({"target": "1001&PJSIP/2000"}, "callee"),
        ({"agent": "", "agent_channel": "PJSIP/trunk-0000000b"}, "agent"),
        ({"agent": "", "agent_channel": "PJSIP/2000-0000000b"}, "agent"),
        ({"agent": "", "agent_channel": "Local/1000@x-0000000b;1"}, "agent"),
        ({"agent": "", "agent_channel": ""}, "agent"),
        ({"agent": "", "agent_channel": "PJSIP/0820000100-0000000b"}, "agent"),
        # As the dialplan before 0.2 told it.
        ({"by_channel": "PJSIP/2000-0000000b"}, "agent"),
    ],
)
def test_what_is_refused(changed: dict[str, str], field: str) -> None:
    for told in (OUTBOUND, INBOUND):
        assert refused({**told, **changed})[0] == field


def test_the_countries_of_the_integrator_hold() -> None:
    told = {**OUTBOUND, "target": "0049123456700"}
    assert refused(told, destinations={"international": ["27"]}) == ["callee"]
    assert decided(told, destinations={"international": ["49"]}).errors == ()


@pytest.mark.case("T6")
@pytest.mark.parametrize(
    ("forwarding", "colleague", "outside"),
    [("none", False, False), ("internal", True, False), ("allowed", True, True)],
)
def test_a_phone_forwards_as_its_integrator_allows(
    forwarding: str, colleague: bool, outside: bool
) -> None:
    for target, allowed in (("1001", colleague), ("0830000200", outside)):
        decision = decided({**OUTBOUND, "kind": "forward", "target": target}, forwarding=forwarding)
        assert bool(decision.dial) is allowed
        assert bool(decision.errors) is not allowed


@pytest.mark.case("F5")
@pytest.mark.parametrize(
    ("changed", "fallback"),
    [
        ({"target": "600"}, "from-internal-xfer|600|1"),
        ({"target": "*85"}, "from-internal-xfer|*85|1"),
        ({"target": "1001"}, ""),
        ({"target": "0049123456700"}, ""),  # a number that is not allowed
        ({"target": "600,1&x"}, ""),
        ({"target": "6" * 33}, ""),
        ({"target": "600", "kind": "forward"}, ""),
        ({"target": "600", "agent": "2000"}, ""),
    ],
)
def test_what_is_none_of_ours_goes_to_the_operators_dialplan(
    changed: dict[str, str], fallback: str
) -> None:
    owner = config(
        dids=["27215550100"],
        transfer_fallback="from-internal-xfer",
        destinations={"international": ["27"]},
    )
    asked = hand_over({**INBOUND, **changed}, owner)
    assert asked.fallback == fallback
    verdict = describe_hand_over(asked, owner.integrators[0])["C2D_VERDICT"]
    assert (verdict == "fallback") is bool(fallback)


@pytest.mark.case("T63")
@pytest.mark.parametrize("transfer_fallback", [None, "from-internal-xfer"])
def test_an_extension_of_another_integrator_is_not_the_operators(
    transfer_fallback: str | None,
) -> None:
    acme = {**ACME, "transfer_fallback": transfer_fallback}
    owner = parse_config({"integrators": [acme, OTHER]})
    asked = hand_over({**OUTBOUND, "target": "2000"}, owner)
    assert (asked.fallback, asked.decision.dial) == ("", "")
    assert [error.field for error in asked.decision.errors] == ["callee"]


@pytest.mark.case("T15")
def test_no_recall_where_the_integrator_wants_none() -> None:
    assert described({**OUTBOUND, "target": "2000"}, transfer_recall=False) == {
        "C2D_RECALL": "0",
        "C2D_VERDICT": "refuse",
    }


def test_another_integrators_agent_is_not_reached_nor_does_he_transfer() -> None:
    both: Config = parse_config({"integrators": [ACME, OTHER]})
    for changed in ({"target": "2500"}, {"agent_channel": "PJSIP/2500-0000000a"}):
        assert hand_over({**OUTBOUND, **changed}, both).decision.errors


def test_a_number_of_nobody_is_not_transferred() -> None:
    assert hand_over({**INBOUND, "dial_number": "27119999999"}, config()).decision.errors


@given(
    st.dictionaries(st.sampled_from(sorted(OUTBOUND)), st.text(max_size=12), max_size=4),
    st.sets(st.sampled_from(sorted(OUTBOUND)), max_size=4),
)
def test_nothing_is_dialled_that_was_not_validated(
    changed: dict[str, str], missing: set[str]
) -> None:
    told = {name: text for name, text in {**OUTBOUND, **changed}.items() if name not in missing}
    try:
        decision = decided(told)
    except MalformedFacts:
        return
    assert bool(decision.dial) != bool(decision.errors)
    if decision.dial:
        assert set(decision.dial) <= set("PJSIP/@trunk0123456789")


@pytest.mark.case("F42")
def test_the_last_agent_is_in_the_record() -> None:
    owner = config()
    who = "agent=1003&agent_channel=x"
    for changed, extension in (
        ({"agent_channel": "PJSIP/1001-0000000b"}, "1001"),
        ({"agent": "1002"}, "1002"),
        ({"agent": "2000"}, "1000"),
        ({"agent_channel": "PJSIP/trunk-1"}, "1000"),
        ({"agent_channel": "PJSIP/trunk-1", "before": who}, "1003"),
        ({"agent_channel": "PJSIP/1001-1", "before": who}, "1001"),
        ({"agent_channel": "PJSIP/trunk-1", "before": f"agent=&before={quote(who)}"}, "1003"),
    ):
        assert read_known({**OUTBOUND, **changed}, owner).call.extension == extension
