"""A client whom nobody takes comes back to the agent, whose phone shows who he is."""

from __future__ import annotations

from functools import partial

import pytest

from sandbox.office import Office
from sandbox.ua import refuse
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of

REFUSED = "12345"  # what the server takes for no number


async def _sent(target: str, scene: Scene) -> None:
    await scene.begin()
    before = len(scene.team.first.incoming)
    scene.team.second.rule = refuse(486)
    scene.office.trunk.plan[scene.partner] = refuse(486)
    to = {"colleague": scene.team.second.name, "outside": scene.partner}.get(target, target)
    await scene.agent.send_to(to)
    back = await scene.team.first.next_call(after=before)
    assert back.invite is not None
    shown = back.invite.from_user
    assert shown[-9:] == scene.number[-9:], f"{shown} is shown, not {scene.number}"
    await back.up()
    await scene.hear(back)
    await back.hang_up()


async def _within_the_house(by_who_called: bool, goes_on: bool, scene: Scene) -> None:
    """One of two colleagues sends the other on, whoever has called."""
    first, second = scene.team.first, scene.team.second
    call = await first.call(second.name)
    answered = await second.next_call()
    await call.up()
    sends, phone, other = (call, first, second) if by_who_called else (answered, second, first)
    await call.media.hear(answered.media.mark)
    before = len(phone.incoming)
    if goes_on:
        phone = scene.team.third
    await sends.send_to(phone.name if goes_on else REFUSED)
    back = await phone.next_call(after=0 if goes_on else before)
    assert back.invite is not None
    assert back.invite.from_user == other.name
    await back.up()
    await back.hang_up()


@pytest.mark.case("L57")
@pytest.mark.parametrize("by_who_called", [True, False])
@pytest.mark.parametrize("goes_on", [True, False])
def test_the_phone_shows_the_colleague(office: Office, by_who_called: bool, goes_on: bool) -> None:
    play = partial(_within_the_house, by_who_called, goes_on)
    assert problems_of(office, [played(office, Origin.PHONE, play)]) == []


@pytest.mark.case("L57")
@pytest.mark.parametrize("target", [REFUSED, "colleague", "outside"])
def test_the_phone_shows_the_client(office: Office, target: str) -> None:
    origins = (Origin.PHONE, Origin.CREATED, Origin.DID)
    work = [played(office, origin, partial(_sent, target)) for origin in origins]
    assert problems_of(office, work) == []
