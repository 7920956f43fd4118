"""An agent parks the client with the PBX: when nobody fetches him, he has him again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import SENDING, play_strictly, problems_of

pytestmark = pytest.mark.case("T35")

PARKED = 2  # seconds
#: *70 parks; *71 leads where phones dial, and so to the same server's decision again.
EXTENSIONS = f"""
[further]
exten => *70,1,Park(default,t({PARKED}))
exten => _*71!,1,Goto(click2dial,${{EXTEN}},1)
"""


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, extensions=EXTENSIONS, keys=SENDING) as office:
        yield office


async def _is_parked(scene: Scene) -> None:
    first, trunk = scene.team.first, scene.office.trunk
    await scene.begin()
    calls, outside = len(first.incoming), len(trunk.incoming)
    await scene.agent.send_to("*70")
    await scene.client.media.hear_music()
    back = await first.next_call(after=calls)
    await scene.end(back)
    dialled = {call.number for call in trunk.incoming[outside:]}
    if "" in dialled or "s" in dialled:
        scene.remarks.append("the trunk was called for nobody")


def test_he_comes_back_to_who_parked_him(office: Office) -> None:
    work = [play_strictly(office, origin, _is_parked) for origin in Origin]
    assert problems_of(office, work) == []


async def _goes_round(scene: Scene) -> None:
    """The operator's dialplan sends him to where he came from: the agent has him again."""
    await scene.begin()
    calls = len(scene.team.first.incoming)
    await scene.agent.send_to("*71")
    back = await scene.team.first.next_call(after=calls)
    await scene.end(back)


def test_he_goes_in_no_circle(office: Office) -> None:
    work = [play_strictly(office, origin, _goes_round) for origin in Origin]
    assert problems_of(office, work) == []
