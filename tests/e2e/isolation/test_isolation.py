"""Every way in which one integrator could see, dial or speak as the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.calls import AwaitBye, HangUp, call, place_call
from sandbox.phone import Phone
from tests.e2e.calls.desk import OUTBOUND_ID
from tests.e2e.isolation.conftest import ACME_DID, CLIENT, KEY, OTHER_DID, OTHER_KEY, House

CALLS = "/click2dial/calls"
BODY = {"agent": "1100", "callee": "0820000100", "outbound_id": "27820001234"}
OTHERS = {**BODY, "agent": "2000"}


def pop_version_2(house: House) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(house.other.pop_text())["payload"]
    assert "number" not in payload
    return payload


def phone(house: House, extension: str, mode: str = "answer") -> Phone:
    password = f"secret-{extension}" if extension.startswith("11") else None
    return Phone(house.pbx, extension, password=password, mode=mode)


def test_each_has_its_own_records(house: House) -> None:
    number, others = house.trunk.number(), house.trunk.number()
    call(house.pbx, callee=number, headers=[OUTBOUND_ID])
    call(house.pbx, agent="2000", callee=others, headers=[OUTBOUND_ID])
    assert house.acme.pop()["number"] == number
    record = pop_version_2(house)
    assert (record["extension"], record["ref"]) == ("2000", others)


@pytest.mark.parametrize(("agent", "callee"), [("1000", "2000"), ("2000", "1100")])
def test_a_phone_does_not_ring_the_others(house: House, agent: str, callee: str) -> None:
    with phone(house, callee) as rung:
        result = call(house.pbx, agent=agent, callee=callee, headers=[OUTBOUND_ID])
        assert result.status == 484
        assert rung.invites() == []
    record = house.acme.pop() if agent == "1000" else pop_version_2(house)
    assert (record["extension"], record["end_code"]) == (agent, 28)


def test_a_phone_does_not_show_the_others_numbers(house: House) -> None:
    header = ("X-Teleforge-Outbound-ID", "tvc_secret")
    assert call(house.pbx, callee=house.trunk.number(), headers=[header]).status == 484
    assert house.acme.pop()["dial_number"] == ""


def test_a_client_is_not_handed_to_the_other(house: House) -> None:
    number = house.trunk.number()
    with (
        phone(house, "2000") as foreign,
        place_call(house.pbx, callee=number, headers=[OUTBOUND_ID], then=AwaitBye()) as agent,
    ):
        agent.wait_status(200)
        agent.transfer(f"sip:2000@127.0.0.1:{house.pbx.sip_port}")
        agent.result()
        assert house.acme.pop()["extension"] == "1000"
        assert foreign.invites() == []


def test_a_call_from_outside_is_its_dids_owners(house: House) -> None:
    """Whoever answers: another integrator's agent is not named."""
    with phone(house, "2000"):
        call(house.pbx, agent=CLIENT, callee=ACME_DID, then=HangUp(0.1))
        call(house.pbx, agent=CLIENT, callee=OTHER_DID, then=HangUp(0.1))
    assert house.acme.pop()["extension"] == ""
    record = pop_version_2(house)
    assert (record["extension"], record["dial_number"]) == ("2000", OTHER_DID)


@pytest.mark.parametrize(
    ("integrator", "key", "status"), [(0, KEY, 200), (0, OTHER_KEY, 401), (1, KEY, 401)]
)
def test_a_key_opens_one_door(house: House, integrator: int, key: str, status: int) -> None:
    with house.client(integrator, key) as client:
        assert client.get(CALLS).status_code == status
        for path in (f"{CALLS}/x", "/click2dial/recordings/x"):
            assert client.get(path).status_code == (404 if status == 200 else 401)
        if status == 401:
            assert client.post(CALLS, json=BODY).status_code == 401
            assert client.delete(f"{CALLS}/x").status_code == 401


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"agent": "2000"}, "agent"),
        ({"callee": "2000"}, "callee"),
        ({"outbound_id": "tvc_secret"}, "outbound_id"),
    ],
)
def test_a_created_call_uses_nothing_of_the_others(
    house: House, changed: dict[str, str], field: str
) -> None:
    with phone(house, "2000") as foreign, house.client(0, KEY) as client:
        answer = client.post(CALLS, json={**BODY, **changed})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert foreign.invites() == []


def test_a_call_is_seen_and_ended_by_its_own_alone(house: House) -> None:
    callee = house.trunk.number()
    with phone(house, "1100"), house.client(0, KEY) as acme, house.client(1, OTHER_KEY) as other:
        call_ref = acme.post(CALLS, json={**BODY, "callee": callee}).json()["call_ref"]
        where = f"{CALLS}/{call_ref}"
        house.trunk.wait_invite(callee)
        assert other.get(where).status_code == 404
        assert other.get(CALLS).json()["calls"] == []
        assert other.delete(where).status_code == 404
        assert acme.get(where).status_code == 200  # and it goes on
        assert acme.delete(where).status_code == 204
        house.acme.pop()
        assert other.get(where).status_code == 404
        assert acme.get(where).json()["state"] == "ended"


def test_an_idempotency_key_is_its_integrators(house: House) -> None:
    headers = {"Idempotency-Key": "order-4711"}
    with (
        phone(house, "1100", "busy"),
        phone(house, "2000", "busy"),
        house.client(0, KEY) as acme,
        house.client(1, OTHER_KEY) as other,
    ):
        first = acme.post(CALLS, json=BODY, headers=headers)
        second = other.post(CALLS, json=OTHERS, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["call_ref"] != second.json()["call_ref"]
        house.acme.pop()
        pop_version_2(house)


def test_the_limits_of_one_are_not_the_others(house: House) -> None:
    """The other may have one call at once."""
    with (
        phone(house, "2000", "ring"),
        phone(house, "1100", "busy"),
        house.client(0, KEY) as acme,
        house.client(1, OTHER_KEY) as other,
    ):
        assert other.post(CALLS, json=OTHERS).status_code == 201
        assert other.post(CALLS, json={**OTHERS, "agent": "2001"}).status_code == 429
        assert acme.post(CALLS, json=BODY).status_code == 201
        house.acme.pop()
        pop_version_2(house)


def test_no_error_names_what_the_other_has(house: House) -> None:
    """An extension, a campaign and a call of the other's are refused like those that nobody has."""
    with house.client(0, KEY) as client:
        for known, unknown in (
            ({"agent": "2000"}, {"agent": "3000"}),
            ({"callee": "2000"}, {"callee": "3000"}),
            ({"outbound_id": "tvc_secret"}, {"outbound_id": "tvc_unknown"}),
        ):
            answers = [client.post(CALLS, json={**BODY, **changed}) for changed in (known, unknown)]
            assert answers[0].text == answers[1].text
