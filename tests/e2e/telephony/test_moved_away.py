"""A panel moves the client away while the agent's phone is up: his call ends when he goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.manager import act
from sandbox.office import Office
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import CLIENT_HUNG_UP
from tests.e2e.matrix.scene import TALK, Scene
from tests.e2e.telephony.stage import Play, play_strictly, problems_of

pytestmark = pytest.mark.case("T32")

EXTENSIONS = """
[conference]
exten => _X.,1,ConfBridge(${EXTEN})
"""


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, extensions=EXTENSIONS) as office:
        yield office


async def _leaves(scene: Scene) -> None:
    """The agent hangs up, the client stays for longer, and hangs up, too."""
    await scene.agent.hang_up()
    await asyncio.sleep(TALK)
    assert not scene.client.ended.is_set(), "the client's call has ended with the agent's"
    await scene.look()
    await scene.client.hang_up()
    scene.expect_client(scene.team.first.name, CLIENT_HUNG_UP, scene.client.ended_at)


async def _conference(scene: Scene) -> None:
    """Both are moved into a conference, which the agent leaves first."""
    await scene.begin()
    where = {"Context": "conference", "Exten": scene.number, "Priority": "1"}
    await act(
        scene.office.pbx,
        "Redirect",
        Channel=await scene.office.channel_of(scene.agent),
        ExtraChannel=await scene.office.channel_of(scene.client),
        **where,
        **{f"Extra{key}": value for key, value in where.items()},
    )
    await asyncio.sleep(TALK)
    await scene.hear(scene.agent)
    await _leaves(scene)


async def _parked(scene: Scene) -> None:
    """The client is parked, and nobody fetches him."""
    await scene.begin()
    agent = await scene.office.channel_of(scene.agent)
    client = await scene.office.channel_of(scene.client)
    await act(scene.office.pbx, "Park", Channel=client, TimeoutChannel=agent)
    await scene.client.media.hear_music()
    await asyncio.sleep(TALK)
    await _leaves(scene)


@pytest.mark.parametrize("play", [_conference, _parked])
def test_the_agent_leaves_first(office: Office, play: Play) -> None:
    work = [play_strictly(office, origin, play) for origin in Origin]
    assert problems_of(office, work) == []


async def _stays(scene: Scene) -> None:
    """Nobody moves him: he goes with the agent, some milliseconds later."""
    await scene.begin()
    await scene.left(scene.agent)


@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.CREATED])
def test_who_goes_with_his_agent_has_not_hung_up(office: Office, origin: Origin) -> None:
    """Several calls end at once, so that whose channel is first differs."""
    for _ in range(3):
        assert problems_of(office, [play_strictly(office, origin, _stays) for _ in range(8)]) == []
