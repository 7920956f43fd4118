"""One phone rings once, however often and wherever the call is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.rest.office import CALLS, OUTBOUND_ID, Office, connect, product


@pytest.fixture(scope="module")
def second(redis: RedisServer, pbx: Asterisk) -> Iterator[Server]:
    """Another server of the same integrator, on the same Redis."""
    with connect(product(redis), pbx) as server:
        yield server


def test_the_same_key_fifty_times_at_once_on_two_servers(office: Office, second: Server) -> None:
    other = Office(second, office.pbx, office.trunk, office.crm, office.redis)
    body = {"agent": "1100", "callee": office.trunk.number(), "outbound_id": OUTBOUND_ID}
    with office.phone("ring") as phone, office.client() as one, other.client() as two:

        def post(n: int) -> httpx.Response:
            client = (one, two)[n % 2]
            return client.post(CALLS, json=body, headers={"Idempotency-Key": "fifty"})

        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(post, range(50)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        assert two.get(answers[0].headers["location"]).json()["state"] == "ringing-agent"
        assert two.delete(answers[0].headers["location"]).status_code == 204
        assert office.crm.pop()["call_ref"] == answers[0].json()["call_ref"]
        assert len(phone.invites()) == 1


def test_one_call_for_each_agent_on_two_servers(office: Office, second: Server) -> None:
    other = Office(second, office.pbx, office.trunk, office.crm, office.redis)
    with office.phone("ring"):
        call_ref = office.create(office.trunk.number())
        refused = other.post(office.trunk.number())
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        office.delete(call_ref)
        office.crm.pop()
        # The record is there a moment before the agent is free.
        office.wait_state(call_ref, "ended")
        with other.client() as client:
            assert client.get(f"{CALLS}/{call_ref}").json()["state"] == "ended"
