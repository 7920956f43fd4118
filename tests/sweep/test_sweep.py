"""Every fault, with calls: none is lost unless somebody was told, and what is recorded is true.

Of each call one of three things may become: it has one record, which is true, late perhaps (as soon
as the fault is mended); it was refused before anybody was rung; or it may have no record, of which
an alarm tells within a minute.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pytest

from sandbox.calls import Call
from sandbox.process import until
from sandbox.waiting import FACTOR
from tests.sweep.faults import FAULTS, RECORDED, REFUSED, Fault
from tests.sweep.rig import ENDINGS, KINDS, UP, WRONG, Placed, Rig

Begun = Sequence[tuple[Placed, Call | None]]

#: Seconds in which an alarm must come, on whatever machine.
MINUTE = 60.0


def cases() -> list[object]:
    return [
        pytest.param(fault, id=name, marks=[pytest.mark.case(one) for one in fault.cases])
        for name, fault in FAULTS.items()
    ]


@pytest.mark.parametrize("fault", cases())
def test_no_call_is_lost_unless_somebody_is_told(rig: Rig, fault: Fault) -> None:
    since = len(rig.server.log())
    begun: Begun = begin(rig, UP) if fault.up else ()
    with fault.make(rig):
        begun = begun or [rig.place(kind) for kind in KINDS]
        made = time.monotonic()
        end(rig, fault, begun)
        found = rig.doctor()
        if fault.said:
            until(lambda: re.search(fault.said, rig.alarms(since)), MINUTE / FACTOR, "an alarm")
            print(f"told in the log after {time.monotonic() - made:.1f} s")
    rig.quiet()
    assert not fault.named or fault.named in found
    assert not fault.named or "to mend it" in found[fault.named]
    judge(rig, fault, [placed for placed, _ in begun])


def begin(rig: Rig, kinds: Sequence[str]) -> Begun:
    """Have calls up."""
    begun = [rig.place(kind, stay=True) for kind in kinds]
    for _, call in begun:
        assert call is not None
        call.wait_status(200)
    channels = 2 * len(kinds)
    up = "!Up!"
    until(lambda: rig.pbx.cli("core show channels concise").count(up) == channels, 5, "calls up")
    return begun


def end(rig: Rig, fault: Fault, begun: Begun) -> None:
    """See the calls to their ends."""
    if fault.gives_up:
        for placed, call in begun:
            if call is not None:  # a call from outside is ours after the operator's own dialplan
                call.wait_status(180 if placed.kind == "inbound" else 100)
    if fault.up or fault.gives_up:
        for _, call in begun:
            if call is not None:
                call.hang_up()
    for placed, call in begun:
        rig.finish(placed, call)
    if not fault.gives_up:
        rig.quiet()
        rig.see(placed for placed, _ in begun)


def judge(rig: Rig, fault: Fault, placed: Sequence[Placed]) -> None:
    """Hold each call's records against what its caller heard."""
    fates = {one.ref: fault.calls.get(one.kind, RECORDED) for one in placed}
    wanted = {ref for ref, fate in fates.items() if fate == RECORDED}
    rig.see(placed)
    records = rig.records(wanted)
    strange = {record["contact_ref"] for record in records} - set(fates)
    assert strange == set()
    for one in placed:
        its = [record for record in records if record["contact_ref"] == one.ref]
        print(one, fates[one.ref], [(its["end_reason"], its["end_code"]) for its in its])
        assert len(its) <= 1, one
        if fates[one.ref] == REFUSED:
            assert (one.went_out, one.status >= 400) == (False, True), one
        for record in its:
            heard = one.kind != "created" or one.went_out
            expected = ENDINGS.get(one.status) if heard else None
            ending = (record["end_reason"], record["end_code"])
            assert expected is None or ending in expected, (one, record)
            # Who gives up may do so before or after the agent's phone has answered.
            nobody = one.kind == "inbound" and one.status == 487 and not record["extension"]
            assert nobody or record["extension"] == one.extension, one
            assert record["number"] in (one.number, "" if one.number == WRONG else one.number)
