"""Every way in which a created call can go, on the wire and in Redis."""

from __future__ import annotations

import time

import pytest

from tests.e2e.rest.office import CALLS, OUTBOUND_ID, RING_TIMEOUT, Office, ended


def test_a_call_from_the_first_ring_to_the_record(office: Office) -> None:
    callee = office.trunk.number("answer-late")
    before = time.time()
    with office.phone("answer-late") as phone:
        call_ref = office.create(callee, contact_ref="client-4711")
        offered = phone.wait_invite()
        # The agent sees whom he is about to talk to, the callee sees outbound_id and no agent.
        assert offered.from_user == callee
        invite = office.trunk.wait_invite(callee)
        assert invite.from_user == OUTBOUND_ID
        assert f"<sip:{OUTBOUND_ID}@" in (invite.header("P-Asserted-Identity") or "")
        assert b"sip:1100@" not in invite.raw
        assert b'"Agent' not in invite.raw
        assert b"client-4711" not in invite.raw
        office.wait_state(call_ref, "up")
        assert office.listed() == {call_ref: "up"}
        assert sorted(name.rpartition("-")[0] for name in office.channels()) == [
            "PJSIP/1100",
            "PJSIP/trunk",
        ]
        assert office.delete(call_ref) == 204
        cdr = office.crm.pop()
        lasted = time.time() - before
    assert cdr == {
        "extension": "1100",
        "number": callee,
        "dial_number": OUTBOUND_ID,
        "call_ref": call_ref,
        "contact_ref": "client-4711",
        "dialed_at": pytest.approx(before + lasted / 2, abs=lasted / 2 + 1),
        "end_reason": "hungup",
        "end_code": 16,
        "call_time": pytest.approx(lasted / 2, abs=lasted / 2 + 1),
        "hold_time": 0,
        "call_dir": "outbound",
        "recording_url": "",
        "ref": "click-dial",
    }
    assert office.get(call_ref)["record"] == cdr
    assert office.listed() == {}
    assert office.delete(call_ref) == 204  # it has ended already


def test_states_only_move_forward(office: Office) -> None:
    """Whoever asks all the time never sees a phone ring again that was answered."""
    seen: list[str] = []
    listed: list[str] = []
    with office.phone("answer"), office.client() as client:
        call_ref = office.create(office.trunk.number())
        while seen[-1:] != ["ended"]:
            seen.append(client.get(f"{CALLS}/{call_ref}").json()["state"])
            listed += [call["state"] for call in client.get(CALLS).json()["calls"]]
            if seen[-1:] == listed[-1:] == ["up"]:
                assert office.delete(call_ref) == 204
        office.crm.pop()
    order = ["ringing-agent", "ringing-callee", "up", "ended"]
    assert "up" in seen
    for states in (seen, listed):
        assert states == sorted(states, key=order.index)


@pytest.mark.parametrize(
    ("mode", "reason", "code"),
    [("ring", "timeout", 19), ("busy", "busy", 17), ("decline", "reject", 21)],
)
def test_the_agent_does_not_answer(office: Office, mode: str, reason: str, code: int) -> None:
    callee = office.trunk.number()
    with office.phone(mode) as phone:
        began = time.monotonic()
        call_ref = office.create(callee)
        cdr = office.crm.pop(RING_TIMEOUT + 5)
        assert (cdr["call_ref"], *ended(cdr)) == (call_ref, reason, code)
        if mode == "ring":
            assert time.monotonic() - began >= RING_TIMEOUT - 0.1
        assert len(phone.invites()) == 1
    assert office.trunk.invites(callee) == []
    assert office.channels() == []


@pytest.mark.parametrize("agent", ["1101", "1250"])
def test_the_agent_is_not_there(office: Office, agent: str) -> None:
    """1101 is not registered, 1250 is no endpoint."""
    response = office.post(office.trunk.number(), agent)
    assert response.status_code == 409
    cdr = office.crm.pop()
    assert (cdr["extension"], *ended(cdr)) == (agent, "error", 20)


@pytest.mark.parametrize(
    ("outcome", "reason", "code"),
    [
        ("busy", "busy", 17),
        ("decline", "reject", 21),
        ("ring", "timeout", 19),
        ("unavailable", "error", 34),
        ("unknown", "error", 1),
        ("hang-up", "hungup", 16),
    ],
)
def test_what_the_callee_may_do(office: Office, outcome: str, reason: str, code: int) -> None:
    with office.phone() as phone:
        call_ref = office.create(office.trunk.number(outcome))
        cdr = office.crm.pop(RING_TIMEOUT + 5)
        assert (cdr["call_ref"], *ended(cdr)) == (call_ref, reason, code)
        # The agent's phone is free again.
        phone.wait_ended(phone.wait_invite().call_id)
    assert office.channels() == []


def test_the_agent_hangs_up(office: Office) -> None:
    callee = office.trunk.number()
    with office.phone("hang-up"):
        office.create(callee)
        invite = office.trunk.wait_invite(callee)
        cdr = office.crm.pop()
        assert ended(cdr) == ("hungup", 16)
        office.trunk.wait_ended(invite.call_id)


@pytest.mark.parametrize(
    ("mode", "outcome", "state"),
    [
        ("ring", "answer", "ringing-agent"),
        ("answer", "ring", "ringing-callee"),
        ("answer", "answer", "up"),
    ],
)
def test_hanging_up_in_each_state(office: Office, mode: str, outcome: str, state: str) -> None:
    callee = office.trunk.number(outcome)
    with office.phone(mode) as phone:
        call_ref = office.create(callee)
        office.wait_state(call_ref, state)
        assert office.listed() == {call_ref: state}
        assert office.delete(call_ref) == 204
        assert ended(office.crm.pop()) == ("hungup", 16)
        phone.wait_ended(phone.wait_invite().call_id)
        if state != "ringing-agent":
            office.trunk.wait_ended(office.trunk.wait_invite(callee).call_id)
        office.wait_state(call_ref, "ended")


def test_a_phones_own_call_is_not_the_apis(office: Office) -> None:
    assert office.delete("bde674e2-eeaf-4355-b32c-664a82256e11") == 404


def test_an_agent_who_is_a_full_number(office: Office) -> None:
    """Both legs go over the trunk, so both are shown a number that the trunk lets through."""
    agent, callee = office.trunk.number(), office.trunk.number("hang-up")
    call_ref = office.create(callee, agent)
    assert office.trunk.wait_invite(agent).from_user == OUTBOUND_ID
    assert office.trunk.wait_invite(callee).from_user == OUTBOUND_ID
    office.wait_state(call_ref, "up")
    assert all(name.startswith("PJSIP/trunk-") for name in office.channels())
    cdr = office.crm.pop()
    assert ended(cdr) == ("hungup", 16)
    assert (cdr["extension"], cdr["number"], cdr["call_dir"]) == (agent, callee, "external")


def test_a_colleague(office: Office) -> None:
    with office.phone(), office.phone("hang-up", "1102") as other:
        office.create("1102")
        assert other.wait_invite().from_user == "1100"
        cdr = office.crm.pop()
    assert ended(cdr) == ("hungup", 16)
    assert (cdr["number"], cdr["dial_number"], cdr["call_dir"]) == ("1102", "1100", "internal")


def test_integers_and_the_old_key(office: Office) -> None:
    callee = office.trunk.number("busy")
    with office.phone(), office.client() as client:
        body = {"agent": 1100, "callee": callee, "outbound_id": int(OUTBOUND_ID), "call_ref": 4711}
        assert client.post("/click2dial/calls", json=body).status_code == 201
        cdr = office.crm.pop()
    assert (cdr["extension"], cdr["dial_number"], cdr["contact_ref"]) == (
        "1100",
        OUTBOUND_ID,
        "4711",
    )
