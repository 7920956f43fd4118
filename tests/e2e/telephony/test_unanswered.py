"""No agent answers a client who calls in, and C2D_NEXT leads him on to a voicemail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.ua import Rule, refuse, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.expected import SECOND
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

#: Kinds of the team's DIDs (office_conf.did), further ones than the office has.
QUEUE, NO_QUEUE, AGENTS = 6, 7, 8
WAIT, MESSAGE = 2, 3  # seconds until nobody has answered, and of the voicemail
EXTENSIONS = f"""
[from-trunk](+)
exten => _2721XXX000{QUEUE},1,Set(C2D_QUEUE=two${{EXTEN:4:4}})
 same => n,Goto(rings,${{EXTEN}},1)
exten => _2721XXX000{NO_QUEUE},1,Set(C2D_QUEUE=mistyped)
 same => n,Goto(rings,${{EXTEN}},1)
exten => _2721XXX000{AGENTS},1,Set(C2D_AGENTS=PJSIP/${{EXTEN:4:3}}1&PJSIP/${{EXTEN:4:3}}2)
 same => n,Goto(rings,${{EXTEN}},1)

[rings]
exten => _X.,1,MSet(C2D_RING_TIMEOUT={WAIT},C2D_QUEUE_TIMEOUT={WAIT})
 same => n,Set(C2D_NEXT=message,s,1)
 same => n,Goto(inbound,${{EXTEN}},1)

[message]
exten => s,1,Answer()
 same => n,Wait({MESSAGE})
 same => n,Hangup()
"""


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, extensions=EXTENSIONS) as office:
        yield office


async def _leaves_a_message(
    kind: int, rule: Rule, expected: Mapping[str, float | str], hangs_up: bool, scene: Scene
) -> None:
    office, team = scene.office, scene.team
    for phone in team.phones:
        phone.rule = rule
    began = time.time()
    client = await office.dial_in(team.did(kind), scene.number, scene.ref)
    await client.up(WAIT + 5)
    if hangs_up:
        await asyncio.sleep(MESSAGE - 1)
        await client.hang_up()
    await client.over(MESSAGE + 5)
    (record,) = await records(scene)
    lengths = {"call_time": client.ended_at - began, "talk_time": 0, "answered_at": 0}
    for name, value in {**expected, **lengths, "extension": ""}.items():
        told = record[name]
        same = told == value if isinstance(value, str) else abs(told - value) < SECOND
        if not same:
            scene.remarks.append(f"{name} is {told!r}, not {value!r}")


@pytest.mark.case("T42")
@pytest.mark.parametrize("hangs_up", [True, False])
@pytest.mark.parametrize(
    ("kind", "rule", "reason", "code", "held", "rang"),
    [
        pytest.param(QUEUE, ring(), "timeout", 19, WAIT, 0, id="queue"),
        pytest.param(NO_QUEUE, ring(), "error", 34, 0, 0, id="no-queue"),
        pytest.param(AGENTS, ring(), "timeout", 19, 0, WAIT, id="agents"),
        pytest.param(AGENTS, refuse(603), "reject", 21, 0, 0, id="declined"),
        pytest.param(AGENTS, refuse(486), "busy", 17, 0, 0, id="busy"),
    ],
)
def test_the_record_tells_of_the_agents_and_not_of_the_voicemail(
    office: Office,
    kind: int,
    rule: Rule,
    reason: str,
    code: int,
    held: int,
    rang: int,
    hangs_up: bool,
) -> None:
    expected: dict[str, float | str] = {
        **{"end_reason": reason, "end_code": code, "hold_time": held},
        **{"hold_time_number": held, "ring_time_extension": rang},
    }
    work = partial(_leaves_a_message, kind, rule, expected, hangs_up)
    assert problems_of(office, [played(office, Origin.DID, work)]) == []
