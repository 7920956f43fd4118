"""The steps of a walk: each is a way to hand the client over, to consult somebody, or to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from sandbox.phone_call import PhoneCall
from sandbox.sdp import Direction
from sandbox.ua import Rule, answer, refuse, ring
from tests.e2e.matrix.expected import AGENT_HUNG_UP, BUSY, CLIENT_HUNG_UP, GIVEN_UP, Ends
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.walk import Step, Walk

DECLINED: Ends = GIVEN_UP | {("reject", 21)}
REJECTED: Ends = frozenset({("reject", 21)})

# Ways to hand the client over


def blind(away: int = 1) -> Step:
    async def step(walk: Walk) -> None:
        phone = walk.next_of(away)
        calls = len(phone.incoming)
        await walk.send(phone.name)
        walk.agent = await phone.next_call(after=calls)
        await walk.agent.up()
        assert walk.agent.invite
        if walk.agent.invite.from_user != walk.number:
            walk.remarks.append(f"{phone.name} is shown {walk.agent.invite.from_user}")

    return step


def attended(away: int = 1) -> Step:
    async def step(walk: Walk) -> None:
        phone = walk.next_of(away)
        calls = len(phone.incoming)
        consultation = await walk.ask(phone.name)
        other = await phone.next_call(after=calls)
        await consultation.up()
        await consultation.media.hear(phone.name)
        await walk.office.settled(phone.name)
        walk.told.append(f"{walk.ref}-c{walk.consultations}")
        await walk.join(consultation, phone.name)
        walk.note(consultation, phone.name, AGENT_HUNG_UP, consultation.ended_at)
        walk.agent = other

    return step


def early(away: int = 1) -> Step:
    async def step(walk: Walk) -> None:
        phone = walk.next_of(away)
        phone.rule = ring()
        calls = len(phone.incoming)
        consultation = await walk.ask(phone.name)
        await consultation.wait_status(180)
        other = await phone.next_call(after=calls)
        await walk.join(consultation, phone.name)
        walk.note(consultation, phone.name, GIVEN_UP, consultation.ended_at)
        await asyncio.sleep(0.3)
        phone.rule = answer()
        other.answer()
        walk.agent = other

    return step


def early_declined(away: int = 1, status: int = 603) -> Step:
    async def step(walk: Walk) -> None:
        phone, sender = walk.next_of(away), walk.agent.ua
        phone.rule = ring()
        calls, back = len(phone.incoming), len(sender.incoming)
        consultation = await walk.ask(phone.name)
        await consultation.wait_status(180)
        other = await phone.next_call(after=calls)
        await walk.join(consultation, phone.name)
        walk.note(consultation, phone.name, DECLINED, consultation.ended_at)
        phone.rule = answer()
        other.reply(status)
        walk.agent = await sender.next_call(after=back)
        await walk.agent.up()

    return step


def recall(rule: Rule | None = None, to: str = "") -> Step:
    """A colleague does not take the client, or nobody can: the agent has him again."""

    async def step(walk: Walk) -> None:
        phone, sender = walk.next_of(), walk.agent.ua
        back = len(sender.incoming)
        phone.rule = rule or refuse(486)
        user = {"": phone.name, "self": sender.name, "nobody": walk.team.nobody}.get(to, to)
        await walk.send(user)
        walk.agent = await sender.next_call(after=back, timeout=10)
        await walk.agent.up()
        phone.rule = answer()

    return step


def recall_outside(status: int = 486) -> Step:
    async def step(walk: Walk) -> None:
        sender, number = walk.agent.ua, walk.office.number()
        back, began = len(sender.incoming), time.time()
        walk.office.trunk.plan[number] = refuse(status, after=0.3)
        await walk.send(number)
        leg = await walk.office.trunk.next_call(number=number)
        walk.agent = await sender.next_call(after=back, timeout=10)
        await walk.agent.up()
        walk.note_leg(number, sender.name, began, BUSY, leg.ended_at)

    return step


def taken(away: int = 1) -> Step:
    """A colleague takes the call by INVITE with Replaces."""

    async def step(walk: Walk) -> None:
        phone, before = walk.next_of(away), walk.agent
        headers = [("Replaces", before.replaces())]
        async with walk.office.masquerade:
            walk.agent = await phone.call(before.ua.name, headers)
            await walk.agent.up()
        await before.over()

    return step


def refused(rule: Rule, ends: Ends, *, outside: bool = False) -> Step:
    """The consultation comes to nothing, and the agent takes the client back."""

    async def step(walk: Walk) -> None:
        number = walk.office.number() if outside else walk.next_of().name
        if outside:
            walk.office.trunk.plan[number] = rule
        else:
            walk.next_of().rule = rule
        consultation = await walk.ask(number)
        await consultation.final()
        walk.next_of().rule = answer()
        walk.note(consultation, number, ends, consultation.ended_at)
        await walk.agent.hold(Direction.BOTH)

    return step


def cancelled(*, outside: bool = False) -> Step:
    """The agent gives the consultation up while it rings."""

    async def step(walk: Walk) -> None:
        number = walk.office.number() if outside else walk.next_of().name
        if outside:
            walk.office.trunk.plan[number] = ring()
        else:
            walk.next_of().rule = ring()
        consultation = await walk.ask(number)
        await consultation.wait_status(180)
        await asyncio.sleep(0.2)
        consultation.cancel()
        await consultation.over()
        walk.next_of().rule = answer()
        walk.note(consultation, number, GIVEN_UP, consultation.ended_at)
        await walk.agent.hold(Direction.BOTH)

    return step


def consulted(*, outside: bool = False, agent_ends: bool = True) -> Step:
    """The agent asks somebody, who answers, and goes back to the client."""

    async def step(walk: Walk) -> None:
        number = walk.office.number() if outside else walk.next_of().name
        calls = len(walk.next_of().incoming)
        consultation = await walk.ask(number)
        await consultation.up()
        await consultation.media.hear(number)
        await walk.office.settled(number)
        walk.told.append(f"{walk.ref}-c{walk.consultations}")
        if agent_ends:
            await consultation.hang_up()
        elif outside:
            await (await walk.office.trunk.next_call(number=number)).hang_up()
        else:
            await (await walk.next_of().next_call(after=calls)).hang_up()
        await consultation.over()
        ends = AGENT_HUNG_UP if agent_ends else CLIENT_HUNG_UP
        walk.note(consultation, number, ends, consultation.ended_at)
        await walk.agent.hold(Direction.BOTH)

    return step


# Ends


async def client_hangs_up(walk: Walk) -> None:
    await walk.talk(walk.agent)
    await walk.client.hang_up()
    await walk.agent.over()
    await walk.gone(walk.agent.ua.name)


async def agent_hangs_up(walk: Walk) -> None:
    await walk.talk(walk.agent)
    await walk.agent.hang_up()
    await walk.gone(walk.agent.ua.name, client=False)


def blind_outside(*, client: bool = True) -> Step:
    async def step(walk: Walk) -> None:
        number, sender, began = walk.office.number(), walk.agent.ua.name, time.time()
        await walk.send(number)
        other = await walk.office.trunk.next_call(number=number)
        await other.up()
        await _end_outside(walk, other, client)
        await walk.gone(sender, client=client)
        # The leg is the sender's: whoever was not the callee hung up for the agent.
        ends = AGENT_HUNG_UP if client else CLIENT_HUNG_UP
        walk.note_leg(number, sender, began, ends, other.ended_at)

    return step


async def given_up_outside(walk: Walk) -> None:
    """The client is sent to a number outside, and hangs up while it rings."""
    number, sender, began = walk.office.number(), walk.agent.ua.name, time.time()
    walk.office.trunk.plan[number] = ring()
    await walk.send(number)
    other = await walk.office.trunk.next_call(number=number)
    await asyncio.sleep(1.2)
    await walk.client.hang_up()
    await other.over()
    await walk.gone(sender)
    walk.note_leg(number, sender, began, GIVEN_UP, other.ended_at)


def attended_outside(*, client: bool = True, ringing: bool = False) -> Step:
    async def step(walk: Walk) -> None:
        number, sender = walk.office.number(), walk.agent.ua.name
        if ringing:
            walk.office.trunk.plan[number] = ring()
        consultation = await walk.ask(number)
        other = await walk.office.trunk.next_call(number=number)
        walk.told.append(f"{walk.ref}-c{walk.consultations}")
        if ringing:
            await consultation.wait_status(180)
        else:
            await consultation.up()
            await consultation.media.hear(number)
        await walk.join(consultation, number)
        if ringing:
            other.answer()
        await _end_outside(walk, other, client)
        await walk.gone(sender, client=client)
        ends = AGENT_HUNG_UP if client else CLIENT_HUNG_UP
        walk.note(consultation, number, ends, other.ended_at)

    return step


async def _end_outside(walk: Walk, other: PhoneCall, client: bool) -> None:
    await walk.talk(other)
    await Scene.look(walk)
    await (walk.client if client else other).hang_up()
    await asyncio.gather(other.over(), walk.client.over())


MIDDLE: Mapping[str, Callable[[], Step]] = {
    "blind": blind,
    "blind to the other": lambda: blind(2),
    "attended": attended,
    "attended to the other": lambda: attended(2),
    "early": early,
    "early to the other": lambda: early(2),
    "early, declined": early_declined,
    "early, busy": lambda: early_declined(2, 486),
    "taken": taken,
    "recalled": recall,
    "recalled from himself": lambda: recall(to="self"),
    "recalled from nobody": lambda: recall(to="nobody"),
    "recalled from outside": recall_outside,
    "consultation busy": lambda: refused(refuse(486), BUSY),
    "consultation outside busy": lambda: refused(refuse(486), BUSY, outside=True),
    "consultation given up": cancelled,
    "consultation outside given up": lambda: cancelled(outside=True),
    "consultation": consulted,
    "consultation left": lambda: consulted(agent_ends=False),
    "consultation outside": lambda: consulted(outside=True),
    "consultation outside left": lambda: consulted(outside=True, agent_ends=False),
}
END: Mapping[str, Callable[[], Step]] = {
    "client": lambda: client_hangs_up,
    "agent": lambda: agent_hangs_up,
    "blind outside, client": blind_outside,
    "blind outside, other": lambda: blind_outside(client=False),
    "blind outside, given up": lambda: given_up_outside,
    "attended outside, client": attended_outside,
    "attended outside, other": lambda: attended_outside(client=False),
    "early outside, client": lambda: attended_outside(ringing=True),
    "early outside, other": lambda: attended_outside(ringing=True, client=False),
}


def steps(names: Iterable[str]) -> list[Step]:
    return [(MIDDLE.get(name) or END[name])() for name in names]
