"""Every race, `C2D_RACES` times (5): one record for each call, no channel and no spool left."""

from __future__ import annotations

import pytest

from sandbox.office import Office
from tests.e2e.matrix.cells import Origin
from tests.e2e.races.races import CALLS, CREATED, INBOUND, Race
from tests.e2e.races.run import run

RACES = [
    pytest.param(race, origin, id=f"{origin}-{race.__name__}", marks=pytest.mark.case(case))
    for races, origin, case in (
        (CALLS, Origin.PHONE, "T1"),
        (INBOUND, Origin.DID, "T1"),
        (CREATED, Origin.CREATED, "T2"),
    )
    for race in races
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("race", "origin"), RACES)
def test_race(office: Office, race: Race, origin: Origin) -> None:
    problems = office.loop.run(run(office, race, origin))
    assert not problems, "\n".join(problems[:20])
    assert office.loop.run(office.channels()) == []
    assert office.spooled() == ""
