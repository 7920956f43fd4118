"""An agent's phone that hangs up with its transfer, and does not wait to hear how that goes."""

from __future__ import annotations

import time
from functools import partial

import pytest

from sandbox.office import Office
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly, problems_of

ROUNDS = 12  # before, one of eight went wrong


async def _send(scene: Scene, outside: bool, client_ends: bool) -> None:
    team = scene.team
    await scene.begin()
    began = time.time()
    scene.agent.refer_now(f"<{team.first.uri(scene.partner if outside else team.second.name)}>")
    scene.agent.bye()
    trunk = scene.office.trunk
    other = await (trunk.next_call(number=scene.partner) if outside else team.second.next_call())
    extension = team.first.name if outside else team.second.name
    await (scene.end if client_ends else scene.left)(other, extension)
    if outside:
        ends = AGENT_HUNG_UP if client_ends else CLIENT_HUNG_UP
        scene.expect_leg(began, ends, team.first.name, "transfer-blind")


@pytest.mark.case("T28")
@pytest.mark.parametrize("client_ends", [True, False], ids=["client", "other"])
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.DID])
def test_the_record_says_who_hung_up_in_the_end(
    office: Office, origin: Origin, client_ends: bool
) -> None:
    play = [partial(_send, outside=bool(n % 2), client_ends=client_ends) for n in range(ROUNDS)]
    assert problems_of(office, [play_strictly(office, origin, one) for one in play]) == []
