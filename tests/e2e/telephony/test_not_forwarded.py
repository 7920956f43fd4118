"""A phone forwards by answering 302, and only while no other has answered; nobody else does."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import Rule, answer, forward, refuse
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import BUSY
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, further_phone, play_strictly, problems_of

#: What the network says of a call that somebody has diverted to our DID.
DIVERTED = [
    ("Diversion", "<sip:27119999999@127.0.0.1>;reason=unconditional"),
    ("History-Info", "<sip:27119999999@127.0.0.1>;index=1"),
]


async def _forwarding_itself(call: PhoneCall) -> None:
    """Say that the call is being forwarded, which the phone does by itself, and then be busy."""
    call.reply(181, "Call Is Being Forwarded", DIVERTED)
    await asyncio.sleep(0.1)
    call.reply(486, "Busy Here")


async def _diverted(scene: Scene, rule: Rule) -> None:
    """A client who was diverted to us, and whose agent is busy, hears that."""
    office, team = scene.office, scene.team
    team.first.rule, scene.began = rule, time.time()
    scene.client = await office.dial_in(team.did(), scene.number, scene.ref, DIVERTED)
    assert (await scene.client.final()).status == 486
    scene.expect_client("", BUSY, scene.client.ended_at)
    _is_called(scene, 1)


async def _diverted_and_sent_on(scene: Scene) -> None:
    """He is sent to a colleague who is busy, and comes back."""
    office, team = scene.office, scene.team
    scene.began = time.time()
    scene.client = await office.dial_in(team.did(), scene.number, scene.ref, DIVERTED)
    scene.agent = await team.first.next_call()
    await scene.agent.up()
    await scene.client.up()
    scene.answered = scene.client.answered_at
    team.second.rule = refuse()
    await scene.agent.send_to(team.second.name)
    back = await team.first.next_call(after=1)
    await back.up()
    await scene.hear(back)
    _is_called(scene, 2)
    await scene.end(back)


def _is_called(scene: Scene, times: int) -> None:
    """The agent was called so often, and nobody outside."""
    assert len(scene.team.first.incoming) == times
    outside = {call.number for call in scene.office.trunk.incoming}
    assert outside.isdisjoint({scene.team.did(), "27119999999"})


async def _another_phone_answers(scene: Scene, outside: bool) -> None:
    """Of two phones of a colleague one points elsewhere, and the other answers and hangs up."""
    team, ua = scene.team, scene.team.first
    await scene.begin()
    async with further_phone(scene, team.twice) as desk, further_phone(scene, team.twice) as mobile:
        desk.rule = forward(f"<{desk.uri(scene.partner if outside else team.third.name)}>")
        mobile.rule = answer(0.5)
        calls = len(ua.incoming)
        await scene.agent.send_to(team.twice)
        other = await mobile.next_call()
        await other.up()
        await scene.hear(other)
        await scene.left(other, team.twice)
        assert len(team.third.incoming) == 0
        assert len(ua.incoming) == calls
        assert scene.partner not in {call.number for call in scene.office.trunk.incoming}


@pytest.mark.case("T24")
@pytest.mark.parametrize("integrator", ["acme", "inside", "open"])
@pytest.mark.parametrize("rule", [refuse(), _forwarding_itself], ids=["busy", "181 and busy"])
def test_who_was_diverted_is_not_sent_to_whom_he_had_dialled(
    office: Office, integrator: str, rule: Rule
) -> None:
    assert _problems(office, Origin.DID, partial(_diverted, rule=rule), integrator) == []


@pytest.mark.case("T24")
def test_who_was_diverted_comes_back_from_a_colleague_who_is_busy(office: Office) -> None:
    assert _problems(office, Origin.DID, _diverted_and_sent_on, "open") == []


@pytest.mark.case("T25")
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.DID])
@pytest.mark.parametrize("integrator", ["acme", "inside", "open"])
def test_another_phone_of_the_colleague_has_answered(
    office: Office, origin: Origin, integrator: str
) -> None:
    play = partial(_another_phone_answers, outside=integrator == "open")
    assert _problems(office, origin, play, integrator) == []


def _problems(office: Office, origin: Origin, play: Play, integrator: str) -> list[str]:
    return problems_of(office, [play_strictly(office, origin, play, integrator=integrator)])
