"""A panel, or the operator's dialplan, moves a channel that has a call to where phones dial.

A client goes on as if the agent who talked to him last had sent him; an agent's phone ends its call
there and places another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sandbox.manager import act
from sandbox.office import Office
from sandbox.office_conf import OUTBOUND_ID
from sandbox.phone_call import PhoneCall
from sandbox.ua import refuse, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP, GIVEN_UP, Ends, Expected
from tests.e2e.matrix.scene import TALK, Scene
from tests.e2e.telephony.stage import play_strictly, problems_of

pytestmark = pytest.mark.case("T34")

#: Of the team's DIDs (office_conf.did): one that goes on to click2dial when nobody has answered.
OVERFLOWS = 4
WAIT = 2  # seconds until then
EXTENSIONS = f"""
[from-trunk](+)
exten => _2721XXX000{OVERFLOWS},1,Set(C2D_AGENTS=PJSIP/${{EXTEN:4:3}}1)
 same => n,Set(C2D_RING_TIMEOUT={WAIT})
 same => n,Set(C2D_NEXT=click2dial,${{EXTEN:4:3}}2,1)
 same => n,Goto(inbound,${{EXTEN}},1)
"""
CONTEXTS = ("click2dial", "click2dial-transfer")
Move = Callable[[Scene, str], Awaitable[None]]


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, extensions=EXTENSIONS) as office:
        yield office


async def _move(scene: Scene, call: PhoneCall, context: str, target: str) -> None:
    channel = await scene.office.channel_of(call)
    async with scene.office.masquerade:
        await scene.office.cli(f"channel redirect {channel} {context},{target},1")


async def _to_a_colleague(scene: Scene, context: str) -> None:
    await scene.begin()
    await _move(scene, scene.client, context, scene.team.second.name)
    other = await scene.team.second.next_call()
    await scene.agent.over()
    await scene.end(other)


async def _to_one_who_is_busy(scene: Scene, context: str) -> None:
    """He is with his agent again."""
    scene.team.second.rule = refuse(486)
    await scene.begin()
    calls = len(scene.team.first.incoming)
    await _move(scene, scene.client, context, scene.team.second.name)
    back = await scene.team.first.next_call(after=calls)
    await scene.end(back)


async def _to_a_number(scene: Scene, context: str) -> None:
    await scene.begin()
    began = time.time()
    await _move(scene, scene.client, context, scene.partner)
    other = await scene.office.trunk.next_call(number=scene.partner)
    await scene.end(other, scene.team.first.name)
    scene.expect_leg(began, AGENT_HUNG_UP, scene.team.first.name, "transfer-blind")


async def _nowhere(scene: Scene, context: str) -> None:
    """Nothing is dialled that no server allows: he is with his agent again."""
    await scene.begin()
    calls = len(scene.team.first.incoming)
    await _move(scene, scene.client, context, scene.team.nobody)
    back = await scene.team.first.next_call(after=calls)
    await scene.end(back)


async def _twice(scene: Scene, context: str) -> None:
    """From the first agent to the second, and on to the third."""
    await scene.begin()
    for phone in (scene.team.second, scene.team.third):
        await _move(scene, scene.client, context, phone.name)
        scene.agent = await phone.next_call()
        await scene.agent.up()
        await scene.hear(scene.agent)
    await scene.end(scene.agent)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize(
    "play", [_to_a_colleague, _to_one_who_is_busy, _to_a_number, _nowhere, _twice]
)
def test_a_client_is_moved(office: Office, play: Move, context: str) -> None:
    work = [play_strictly(office, o, lambda scene: play(scene, context)) for o in Origin]
    assert problems_of(office, work) == []


async def _transferred(scene: Scene, context: str) -> None:
    """The panel asks for a blind transfer, from where the agent's phone is."""
    await scene.begin()
    channel = await scene.office.channel_of(scene.agent)
    where = {"Context": context} if context else {}
    target = scene.team.second.name
    await act(scene.office.pbx, "BlindTransfer", Channel=channel, Exten=target, **where)
    other = await scene.team.second.next_call()
    await scene.agent.over()
    await scene.end(other)


@pytest.mark.case("T36")
@pytest.mark.parametrize("context", ["", *CONTEXTS])
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.CREATED])
def test_a_panel_transfers(office: Office, origin: Origin, context: str) -> None:
    work = [play_strictly(office, origin, partial(_transferred, context=context))]
    assert problems_of(office, work) == []


async def _overflows(scene: Scene) -> None:
    """Nobody has talked to him who could have sent him: his call ends, and is recorded."""
    scene.team.first.rule = ring()
    scene.kind = OVERFLOWS
    scene.began = time.time()
    scene.client = await scene.office.dial_in(scene.team.did(OVERFLOWS), scene.number, scene.ref)
    await scene.client.over(WAIT + 5)
    assert not scene.team.second.incoming
    scene.expect_client("", frozenset({("timeout", 19)}), scene.client.ended_at)


def test_a_client_whom_nobody_answered_goes_nowhere(office: Office) -> None:
    assert problems_of(office, [play_strictly(office, Origin.DID, _overflows)]) == []


async def _the_agents_phone(scene: Scene, before: str) -> None:
    """The agent's phone talks to a client or a colleague, or rings; a panel has it call another."""
    office, (first, second, _) = scene.office, scene.team.phones
    to, rule = {
        "a client": (scene.number, None),
        "who rings": (scene.number, ring()),
        "a colleague": (second.name, None),
    }[before]
    if rule:
        office.trunk.plan[scene.number] = rule
    call = await first.call(to, scene.headers(scene.ref))
    await (call.wait_status(180) if rule else call.up())
    await asyncio.sleep(TALK)
    moved = time.time()
    await _move(scene, call, "click2dial", scene.partner)
    other = await office.trunk.next_call(number=scene.partner)
    await call.up()
    await scene.hear_each_other(call, other)
    await asyncio.sleep(TALK)
    await other.hang_up()
    await call.over()
    ends = GIVEN_UP if rule else AGENT_HUNG_UP | CLIENT_HUNG_UP  # nobody hung up the first one
    internal = to == second.name
    scene.expected = [
        _expected(scene, to, ends, call.began_at, moved, "internal" if internal else "outbound"),
        _expected(scene, scene.partner, CLIENT_HUNG_UP, moved, other.ended_at, "outbound"),
    ]


def _expected(
    scene: Scene, number: str, ends: Ends, began: float, ended: float, call_dir: str
) -> Expected:
    agent = scene.team.first.name
    return Expected(
        what=f"consultation with {number}",  # each call is one of its own
        extension=agent,
        number=number,
        dial_number=agent if call_dir == "internal" else OUTBOUND_ID,
        contact_ref=scene.ref,
        call_dir=call_dir,
        ends=ends,
        began=began,
        ended=ended,
    )


@pytest.mark.parametrize("before", ["a client", "who rings", "a colleague"])
def test_an_agents_phone_is_moved(office: Office, before: str) -> None:
    work = [play_strictly(office, Origin.PHONE, partial(_the_agents_phone, before=before))]
    assert problems_of(office, work) == []
