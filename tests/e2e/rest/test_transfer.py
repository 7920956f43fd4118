"""A created call whose agent hands the client over: the agent is free, the call goes on."""

from __future__ import annotations

from sandbox.process import until
from tests.e2e.rest.office import Office, ended


def test_a_created_call_is_transferred(office: Office) -> None:
    callee = office.trunk.number()
    with office.phone() as phone, office.phone(extension="1102") as second:
        call_ref = office.create(callee, contact_ref="client-4711")
        office.wait_state(call_ref, "up")
        target = f"sip:1102@127.0.0.1:{office.pbx.sip_port}"
        phone.transfer(phone.wait_invite().call_id, target)
        offered = second.wait_invite()
        assert offered.from_user == callee
        assert offered.header("X-Teleforge-Contact-Ref") == "client-4711"
        parties = ["PJSIP/1102", "PJSIP/trunk"]
        until(
            lambda: sorted(name.rpartition("-")[0] for name in office.channels()) == parties,
            5,
            "client and second agent alone",
        )
        office.reap()  # as the server does every few seconds
        assert office.held() == {}
        office.wait_state(call_ref, "up")
        assert office.listed() == {call_ref: "up"}
        other = office.create(office.trunk.number("busy"))
        assert office.crm.pop()["call_ref"] == other
        office.reap()
        assert office.crm.waiting() == 0
        assert office.delete(call_ref) == 204
        cdr = office.crm.pop()
    assert (cdr["call_ref"], cdr["extension"], cdr["number"]) == (call_ref, "1102", callee)
    assert ended(cdr) == ("hungup", 16)
    assert office.get(call_ref)["record"] == cdr
    assert office.listed() == {}
