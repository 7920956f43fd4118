"""Asterisk hangs up who sends no audio any more (rtp_timeout): the record blames nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.office_conf import AGENTS, CARRIER, PLANS, TEAMS
from sandbox.phone_call import PhoneCall
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly, problems_of

pytestmark = pytest.mark.case("T37")

WAIT = 3  # seconds without audio
PHONES = [str(PLANS[0].base(team) + agent) for team in range(TEAMS) for agent in AGENTS]


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    names = ["trunk", CARRIER, *PHONES]
    with Office(
        tree, pjsip="".join(f"[{name}](+)\nrtp_timeout={WAIT}\n" for name in names)
    ) as office:
        yield office


async def _vanishes(scene: Scene, who: str, sent: bool) -> None:
    await scene.begin()
    if sent:
        await scene.agent.send_to(scene.team.second.name)
        scene.agent = await scene.team.second.next_call()
        await scene.agent.up()
        await scene.hear(scene.agent)
    await asyncio.sleep(1)  # Asterisk begins to count when it has heard something
    gone: PhoneCall = scene.agent if who == "agent" else scene.client
    gone.media.close()
    await asyncio.gather(scene.agent.over(4 * WAIT), scene.client.over(4 * WAIT))
    ends = AGENT_HUNG_UP if who == "agent" else CLIENT_HUNG_UP
    scene.expect_client(scene.agent.ua.name, ends, scene.client.ended_at)


@pytest.mark.parametrize("who", ["agent", "client"])
@pytest.mark.parametrize("sent", [False, True], ids=["his agent", "a colleague"])
def test_it_is_the_one_who_vanished(office: Office, who: str, sent: bool) -> None:
    work = [play_strictly(office, o, partial(_vanishes, who=who, sent=sent)) for o in Origin]
    assert problems_of(office, work) == []
