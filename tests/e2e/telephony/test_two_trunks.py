"""The operator's own context tries one trunk after the other: what the last one says counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.ua import refuse
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

pytestmark = pytest.mark.case("T62")

FIRST = "9"  # before the number: how the first trunk is told from the second
IN_TURN = """
[in-turn]
exten => _X.,1,Dial(PJSIP/9${EXTEN}@trunk,20,i)
 same => n,Dial(PJSIP/${EXTEN}@trunk,20,i)
"""
#: What both say, what the phone hears, and the record's end.
ENDS = [
    ((503, 404), 404, ("error", 1)),
    ((408, 404), 404, ("error", 1)),
    ((503, 603), 403, ("reject", 21)),
    ((603, 486), 486, ("busy", 17)),
    ((404, 480), 480, ("timeout", 19)),
]


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    keys = {"trunk_dial": "Local/{number}@in-turn"}
    with Office(tree, extensions=IN_TURN, keys=keys) as office:
        yield office


async def _fails(said: tuple[int, int], heard: int, end: tuple[str, int], scene: Scene) -> None:
    plan = scene.office.trunk.plan
    first = f"{FIRST}{scene.number}"
    plan[first], plan[scene.number] = (refuse(status, after=0.1) for status in said)
    call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
    assert (await call.final()).status == heard, said
    (record,) = await records(scene)
    assert (record["end_reason"], record["end_code"]) == end, said
    scene.office.trunk.forget({first})


def test_the_last_trunk_counts(office: Office) -> None:
    """Of several, since the order in which Asterisk keeps the two is one of chance."""
    work = [played(office, Origin.PHONE, partial(_fails, *case)) for case in ENDS * 5]
    assert problems_of(office, work) == []
