"""A leg to outside that a transfer placed, and that comes to nothing: its record says why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.office_conf import OUTBOUND_ID
from sandbox.ua import Rule, forward, refuse, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import BUSY, CLIENT_HUNG_UP, GIVEN_UP, Ends, Expected
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, play_strictly, played, problems_of, records

pytestmark = pytest.mark.case("T27")

REJECTED: Ends = frozenset({("reject", 21)})
NOT_AUTHORIZED: Ends = frozenset({("error", 57)})
#: What the trunk answers, and what the record says.
ANSWERS: dict[int, Ends] = {
    401: NOT_AUTHORIZED,
    403: NOT_AUTHORIZED,
    407: NOT_AUTHORIZED,
    404: frozenset({("error", 1)}),
    408: frozenset({("timeout", 18)}),
    480: frozenset({("timeout", 19)}),
    486: BUSY,
    500: frozenset({("error", 38)}),
    603: REJECTED,
}


async def _sent(scene: Scene, answers: tuple[int, ...]) -> None:
    """The agent sends the client to numbers, one after the other, and has him again each time."""
    await scene.begin()
    legs = [await _refused(scene, status) for status in answers]
    await scene.end(scene.agent)
    scene.expected += legs


async def _refused(scene: Scene, status: int) -> Expected:
    number, phone, began = scene.office.number(), scene.team.first, time.time()
    scene.office.trunk.plan[number] = refuse(status, "-", after=0.2)
    calls = len(phone.incoming)
    await scene.agent.send_to(number)
    leg = await scene.office.trunk.next_call(number=number)
    scene.agent = await phone.next_call(after=calls)
    await scene.agent.up()
    await scene.hear(scene.agent)
    return _leg(scene, number, ANSWERS[status], began, leg.ended_at)


def _leg(scene: Scene, number: str, ends: Ends, began: float, ended: float) -> Expected:
    return Expected(
        what="leg",
        extension=scene.team.first.name,
        number=number,
        dial_number=scene.leg_shown,
        contact_ref=scene.ref,
        call_dir="outbound",
        ends=ends,
        began=began,
        ended=ended,
        answered=0.0,
        call_type="transfer-blind",
    )


@pytest.mark.parametrize("integrator", ["acme", "through"])
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.DID])
def test_the_trunk_refuses(office: Office, origin: Origin, integrator: str) -> None:
    plays = [partial(_sent, answers=(status,)) for status in ANSWERS]
    assert _problems(office, origin, plays, integrator) == []


@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_one_after_the_other(office: Office, integrator: str) -> None:
    plays = [partial(_sent, answers=answers) for answers in ((403, 603), (404, 486), (486, 603))]
    assert _problems(office, Origin.PHONE, plays, integrator) == []


async def _comes_back_from(scene: Scene, rule: Rule) -> None:
    """The client is with the agent again, whatever becomes of the leg."""
    scene.office.trunk.plan[scene.partner] = rule
    await scene.begin()
    calls = len(scene.team.first.incoming)
    await scene.agent.send_to(scene.partner)
    back = await scene.team.first.next_call(after=calls)
    await back.up()
    await scene.hear(back)
    await scene.client.hang_up()
    told = {one["number"]: one["end_reason"] for one in await records(scene, 2)}
    assert told == {scene.number: "callee_hungup", scene.partner: "error"}


def test_a_number_behind_a_local_channel_rings_and_points_elsewhere(office: Office) -> None:
    """What Asterisk knows of it then is that it rang."""
    rule = forward("<sip:27839999999@127.0.0.1>", after=0.2)
    play = partial(_comes_back_from, rule=rule)
    work = [played(office, Origin.PHONE, play, integrator="through")]
    assert problems_of(office, work) == []


async def _given_up(scene: Scene, cause: int) -> None:
    """The client hangs up while the number rings; his phone says why (RFC 3326)."""
    scene.office.trunk.plan[scene.partner] = ring()
    await scene.begin()
    began = time.time()
    await scene.agent.send_to(scene.partner)
    leg = await scene.office.trunk.next_call(number=scene.partner)
    await asyncio.sleep(1.2)
    scene.client.bye([("Reason", f"Q.850;cause={cause}")])
    await leg.over()
    scene.expect_client(scene.team.first.name, CLIENT_HUNG_UP, scene.client.ended_at)
    scene.expected.append(_leg(scene, scene.partner, GIVEN_UP, began, leg.ended_at))


@pytest.mark.parametrize("origin", Origin)
def test_the_reason_of_who_gives_up_refuses_nothing(office: Office, origin: Origin) -> None:
    plays = [partial(_given_up, cause=cause) for cause in (17, 21, 22)]
    assert _problems(office, origin, plays, "acme") == []


async def _early(scene: Scene, rule: Rule, ends: Ends) -> None:
    """The agent puts the client together with a number that still rings, and then refuses."""
    scene.office.trunk.plan[scene.partner] = ring()
    await scene.begin()
    consultation = await scene.consult(scene.partner)
    leg = await scene.office.trunk.next_call(number=scene.partner)
    calls = len(scene.team.first.incoming)
    await scene.put_together(consultation, scene.partner)
    await rule(leg)
    back = await scene.team.first.next_call(after=calls)
    await back.up()
    await scene.end(back)
    scene.expected.append(
        Expected(
            what="consultation",
            extension=scene.team.first.name,
            number=scene.partner,
            dial_number=OUTBOUND_ID,
            contact_ref=f"{scene.ref}-c",
            call_dir="outbound",
            ends=ends | GIVEN_UP,  # the agent has left it by the transfer
            began=consultation.began_at,
            ended=leg.ended_at,
        )
    )


def test_a_number_refuses_after_an_early_transfer(office: Office) -> None:
    rules = [(refuse(status, "-"), ANSWERS[status]) for status in (401, 403, 407, 603)]
    rules.append((forward("<sip:27839999999@127.0.0.1>"), BUSY))
    plays = [partial(_early, rule=rule, ends=ends) for rule, ends in rules]
    assert _problems(office, Origin.PHONE, plays, "acme") == []


def _problems(office: Office, origin: Origin, plays: Sequence[Play], integrator: str) -> list[str]:
    work = [play_strictly(office, origin, play, integrator=integrator) for play in plays]
    return problems_of(office, work)
