"""Calls that go on while the dialplan of a release before is replaced by this one.

A channel that Dial(), Queue() or a server has goes on where it stood, one step further, in a
dialplan that has other steps there.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sandbox.office import DIALPLAN
from sandbox.ua import ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import (
    AGENT_HUNG_UP,
    BUSY,
    CLIENT_HUNG_UP,
    GIVEN_UP,
    Ends,
)
from tests.e2e.matrix.scene import Scene
from tests.e2e.upgrade.stage import (
    RELEASES,
    Change,
    OldOffice,
    Play,
    install,
    problems_of,
    until_asked,
)

pytestmark = pytest.mark.case("T38")

ABROAD = "00442079460000"  # where nobody may call
REFUSED: Ends = frozenset({("error", 28)})
#: Of the team's DIDs (office_conf.did): an agent and a queue that send on whom nobody has answered.
OVERFLOWS, QUEUE_OVERFLOWS = 4, 5
EXTENSIONS = f"""
[from-trunk](+)
exten => _2721XXX000{OVERFLOWS},1,Set(C2D_AGENTS=PJSIP/${{EXTEN:4:3}}1)
 same => n,Set(C2D_RING_TIMEOUT=3)
 same => n,Set(C2D_NEXT=mailbox,s,1)
 same => n,Goto(inbound,${{EXTEN}},1)
exten => _2721XXX000{QUEUE_OVERFLOWS},1,Answer(,i)
 same => n,Set(C2D_QUEUE=one${{EXTEN:4:4}})
 same => n,Set(C2D_NEXT=mailbox,s,1)
 same => n,Goto(inbound,${{EXTEN}},1)

[mailbox]
exten => s,1,Answer(,i)
 same => n,Wait(30)
"""


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: release.stem)
def office(tree: Path, request: pytest.FixtureRequest) -> Iterator[OldOffice]:
    with OldOffice(tree, request.param, extensions=EXTENSIONS) as office:
        yield office


# What goes on meanwhile, and afterwards


async def _client_hangs_up(scene: Scene, change: Change) -> None:
    await scene.begin()
    await change()
    await scene.end(scene.agent)


async def _agent_hangs_up(scene: Scene, change: Change) -> None:
    await scene.begin()
    await change()
    calls = len(scene.team.first.incoming)
    await scene.left(scene.agent)
    await asyncio.sleep(0.5)
    assert len(scene.team.first.incoming) == calls, "the agent's phone rings again"


async def _is_sent_to_a_colleague(scene: Scene, change: Change) -> None:
    await scene.begin()
    await change()
    await scene.agent.send_to(scene.team.second.name)
    await scene.left(await scene.team.second.next_call())


async def _is_with_a_colleague(scene: Scene, change: Change) -> None:
    await scene.begin()
    await scene.agent.send_to(scene.team.second.name)
    other = await scene.team.second.next_call()
    await scene.talk(other, 0.3)
    await change()
    await scene.left(other)
    await asyncio.sleep(0.5)
    assert len(scene.team.second.incoming) == 1, "the colleague's phone rings again"


async def _is_with_a_number(scene: Scene, change: Change) -> None:
    await scene.begin()
    began = time.time()
    await scene.agent.send_to(scene.partner)
    other = await scene.office.trunk.next_call(number=scene.partner)
    await scene.talk(other, 0.3)
    await change()
    await scene.left(other, scene.team.first.name)
    scene.expect_leg(began, CLIENT_HUNG_UP, scene.team.first.name, "transfer-blind")
    await asyncio.sleep(0.5)
    legs = [call for call in scene.office.trunk.incoming if call.number == scene.partner]
    assert len(legs) == 1, "the number is called again"


async def _rings_a_colleague(scene: Scene, change: Change) -> None:
    scene.team.second.rule = ring()
    await scene.begin()
    await scene.agent.send_to(scene.team.second.name)
    other = await scene.team.second.next_call()
    await change()
    other.answer()
    await scene.left(other)


async def _comes_back(scene: Scene, change: Change) -> None:
    scene.team.second.rule = ring()
    await scene.begin()
    calls = len(scene.team.first.incoming)
    await scene.agent.send_to(scene.team.second.name)
    other = await scene.team.second.next_call()
    await change()
    other.reply(486)
    await scene.end(await scene.team.first.next_call(after=calls))


async def _consults(scene: Scene, change: Change) -> None:
    """The agent asks a colleague before, and puts the two together after."""
    await scene.begin()
    consultation = await scene.consult(scene.team.second.name)
    other = await scene.team.second.next_call()
    await consultation.up()
    await scene.hear_each_other(consultation, other)
    await change()
    await scene.put_together(consultation, scene.team.second.name)
    transferred = consultation.ended_at
    await scene.left(other)
    scene.expect_consultation(consultation, AGENT_HUNG_UP, transferred)


async def _was_put_together(scene: Scene, change: Change) -> None:
    await scene.begin()
    consultation = await scene.consult(scene.team.second.name)
    other = await scene.team.second.next_call()
    await consultation.up()
    await scene.hear_each_other(consultation, other)
    await scene.put_together(consultation, scene.team.second.name)
    transferred = consultation.ended_at
    await scene.talk(other, 0.3)
    await change()
    await scene.left(other)
    scene.expect_consultation(consultation, AGENT_HUNG_UP, transferred)


async def _early(scene: Scene, change: Change) -> None:
    scene.team.second.rule = ring()
    await scene.begin()
    consultation = await scene.consult(scene.team.second.name)
    other = await scene.team.second.next_call()
    await scene.put_together(consultation, scene.team.second.name)
    transferred = consultation.ended_at
    await change()
    other.answer()
    await scene.left(other)
    scene.expect_consultation(consultation, GIVEN_UP, transferred, 0.0)


async def _early_declined(scene: Scene, change: Change) -> None:
    scene.team.second.rule = ring()
    await scene.begin()
    consultation = await scene.consult(scene.team.second.name)
    other = await scene.team.second.next_call()
    await scene.put_together(consultation, scene.team.second.name)
    calls = len(scene.team.first.incoming)
    await change()
    other.reply(603, "Decline")
    await scene.end(await scene.team.first.next_call(after=calls))
    scene.expect_consultation(consultation, GIVEN_UP | {("reject", 21)}, consultation.ended_at, 0.0)


async def _ring_callee(scene: Scene) -> None:
    scene.office.trunk.plan[scene.number] = ring()
    await scene.place()
    if scene.cell.origin is Origin.CREATED:
        scene.agent = await scene.team.first.next_call()
    scene.client = await scene.office.trunk.next_call(number=scene.number)


async def _callee_rings(scene: Scene, change: Change) -> None:
    """Of an agent's call or a created one."""
    await _ring_callee(scene)
    await change()
    scene.client.answer()
    scene.answered = time.time()
    await scene.end(scene.agent)


async def _callee_is_busy(scene: Scene, change: Change) -> None:
    await _ring_callee(scene)
    await change()
    scene.client.reply(486)
    if scene.cell.origin is Origin.PHONE:
        assert (await scene.agent.final()).status == 486
    await scene.agent.over()
    scene.expect_client(scene.team.first.name, BUSY, scene.client.ended_at)


async def _agent_rings(scene: Scene, change: Change) -> None:
    """Of a created call, or one from outside."""
    scene.team.first.rule = ring()
    await scene.place()
    scene.agent = await scene.team.first.next_call()
    await change()
    scene.agent.answer()
    if scene.cell.origin is Origin.CREATED:
        scene.client = await scene.office.trunk.next_call(number=scene.number)
    await scene.client.up()
    scene.answered = scene.client.answered_at
    await scene.left(scene.agent)
    legs = [call for call in scene.office.trunk.incoming if call.number == scene.number]
    assert len(legs) == (scene.cell.origin is Origin.CREATED), "the client is called twice"


async def _agent_is_busy(scene: Scene, change: Change) -> None:
    scene.team.first.rule = ring()
    await scene.place()
    scene.agent = await scene.team.first.next_call()
    await change()
    scene.agent.reply(486)
    if scene.cell.origin is Origin.DID:
        assert (await scene.client.final()).status == 486
    who = scene.team.first.name if scene.cell.origin is Origin.CREATED else ""
    scene.expect_client(who, BUSY, scene.agent.ended_at)
    await asyncio.sleep(0.5)
    assert len(scene.team.first.incoming) == 1, "the agent's phone rings again"


async def _overflows(scene: Scene, change: Change) -> None:
    """Nobody answers: the mailbox does, and that once."""
    scene.team.first.rule = ring()
    scene.kind = OVERFLOWS
    scene.began = time.time()
    scene.client = await scene.office.dial_in(scene.team.did(OVERFLOWS), scene.number, scene.ref)
    await scene.team.first.next_call()
    await change()
    await scene.client.up()
    await scene.client.hang_up()
    assert len(scene.team.first.incoming) == 1, "the agent's phone rings again"
    scene.expect_client("", frozenset({("timeout", 19)}), scene.client.ended_at)


async def _queue_goes_on(scene: Scene, change: Change) -> None:
    """An agent who hangs up has had the client: the mailbox gets nobody."""
    scene.kind = QUEUE_OVERFLOWS
    scene.began = time.time()
    scene.client = await scene.office.dial_in(scene.team.did(scene.kind), scene.number, scene.ref)
    scene.agent = await scene.team.first.next_call()
    await scene.agent.up()
    scene.answered = scene.agent.answered_at
    await scene.hear(scene.agent)
    await change()
    await scene.left(scene.agent)


PHONE, CREATED, DID, QUEUE = Origin


def _each(play: Play, *origins: Origin) -> list[tuple[Play, Origin]]:
    return [(play, origin) for origin in origins or Origin]


#: What is played at the same time: as many as there are teams, at most.
ROUNDS = (
    _each(_client_hangs_up) + _each(_agent_hangs_up),
    _each(_is_sent_to_a_colleague) + _each(_is_with_a_colleague),
    _each(_is_with_a_number) + _each(_rings_a_colleague),
    _each(_comes_back) + _each(_consults),
    _each(_was_put_together) + _each(_early),
    _each(_early_declined)
    + _each(_callee_rings, PHONE, CREATED)
    + _each(_callee_is_busy, PHONE, CREATED),
    _each(_agent_rings, CREATED, DID, QUEUE)
    + _each(_agent_is_busy, CREATED, DID)
    + [(_overflows, DID), (_queue_goes_on, QUEUE)],
)


@pytest.mark.parametrize("plays", ROUNDS)
def test_calls_go_on(office: OldOffice, plays: list[tuple[Play, Origin]]) -> None:
    problems = problems_of(office, plays, partial(install, office, DIALPLAN))
    assert problems == [], "\n".join(problems)


def test_behind_local_channels(office: OldOffice) -> None:
    plays = _each(_client_hangs_up) + _each(_agent_hangs_up)
    plays += _each(_callee_is_busy, PHONE, CREATED) + _each(_agent_rings, CREATED, DID)
    act = partial(install, office, DIALPLAN)
    problems = problems_of(office, plays, act, integrator="through")
    assert problems == [], "\n".join(problems)


# While a server is asked, it is frozen, the dialplan is replaced, and it goes on.


async def _asks(scene: Scene, change: Change) -> None:
    await change()
    await scene.place()
    await until_asked(scene.office, scene.agent)
    await change()
    await change()
    scene.client = await scene.office.trunk.next_call(number=scene.number)
    await scene.client.up()
    scene.answered = scene.client.answered_at
    await scene.end(scene.agent)


async def _is_refused(scene: Scene, change: Change) -> None:
    await change()
    scene.number = ABROAD
    await scene.place()
    await until_asked(scene.office, scene.agent)
    await change()
    await change()
    assert (await scene.agent.final()).status == 484
    scene.expect_client(scene.team.first.name, REFUSED, scene.agent.ended_at)
    scene.expected[-1] = replace(scene.expected[-1], number="")


async def _asks_of_a_transfer(scene: Scene, change: Change) -> None:
    await scene.begin()
    await change()
    await scene.agent.send_to(scene.team.second.name)
    await until_asked(scene.office, scene.client)
    await change()
    await change()
    await scene.end(await scene.team.second.next_call())


async def _tells_of_the_end(scene: Scene, change: Change) -> None:
    await scene.begin()
    await scene.talk(scene.agent)
    await change()
    one = scene.client if scene.cell.origin.inbound else scene.agent
    await one.hang_up()
    await (scene.agent if scene.cell.origin.inbound else scene.client).over()
    await until_asked(scene.office, one)
    ended = time.time()
    await change()
    await change()
    who = CLIENT_HUNG_UP if scene.cell.origin.inbound else AGENT_HUNG_UP
    scene.expect_client(scene.team.first.name, who, ended)


async def _tells_of_the_answer(scene: Scene, change: Change) -> None:
    scene.team.first.rule = ring()
    await scene.place()
    scene.agent = await scene.team.first.next_call()
    await change()
    scene.agent.answer()
    scene.answered = time.time()
    await until_asked(scene.office, scene.agent)
    await change()
    await change()
    await scene.left(scene.agent)


def test_a_server_is_asked_meanwhile(office: OldOffice) -> None:
    async def freeze() -> None:
        office.server.send(signal.SIGSTOP)

    async def thaw() -> None:
        office.server.send(signal.SIGCONT)

    plays = _each(_asks, PHONE) + _each(_is_refused, PHONE)
    plays += _each(_asks_of_a_transfer, PHONE, DID) + _each(_tells_of_the_end, PHONE, DID)
    plays += _each(_tells_of_the_answer, DID, QUEUE)
    try:
        acts = (freeze, partial(install, office, DIALPLAN), thaw)
        problems = problems_of(office, plays, *acts)
        assert problems == [], "\n".join(problems)
    finally:
        office.server.start_again()
