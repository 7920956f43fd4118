"""The configuration changes while an agent talks to a client from outside."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, place_call
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.calls.desk import servers
from tests.e2e.inbound.conftest import CALLER, ONE_AGENT, QUEUE
from tests.e2e.inbound.test_inbound import pop_answer
from tests.e2e.records import CRM

pytestmark = pytest.mark.case("C19")

DIDS = {"dids": ["02155501*"]}
OPEN: dict[str, Any] = {"name": "open", "extensions": ["3000-3999"], "key_prefix": "open"}


def moved(config: dict[str, Any]) -> dict[str, Any]:
    """ACME's numbers and extensions are the other's."""
    new = copy.deepcopy(config)
    acme, other = new["integrators"]
    acme["extensions"], acme["dids"], other["extensions"] = ["4000-4999"], [], ["1000-3999"]
    return {**new, "integrators": [acme, {**other, **DIDS}]}


def taken_out(config: dict[str, Any]) -> dict[str, Any]:
    """ACME is no more."""
    return {**copy.deepcopy(config), "integrators": config["integrators"][1:]}


def reload(server: Server, config: dict[str, Any]) -> None:
    before = len(server.log())
    server.write(config)
    server.reload()
    until(lambda: "configuration reloaded" in server.log()[before:], 10, "the reload")


def told(server: Server, answers: CRM) -> str:
    """Return the call that was answered, once the dialplan has the receipt."""
    call_ref: str = pop_answer(answers)["call_ref"]
    until(lambda: f"{call_ref} joined: " in server.log(), 10, "the receipt")
    return call_ref


def test_the_record_is_of_who_heard_of_the_answer(
    switchboard: Asterisk, redis: RedisServer, records: CRM, answers: CRM
) -> None:
    """First a server with another configuration takes the place of one that was killed."""
    others = {**OPEN, "redis": redis.url}
    with (
        Server(redis.url, integrator=DIDS, spool_dir=str(switchboard.spool)) as server,
        servers(switchboard, server.agi_url),
        Phone(switchboard, "1001"),
        CRM(redis.url, "open:cdr") as other,
    ):
        server.config["integrators"].append(others)
        reload(server, server.config)
        with place_call(switchboard, agent=CALLER, callee=ONE_AGENT, then=AwaitBye()) as call:
            call.wait_status(200)
            call_ref = told(server, answers)
            server.kill()
            server.write(moved(server.config))
            server.start()
            call.hang_up()
            call.result()
            record = records.pop()
            assert (record["call_ref"], record["extension"]) == (call_ref, "1001")
            assert (record["number"], record["dial_number"]) == (CALLER, ONE_AGENT)
        reload(server, server.config)
        with place_call(switchboard, agent=CALLER, callee=QUEUE, then=AwaitBye()) as call:
            call.wait_status(200)
            call_ref = told(server, answers)
            reload(server, taken_out(server.config))
            call.hang_up()
            call.result()
            refused = "integrator: a configured one, not acme"
            until(lambda: refused in server.log(), 10, "the end that gets no receipt")
            reload(server, server.config)
            assert records.pop()["call_ref"] == call_ref
        assert other.waiting() == 0
