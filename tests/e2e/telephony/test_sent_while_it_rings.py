"""An agent whose phone is behind a Local channel sends a created call on while the client rings.

To the PBX such a phone is in a call from its answer on, so it takes the REFER.
"""

from __future__ import annotations

from functools import partial

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import answer, refuse
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, BUSY
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly, problems_of

pytestmark = pytest.mark.case("T50")

#: Seconds until client and colleague answer; None declines, so that the agent rings again.
ORDERS = {
    "colleague-first": (2.0, 0.2),
    "client-first": (0.8, 2.0),
    "at-once": (1.0, 0.7),
    "declined": (2.0, None),
}


async def _sent_while_it_rings(scene: Scene, client: float, colleague: float | None) -> PhoneCall:
    """Send the client on before it answers, and return the call of who talks to it then."""
    first, second = scene.team.first, scene.team.second
    scene.office.trunk.plan[scene.number] = answer(client)
    second.rule = refuse(486) if colleague is None else answer(colleague)
    await scene.place()
    scene.agent = await first.next_call()
    await scene.agent.up()
    scene.client = await scene.office.trunk.next_call(number=scene.number)
    assert not scene.client.answered.is_set()
    response = await scene.agent.refer(f"<{first.uri(second.name)}>")
    assert response.status == 202, response.start_line
    await scene.agent.leave()
    other = await (first.next_call(after=1) if colleague is None else second.next_call())
    await scene.client.up()
    scene.answered = scene.client.answered_at
    await other.up()
    return other


async def _talk(client: float, colleague: float | None, who: str, scene: Scene) -> None:
    """Whoever talks to the client is named, whoever hangs up."""
    other = await _sent_while_it_rings(scene, client, colleague)
    await (scene.end if who == "client" else scene.left)(other)


async def _busy(scene: Scene) -> None:
    """The client is busy: nobody has talked to it, and the colleague's phone is let go."""
    first, second = scene.team.first, scene.team.second
    scene.office.trunk.plan[scene.number] = refuse(486, after=1.5)
    await scene.place()
    scene.agent = await first.next_call()
    await scene.agent.up()
    await scene.office.trunk.next_call(number=scene.number)
    response = await scene.agent.refer(f"<{first.uri(second.name)}>")
    assert response.status == 202, response.start_line
    await scene.agent.leave()
    other = await second.next_call()
    await other.over()
    scene.expect_client(first.name, BUSY, other.ended_at)


@pytest.mark.parametrize("who", ["client", "agent"])
@pytest.mark.parametrize("order", ORDERS)
def test_who_talks_to_the_client_is_named(office: Office, order: str, who: str) -> None:
    """Three at a time, since what comes first between two answers is chance."""
    client, colleague = ORDERS[order]
    play = partial(_talk, client, colleague, who)
    work = [play_strictly(office, Origin.CREATED, play, integrator="through") for _ in range(3)]
    assert not problems_of(office, work)


def test_a_client_who_is_busy_lets_the_colleague_go(office: Office) -> None:
    assert not problems_of(
        office, [play_strictly(office, Origin.CREATED, _busy, integrator="through")]
    )


async def _put_together(who: str, scene: Scene) -> None:
    """The agent asks a colleague, and puts the two together before the client has answered."""
    first, second = scene.team.first, scene.team.second
    scene.office.trunk.plan[scene.number] = answer(4.0)
    await scene.place()
    scene.agent = await first.next_call()
    await scene.agent.up()
    scene.client = await scene.office.trunk.next_call(number=scene.number)
    consultation = await scene.consult(second.name)
    other = await second.next_call()
    await consultation.up()
    assert not scene.client.answered.is_set()
    await scene.put_together(consultation, second.name)
    scene.expect_consultation(
        consultation, AGENT_HUNG_UP, consultation.ended_at, consultation.answered_at
    )
    await scene.client.up()
    scene.answered = scene.client.answered_at
    await (scene.end if who == "client" else scene.left)(other)


@pytest.mark.parametrize("who", ["client", "agent"])
def test_a_colleague_who_was_asked_is_named(office: Office, who: str) -> None:
    play = partial(_put_together, who)
    work = [play_strictly(office, Origin.CREATED, play, integrator="through") for _ in range(3)]
    assert not problems_of(office, work)
