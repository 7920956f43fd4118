"""Two PBXs that count their channels alike, as those do that were started anew at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.calls import HangUp, call
from tests.e2e.pbxs.conftest import Site

ELSEWHERE = ("1101", "1102")  # from east, and from west


@pytest.mark.case("T100")
def test_a_colleague_is_called_where_he_is(site: Site) -> None:
    """One agent's first calls at both begin in one second: channels of one name and id."""
    for office in site.offices:
        office.pbx.stop()
        office.pbx.start()
    with site.west.phone(extension=ELSEWHERE[0]), site.east.phone(extension=ELSEWHERE[1]):
        time.sleep(1.1 - time.time() % 1)
        with ThreadPoolExecutor(len(ELSEWHERE)) as pool:
            placed = [
                pool.submit(call, office.pbx, agent="1000", callee=callee, then=HangUp(0.5))
                for office, callee in zip(site.offices, ELSEWHERE, strict=True)
            ]
            statuses = [one.result().status for one in placed]
        ends = {(cdr["number"], cdr["end_reason"]) for cdr in (site.crm.pop(), site.crm.pop())}
    assert statuses == [200, 200]
    assert ends == {(callee, "hungup") for callee in ELSEWHERE}
