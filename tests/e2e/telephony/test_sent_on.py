"""The operator's own dialplan sends a client to click2dial-inbound who has a call already.

After a transfer (transfer_fallback) or when nobody has answered him (C2D_NEXT): it is one call,
from its first ring to its true end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.ua import answer, refuse, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import SENDING, play_strictly, problems_of

pytestmark = pytest.mark.case("T31")

#: Kinds of the team's DIDs (office_conf.did), further ones than the office has.
AGENT_THEN_QUEUE, QUEUE_THEN_QUEUE = 4, 5
WAIT = 2  # seconds until nobody has answered
EXTENSIONS = f"""
[from-trunk](+)
exten => _2721XXX000{AGENT_THEN_QUEUE},1,Set(C2D_AGENTS=PJSIP/${{EXTEN:4:3}}1)
 same => n,Set(C2D_RING_TIMEOUT={WAIT})
 same => n,Goto(first,${{EXTEN}},1)
exten => _2721XXX000{QUEUE_THEN_QUEUE},1,Answer(,i)
 same => n,Set(C2D_QUEUE=one${{EXTEN:4:4}})
 same => n,Set(C2D_QUEUE_TIMEOUT={WAIT})
 same => n,Goto(first,${{EXTEN}},1)

[first]
exten => _X.,1,Set(C2D_NEXT=overflow,${{EXTEN}},1)
 same => n,Goto(inbound,${{EXTEN}},1)

[overflow]
exten => _X.,1,Set(C2D_QUEUE=two${{EXTEN:4:4}})
 same => n,Set(C2D_QUEUE_TIMEOUT=)
 same => n,Set(C2D_NEXT=)
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)

; *60 and an extension: a queue of its team; *61: its phone for so long, and then that queue
[further]
exten => _XXXX,1,Dial(PJSIP/${{EXTEN}},20,i)
exten => _*60XXXX,1,Set(C2D_QUEUE=two${{EXTEN:3:3}}0)
 same => n,Goto(click2dial-inbound,2721${{EXTEN:3:3}}0001,1)
exten => _*61XXXX,1,Set(C2D_QUEUE=)
 same => n,Set(C2D_AGENTS=PJSIP/${{EXTEN:3}})
 same => n,Set(C2D_RING_TIMEOUT={WAIT})
 same => n,Set(C2D_NEXT=overflow,2721${{EXTEN:3:3}}0001,1)
 same => n,Goto(click2dial-inbound,2721${{EXTEN:3:3}}0001,1)
"""


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, extensions=EXTENSIONS, keys=SENDING) as office:
        yield office


async def _end(scene: Scene, who: str) -> None:
    await (scene.end if who == "client" else scene.left)(scene.agent)


async def _sent(code: str, who: str, scene: Scene) -> None:
    """The first agent sends the client to a queue, where the second one answers."""
    first, second, third = scene.team.phones
    await scene.begin()
    first.rule = refuse(486)
    second.rule = answer()
    if code == "*61":
        third.rule = ring()
    await scene.agent.send_to(f"{code}{third.name}")
    scene.agent = await second.next_call(timeout=10)
    assert scene.agent.invite
    shown = scene.agent.invite.header("X-Teleforge-Call-Ref")
    if scene.call_ref and shown != scene.call_ref:
        scene.remarks.append(f"{second.name} is shown {shown}, not {scene.call_ref}")
    await _end(scene, who)


@pytest.mark.parametrize("code", ["*60", "*61"])
@pytest.mark.parametrize("who", ["client", "agent"])
def test_an_agent_sends_the_client_to_a_queue(office: Office, code: str, who: str) -> None:
    work = [play_strictly(office, origin, partial(_sent, code, who)) for origin in Origin]
    assert problems_of(office, work) == []


async def _overflows(kind: int, who: str, scene: Scene) -> None:
    """Nobody answers the DID; an agent of the queue behind it does."""
    first, second, _ = scene.team.phones
    first.rule = ring()
    scene.kind = kind
    scene.began = time.time()
    scene.client = await scene.office.dial_in(scene.team.did(kind), scene.number, scene.ref)
    unanswered = await first.next_call()
    first.rule = refuse(486)
    await unanswered.over(WAIT + 5)
    in_queue = scene.began if kind == QUEUE_THEN_QUEUE else time.time()
    scene.agent = await second.next_call(timeout=10)
    await scene.agent.up()
    scene.answered = scene.agent.answered_at
    await _end(scene, who)
    (expected,) = scene.expected
    held = scene.answered - in_queue
    scene.expected = [replace(expected, held=held)]


@pytest.mark.parametrize("kind", [AGENT_THEN_QUEUE, QUEUE_THEN_QUEUE])
@pytest.mark.parametrize("who", ["client", "agent"])
def test_nobody_answers_and_he_goes_on_to_a_queue(office: Office, kind: int, who: str) -> None:
    work = [play_strictly(office, Origin.DID, partial(_overflows, kind, who))]
    assert problems_of(office, work) == []


@pytest.mark.case("T63")
def test_another_integrators_agent_is_not_rung(office: Office) -> None:
    """He who sends the client there has him again."""

    async def another(scene: Scene) -> None:
        first = scene.team.first
        async with office.team("inside") as others:
            await scene.begin()
            rung, calls = len(others.first.incoming), len(first.incoming)
            await scene.agent.send_to(others.first.name)
            scene.agent = await first.next_call(calls)
            assert len(others.first.incoming) == rung
        await scene.end(scene.agent)

    work = [play_strictly(office, origin, another) for origin in (Origin.PHONE, Origin.DID)]
    assert problems_of(office, work) == []
