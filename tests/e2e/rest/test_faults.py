"""Whatever dies meanwhile: every created call ends in exactly one record, and its agent is free."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.clock import another_clock
from sandbox.process import until
from sandbox.redis import RedisServer
from tests.e2e.rest.office import Office, connect, ended, product


def test_the_server_is_killed_while_the_agents_phone_rings(office: Office) -> None:
    callee = office.trunk.number()
    with office.phone("answer-late"):
        call_ref = office.create(callee)
        office.server.kill()
        # Nobody is needed for it: the dialplan dials the callee.
        office.trunk.wait_invite(callee)
        office.server.start()
        office.wait_state(call_ref, "up")
        assert office.delete(call_ref) == 204
        cdr = office.crm.pop()
    assert (cdr["call_ref"], *ended(cdr)) == (call_ref, "hungup", 16)
    until(lambda: office.held() == {}, 5, "the agent free")
    office.reap()


def test_the_server_is_away_until_the_call_has_ended(office: Office) -> None:
    """The dialplan keeps the record in its spool; the search for lost calls frees the agent."""
    with office.phone("answer-late") as phone:
        call_ref = office.create(office.trunk.number("hang-up"))
        office.server.kill()
        phone.wait_ended(phone.wait_invite().call_id)
        until(lambda: office.channels() == [], 5, "the end of the call")
        assert office.crm.waiting() == 0
        assert call_ref in office.pbx.spool_file.read_text()
        office.server.start()
        office.reap()
        assert office.crm.pop()["call_ref"] == call_ref
        office.reap()


def test_asterisk_is_killed_with_the_call_up(office: Office) -> None:
    with office.phone():
        call_ref = office.create(office.trunk.number())
        office.wait_state(call_ref, "up")
        office.pbx.kill()
        assert office.post(office.trunk.number(), "1103").status_code == 503
        assert ended(office.crm.pop()) == ("failed", 42)
        office.pbx.start()
        assert office.get(call_ref)["state"] == "ended"
        office.forget_presence()
        office.reap()
        cdr = office.crm.pop()
    assert (cdr["call_ref"], *ended(cdr)) == (call_ref, "failed", 42)


def test_asterisk_hangs_while_the_call_is_created(office: Office) -> None:
    """It may ring the phone when it comes back: then it hangs up, and there is still one record."""
    with office.phone("ring"):
        office.pbx.signal(signal.SIGSTOP)
        try:
            outside = office.trunk.number()  # where nobody asks before it is rung
            assert office.post(office.trunk.number(), outside).status_code == 503
            assert office.post(office.trunk.number()).status_code == 503
        finally:
            office.pbx.signal(signal.SIGCONT)

        def silent() -> bool:
            office.reap()
            return office.channels() == [] and office.crm.waiting() == 2

        until(silent, 10, "silence")
        first, second = office.crm.pop(), office.crm.pop()
        assert first["call_ref"] != second["call_ref"]


@pytest.mark.parametrize(
    ("agent_dial", "status", "code"),
    [
        ("PJSIP/no-{extension}", 409, 20),
        ("PJSIP/{extension}@nowhere", 409, 20),
        ("Nonsense/{extension}", 201, 66),
    ],
)
def test_asterisk_refuses(
    redis: RedisServer, pbx: Asterisk, office: Office, agent_dial: str, status: int, code: int
) -> None:
    with connect(product(redis, agent_dial=agent_dial), pbx) as server:
        other = Office(server, pbx, office.trunk, office.crm, redis)
        assert other.post(office.trunk.number()).status_code == status
        assert ended(office.crm.pop()) == ("error", code)


def test_a_wrong_ari_password(redis: RedisServer, pbx: Asterisk, office: Office) -> None:
    with connect(product(redis), pbx, ari_password="not-it") as server:
        other = Office(server, pbx, office.trunk, office.crm, redis)
        assert other.post(office.trunk.number()).status_code == 503
        assert ended(office.crm.pop()) == ("failed", 42)
        with other.client() as client:
            ready = client.get("/readyz")
        assert ready.status_code == 503
        parts = {"redis": "ok", "ari": "not working", "agi": "ok", "spool": "ok"}
        assert ready.json() == {"status": "failing", "parts": parts}


@pytest.mark.case("O8")
@pytest.mark.parametrize("ahead", ["+300", "-300"])
def test_a_server_whose_clock_is_another(
    redis: RedisServer, pbx: Asterisk, office: Office, tmp_path: Path, ahead: str
) -> None:
    """All times of a call are the PBX's; what the server ends by itself has its own alone."""
    (tmp_path / "clock").write_text(ahead)
    url = pbx.cli("dialplan show globals").partition("C2D_AGI=")[2].split()[0]
    off = product(redis, another_clock(tmp_path / "clock"), payload_version=4)
    with connect(off, pbx) as server, office.phone():
        other = Office(server, pbx, office.trunk, office.crm, redis)
        pbx.cli(f"dialplan set global C2D_AGI {server.agi_url}")
        try:
            began = time.time()
            call_ref = other.create(office.trunk.number())
            other.wait_state(call_ref, "up")
            assert other.delete(call_ref) == 204
            answered = json.loads(office.crm.pop_text())["payload"]
            other.post(office.trunk.number(), "1103")  # where no phone is
            refused = json.loads(office.crm.pop_text())["payload"]
        finally:
            pbx.cli(f"dialplan set global C2D_AGI {url}")
    assert abs(answered["dialed_at"] - began) < 3
    assert abs(answered["answered_at"] - began) < 5
    assert 0 <= answered["talk_time"] <= answered["call_time"] < 5
    assert refused["call_time"] in (0, 1)  # whole seconds
