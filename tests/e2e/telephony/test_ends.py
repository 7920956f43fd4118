"""Whatever the trunk answers: one reason and one code, behind a Local channel as directly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.ua import Rule, refuse, ring
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

case = pytest.mark.case

TIMEOUTS = (18, 19, 102)
REJECTS = (21, 22)


@dataclass(frozen=True)
class Answer:
    """What the trunk answers, what the record says, and what the phone hears (0: anything)."""

    case: pytest.MarkDecorator
    status: int
    reason: str
    codes: tuple[int, ...]
    heard: int = 0
    q850: int = 0

    def __str__(self) -> str:
        return f"{self.status}-{self.q850}" if self.q850 else str(self.status)

    @property
    def rule(self) -> Rule:
        if not self.status:
            return ring()
        headers = [("Reason", f"Q.850;cause={self.q850}")] if self.q850 else []
        return refuse(self.status, "-", headers, after=0.05)


#: What Asterisk makes of rarer statuses, measured with a trunk that is reached directly.
OTHER_CAUSES = {409: 41, 420: 3, 485: 1, 488: 58, 491: 127, 501: 29, 502: 27, 580: 34, 699: 127}

ANSWERS = (
    Answer(case("T9"), 486, "busy", (17,), 486),
    Answer(case("T9"), 600, "busy", (17,), 486),
    Answer(case("T9"), 603, "reject", REJECTS),
    Answer(case("T7"), 603, "reject", REJECTS, q850=21),
    Answer(case("T9"), 404, "error", (1,), 404),
    Answer(case("T9"), 480, "timeout", (19,)),
    Answer(case("T8"), 408, "timeout", TIMEOUTS),
    Answer(case("T8"), 504, "timeout", TIMEOUTS),
    Answer(case("T8"), 0, "timeout", (19,)),  # rings until ring_timeout
    Answer(case("T7"), 401, "error", ()),
    Answer(case("T7"), 403, "error", ()),
    Answer(case("T7"), 407, "error", ()),
    Answer(case("T9"), 503, "error", ()),
    Answer(case("T9"), 500, "error", (38,)),
    *(Answer(case("T9"), status, "error", (code,)) for status, code in OTHER_CAUSES.items()),
)
#: Codes that say something else than an error.
NO_ERRORS = (0, 16, 17, *TIMEOUTS, *REJECTS)


async def _dial(answer: Answer, scene: Scene) -> None:
    scene.office.trunk.plan[scene.number] = answer.rule
    call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
    heard = (await call.final()).status
    _check(scene, answer, (await records(scene))[0])
    if answer.heard not in (0, heard):
        scene.remarks.append(f"{answer}: the phone hears {heard}")


async def _create(answer: Answer, scene: Scene) -> None:
    scene.office.trunk.plan[scene.number] = answer.rule
    await scene.place()
    await scene.team.first.next_call()
    await (await scene.office.trunk.next_call(number=scene.number)).over(10)
    _check(scene, answer, (await records(scene))[0])


def _check(scene: Scene, answer: Answer, record: dict[str, object]) -> None:
    end = (record["end_reason"], record["end_code"])
    right = end[1] in answer.codes if answer.codes else end[1] not in NO_ERRORS
    if end[0] != answer.reason or not right:
        scene.remarks.append(f"{answer}: ended {end}, not {answer.reason} {answer.codes}")


@pytest.mark.parametrize(
    "answer",
    [pytest.param(answer, id=str(answer), marks=answer.case) for answer in ANSWERS],
)
def test_the_trunk_answers(office: Office, answer: Answer) -> None:
    work = [
        played(office, origin, partial(play, answer), integrator=integrator)
        for origin, play in ((Origin.PHONE, _dial), (Origin.CREATED, _create))
        for integrator in ("acme", "through")
    ]
    assert problems_of(office, work) == []


async def _the_agents_phone(status: int, scene: Scene) -> None:
    scene.team.first.rule = refuse(status, "-", after=0.05)
    await scene.place()
    (record,) = await records(scene)
    end = (record["end_reason"], record["end_code"])
    if end != ("reject", 21):
        scene.remarks.append(f"{status}: ended {end}")


@case("T27")
def test_the_agents_phone_is_no_provider(office: Office) -> None:
    plays = [partial(_the_agents_phone, status) for status in (401, 403, 407, 603)]
    work = [played(office, Origin.CREATED, play) for play in plays]
    assert problems_of(office, work) == []


async def _the_phone_rung_first(answer: Answer, scene: Scene) -> None:
    """An external call: its agent is a number, which the trunk reaches."""
    scene.office.trunk.plan[scene.partner] = answer.rule
    await scene.office.create(scene.team, scene.number, scene.ref, agent=scene.partner)
    _check(scene, answer, (await records(scene))[0])


@case("T27")
@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_the_trunk_answers_for_the_agent_of_an_external_call(
    office: Office, integrator: str
) -> None:
    answers = [one for one in ANSWERS if one.status in (403, 404, 480, 486, 603)]
    plays = [partial(_the_phone_rung_first, answer) for answer in answers]
    work = [played(office, Origin.PHONE, play, integrator=integrator) for play in plays]
    assert problems_of(office, work) == []


#: What phones and gateways put into a BYE or a CANCEL (RFC 3326); 21 and 22 would refuse an INVITE.
CAUSES = (17, 21, 22, 34)


def _reason(cause: int) -> list[tuple[str, str]]:
    return [("Reason", f"Q.850;cause={cause}")]


async def _hangs_up(who: str, cause: int, scene: Scene) -> None:
    await scene.begin()
    (scene.agent if who == "agent" else scene.client).bye(_reason(cause))
    (record,) = await records(scene)
    end = (record["end_reason"], record["end_code"])
    if end != (f"{who}_hungup", 16):
        scene.remarks.append(f"{who}, {cause}: ended {end}")


async def _gives_up(cause: int, scene: Scene) -> None:
    scene.office.trunk.plan[scene.number] = ring()
    call = await scene.team.first.call(scene.number, scene.headers(scene.ref))
    await call.wait_status(180)
    call.cancel(_reason(cause))
    (record,) = await records(scene)
    end = (record["end_reason"], record["end_code"])
    if end != ("agent_hungup", 16):
        scene.remarks.append(f"CANCEL, {cause}: ended {end}")


@case("T21")
@pytest.mark.parametrize("who", ["agent", "callee"])
@pytest.mark.parametrize("origin", Origin)
def test_the_reason_of_a_bye_refuses_nothing(office: Office, origin: Origin, who: str) -> None:
    work = [played(office, origin, partial(_hangs_up, who, cause)) for cause in CAUSES]
    assert problems_of(office, work) == []


@case("T21")
def test_the_reason_of_a_cancel_refuses_nothing(office: Office) -> None:
    work = [played(office, Origin.PHONE, partial(_gives_up, cause)) for cause in CAUSES]
    assert problems_of(office, work) == []
