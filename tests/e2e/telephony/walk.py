"""A client's call that goes from agent to agent, and what must be told of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from sandbox.notifications import Notification, Payload
from sandbox.office import Office, Team
from sandbox.office_conf import OUTBOUND_ID
from sandbox.phone_call import PhoneCall
from sandbox.ua import UA
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP, Ends, Expected, brief
from tests.e2e.matrix.scene import Scene

Step = Callable[["Walk"], Awaitable[None]]


class Walk(Scene):
    """A scene whose agent changes.

    `agent` is the call of whoever talks to the client now; a step leaves the next one there, or
    ends the client's call.
    """

    def __init__(self, office: Office, team: Team, origin: Origin) -> None:
        super().__init__(office, team, Cell(origin, Move.TWICE, Target.COLLEAGUE))
        self.consultations = 0
        self.legs = 0
        self.told: list[str] = []  # contact_ref of each consultation that is told of as joined
        self.done = False

    def next_of(self, away: int = 1) -> UA:
        """Return the phone of the colleague who follows the agent in the team."""
        phones = self.team.phones
        return phones[(phones.index(self.agent.ua) + away) % len(phones)]

    async def look(self) -> None:
        """Client and agent hear each other, and the API says so."""
        await self.hear(self.agent)
        await super().look()

    async def ask(self, user: str) -> PhoneCall:
        """The agent puts the client on hold, and calls somebody."""
        self.consultations += 1
        await self.agent.hold()
        return await self.agent.ua.call(user, self.headers(f"{self.ref}-c{self.consultations}"))

    async def send(self, user: str) -> None:
        """The agent transfers blindly; in the very moment of the answer that fails, and again."""
        for _ in range(3):
            response = await self.agent.refer(f"<{self.agent.ua.uri(user)}>")
            assert response.status == 202, response.start_line
            if await self.agent.leave():
                return
            await asyncio.sleep(0.2)

    async def join(self, consultation: PhoneCall, user: str) -> None:
        """The agent presses the transfer key."""
        await self.put_together(consultation, user)

    def note(self, call: PhoneCall, number: str, ends: Ends, ended: float) -> None:
        """Expect the record of a consultation, the last one."""
        outside = len(number) > 4
        self.expected.append(
            Expected(
                what=f"consultation {self.consultations}",
                extension=call.ua.name,
                number=number,
                dial_number=OUTBOUND_ID if outside else call.ua.name,
                contact_ref=f"{self.ref}-c{self.consultations}",
                call_dir="outbound" if outside else "internal",
                ends=ends,
                began=call.began_at,
                ended=ended,
            )
        )

    def note_leg(self, number: str, by: str, began: float, ends: Ends, ended: float) -> None:
        self.expected.append(
            Expected(
                what="leg",
                extension=by,
                number=number,
                dial_number=self.shown_for_agent,
                contact_ref=self.ref,
                call_dir="outbound",
                ends=ends,
                began=began,
                ended=ended,
                call_type="transfer-blind",
            )
        )

    async def gone(self, extension: str, *, client: bool = True) -> None:
        """The client's call has ended."""
        await self.client.over()
        ends = CLIENT_HUNG_UP if client else AGENT_HUNG_UP
        self.expect_client(extension, ends, self.client.ended_at)
        self.done = True


# Playing


async def play(
    office: Office, origin: Origin, steps: list[Step], *, integrator: str = "acme"
) -> list[str]:
    """Play a walk and return what was wrong with it."""
    async with office.team(integrator) as team:
        walk = Walk(office, team, origin)
        problems: list[str] = []
        try:
            async with asyncio.timeout(patience(60)):
                await walk.begin()
                for step in steps:
                    await step(walk)
                    if not walk.done:
                        await walk.look()
        except (TimeoutError, AssertionError, LookupError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        problems += walk.remarks
        problems += await told_of(walk, strict=not problems)
        problems += [f"left: {left}" for left in await walk.clear()]
        if problems:
            team.spoilt = time.monotonic()
        numbers = {one.number for one in walk.expected}
        office.trunk.forget({walk.number, walk.partner, *numbers})
        return problems


async def told_of(walk: Walk, *, strict: bool = True) -> list[str]:
    """Compare all notifications of a walk with what is expected."""
    lists, plan = walk.office.notifications, walk.team.plan.name

    def record(one: Notification) -> bool:
        return one.list_name == f"{plan}:cdr" and walk.owns(one)

    if strict:
        await lists.wait(record, len(walk.expected))
        await asyncio.sleep(0.3)  # what comes twice comes soon
    payloads = [one.payload for one in lists.take(record)]
    joined = lists.take(walk.owns)
    if not strict:
        return [f"  record: {brief(one)}" for one in payloads]
    problems = compare(walk, payloads)
    refs = Counter(one.payload["contact_ref"] for one in joined)
    wanted = Counter([walk.ref, *walk.told])
    if refs != wanted:
        problems.append(f"joined: {dict(refs)}, not {dict(wanted)}")
    return problems + [f"  record: {brief(one)}" for one in payloads] if problems else []


def compare(walk: Walk, payloads: list[Payload]) -> list[str]:
    """Return what is wrong with the records."""
    wrong: list[str] = []
    left = list(payloads)
    for one in walk.expected:
        mine = [p for p in left if (p["contact_ref"], p["number"]) == (one.contact_ref, one.number)]
        if not mine:
            wrong.append(f"no record of {one.what}, {one.number}")
            continue
        left.remove(mine[0])
        wrong += one.problems(mine[0])
    wrong += [f"one record too many: {brief(one)}" for one in left]
    if len({one["call_ref"] for one in payloads}) < len(payloads):
        wrong.append("two records with one call_ref")
    trail = [one for one in payloads if one["contact_ref"] == walk.ref]
    first = [one["call_ref"] for one in trail if one["number"] == walk.number]
    if {one["call_trail_ref"] for one in trail} != set(first):
        wrong.append("call_trail_ref is not the client's call_ref")
    numbers = sorted(one["call_trail_number"] for one in trail)
    if numbers != list(range(1, len(trail) + 1)):
        wrong.append(f"call_trail_number counts {numbers}")
    return wrong
