"""What FreePBX calls for a client whom an agent has sent to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from sandbox.phone_call import PhoneCall
from sandbox.ua import forward, refuse, ring
from tests.e2e.freepbx.conftest import DENIED, OUTBOUND_ID, FreePBX

Play = Callable[[Awaitable[None]], None]


@dataclass(frozen=True)
class Way:
    """Where an agent sends a client whom FreePBX then calls a number for, {} in these texts."""

    target: str
    keys: dict[str, str] = field(default_factory=dict)
    member: str = ""  # of the queue 600
    redirected: bool = False  # by the phone 3003


FOLLOWED = {"AMPUSER/4001/followme/ddial": "DIRECT", "AMPUSER/4001/followme/grplist": "{}"}
PREFIX = Way("9{}")
WAYS = {
    "a route's prefix": PREFIX,
    "ring group": Way("602", {"RINGGROUP/602": "{}"}),
    "destination": Way("603", {"MISC/603": "{}"}),
    "follow-me": Way("4001", FOLLOWED),
    "forwarded": Way("4001", {"CF/4001": "{}"}),
    "302": Way("601", redirected=True),
    "queue": Way("600", member="Local/{}@from-queue/n"),
}


@contextlib.asynccontextmanager
async def leading(freepbx: FreePBX, way: Way, number: str) -> AsyncIterator[str]:
    """Have FreePBX lead to a number; returns what the agent's phone dials."""
    member = way.member.format(number)
    if way.redirected:
        contact = f"<sip:{number}@127.0.0.1:{freepbx.pbx.sip_port}>"
        freepbx.phones["3003"].rule = forward(contact)
    for key, value in way.keys.items():
        await freepbx.store(key, value.format(number))
    if member:
        await asyncio.to_thread(freepbx.pbx.cli, f"queue add member {member} to 600")
    try:
        yield way.target.format(number)
    finally:
        for key in way.keys:
            await freepbx.store(key)
        if member:
            await asyncio.to_thread(freepbx.pbx.cli, f"queue remove member {member} from 600")


async def begin(freepbx: FreePBX, number: str, inbound: bool) -> tuple[PhoneCall, PhoneCall]:
    """Put a client and the agent 3001 together; the others' phones answer nobody."""
    freepbx.phones["3002"].rule = refuse(486, "Busy Here")
    freepbx.phones["3003"].rule = ring()
    if inbound:
        client = await freepbx.dial_in("27215550101", number)
        agent = await freepbx.phones["3001"].next_call()
    else:
        agent = await freepbx.call(number)
        client = await freepbx.trunk.next_call(number=number)
    await agent.up()
    await client.up()
    await asyncio.gather(client.media.hear("3001"), agent.media.hear(client.media.mark))
    return client, agent


@pytest.mark.parametrize("inbound", [False, True], ids=["called", "called in"])
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(Way("{}"), id="decided", marks=pytest.mark.case("F41")),
        *(pytest.param(way, id=name, marks=pytest.mark.case("F40")) for name, way in WAYS.items()),
    ],
)
def test_a_number_is_shown_and_recorded_as_decided(
    freepbx: FreePBX, play: Play, way: Way, inbound: bool
) -> None:
    async def scene() -> None:
        number, mobile = freepbx.number(), freepbx.number()
        client, agent = await begin(freepbx, number, inbound)
        async with leading(freepbx, way, mobile) as target:
            await agent.send_to(target)
            leg = await freepbx.trunk.next_call(number=mobile, timeout=15)
            await leg.up()
            await asyncio.gather(
                client.media.hear(leg.media.mark), leg.media.hear(client.media.mark)
            )
            await client.hang_up()
            await leg.over()
        assert leg.invite is not None
        assert leg.invite.from_user == OUTBOUND_ID
        record, placed = await freepbx.record(number), await freepbx.record(mobile)
        assert (record["extension"], record["end_reason"]) == ("3001", "hungup")
        assert (placed["extension"], placed["dial_number"]) == ("3001", OUTBOUND_ID)
        assert (placed["end_reason"], placed["call_dir"]) == ("hungup", "outbound")
        assert placed["contact_ref"] == record["contact_ref"]
        assert placed["call_ref"] != record["call_ref"]

    play(scene())


@pytest.mark.case("F40")
def test_a_number_that_is_not_allowed_is_not_called(freepbx: FreePBX, play: Play) -> None:
    """The client is with his agent again, whose phone shows who he is."""

    async def scene() -> None:
        number = freepbx.number()
        client, agent = await begin(freepbx, number, inbound=True)
        async with leading(freepbx, PREFIX, DENIED) as target:
            freepbx.phones["3001"].forget()
            await agent.send_to(target)
            again = await freepbx.phones["3001"].next_call()
        await again.up()
        await client.media.hear("3001")
        await client.hang_up()
        await again.over()
        assert again.invite is not None
        assert again.invite.from_user == number
        assert (await freepbx.record(number))["extension"] == "3001"
        assert freepbx.called(DENIED) == []

    play(scene())


@pytest.mark.case("F40")
def test_somebody_else_of_a_ring_group_is_faster(freepbx: FreePBX, play: Play) -> None:
    """The number's leg, which rang, has a record all the same."""

    async def scene() -> None:
        number, mobile = freepbx.number(), freepbx.number()
        client, agent = await begin(freepbx, number, inbound=True)
        freepbx.trunk.plan[mobile] = ring()
        async with leading(freepbx, WAYS["ring group"], mobile) as target:
            await agent.send_to(target)
            leg = await freepbx.trunk.next_call(number=mobile, timeout=15)
            colleague = await freepbx.phones["3003"].next_call()
            colleague.answer()
            await colleague.up()
            await leg.over()
            await client.media.hear("3003")
            await client.hang_up()
            await colleague.over()
        placed = await freepbx.record(mobile)
        assert (placed["end_reason"], placed["extension"]) == ("hungup", "3001")
        assert (await freepbx.record(number))["extension"] == "3003"

    play(scene())
