"""A call within the house, whose called colleague sends the caller on to a phone that rings."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.ua import ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, GIVEN_UP, Expected
from tests.e2e.matrix.moves import DECLINED
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly, problems_of


async def _sent_on(scene: Scene, takes: bool) -> None:
    first, second, third = scene.team.first, scene.team.second, scene.team.third
    third.rule, began = ring(), time.time()
    call = await first.call(second.name, scene.headers(scene.ref))
    scene.agent = await second.next_call()
    await call.up()
    answered = time.time()
    await scene.hear_each_other(call, scene.agent)
    await scene.agent.hold()
    consultation = await second.call(third.name, scene.headers(f"{scene.ref}-c"))
    await consultation.wait_status(180)
    other = await third.next_call()
    await scene.put_together(consultation, third.name)
    await asyncio.sleep(2)  # what is measured
    if takes:
        other.answer()
    else:
        other.reply(603, "Decline")
        other = await second.next_call(after=1)
        await other.up()
    await scene.hear_each_other(call, other)
    await call.hang_up()
    await other.over()

    expected = partial(Expected, call_dir="internal", call_type="internal")
    scene.expected += [
        expected(
            what="call",
            extension=first.name,
            number=second.name,
            dial_number=first.name,
            contact_ref=scene.ref,
            ends=AGENT_HUNG_UP,
            began=began,
            ended=call.ended_at,
            answered=answered,
        ),
        expected(
            what="consultation",
            extension=second.name,
            number=third.name,
            dial_number=second.name,
            contact_ref=f"{scene.ref}-c",
            ends=GIVEN_UP if takes else DECLINED,
            began=consultation.began_at,
            ended=consultation.ended_at,
            answered=0.0,
        ),
    ]


@pytest.mark.case("T26")
@pytest.mark.parametrize("takes", [True, False], ids=["answered", "declined"])
def test_the_caller_was_answered_when_he_was(office: Office, takes: bool) -> None:
    play = play_strictly(office, Origin.PHONE, partial(_sent_on, takes=takes))
    assert problems_of(office, [play]) == []
