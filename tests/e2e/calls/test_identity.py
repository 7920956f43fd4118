"""One call, one reference: in the log, on the channel and in the record."""

from __future__ import annotations

import re
from functools import partial

import pytest

from sandbox.calls import AwaitBye
from sandbox.process import until
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk

pytestmark = pytest.mark.usefixtures("quiet")


def variables(desk: Desk, contact_ref: str) -> dict[str, str]:
    """Return the variables of the agent's channel whose call has this reference."""
    for line in desk.pbx.cli("core show channels concise").splitlines():
        name = line.partition("!")[0]
        if not name.startswith("PJSIP/1000-"):  # the callee's channel has the reference too
            continue
        text = desk.pbx.cli(f"core show channel {name}")
        found = dict(re.findall(r"^(C2D_\w+)=(.*)$", text, re.MULTILINE))
        if found.get("C2D_CONTACT_REF") == contact_ref:
            return found
    raise LookupError(contact_ref)


def is_logged_twice(server: Server, call_ref: str) -> bool:
    return server.log().count(call_ref) == 2


def test_call_ref(desk: Desk, server: Server) -> None:
    refs = [f"person-{n}" for n in range(3)]
    calls = {
        ref: desk.place(
            desk.trunk.number(), [OUTBOUND_ID, ("X-Teleforge-Contact-Ref", ref)], then=AwaitBye()
        )
        for ref in refs
    }
    for call in calls.values():
        call.wait_status(200)
    channels = {ref: variables(desk, ref) for ref in refs}
    for call in calls.values():
        call.hang_up()
        call.result()
    records = {record["contact_ref"]: record for record in desk.crm.pop_many(3)}
    call_refs = {ref: record["call_ref"] for ref, record in records.items()}
    assert len(set(call_refs.values())) == 3
    for ref, call_ref in call_refs.items():
        assert channels[ref]["C2D_CALL_REF"] == call_ref
        assert f"call_ref={call_ref}&" in channels[ref]["C2D_FACTS"]
        # The last line is written after the record, which has been popped already.
        until(partial(is_logged_twice, server, call_ref), 5, f"the log of {call_ref}")
        lines = [line for line in server.log().splitlines() if call_ref in line]
        assert lines[0].endswith(f", contact_ref {ref}")
        assert " ended: hungup, code 16, after " in lines[1]
