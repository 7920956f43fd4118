"""A phone writes manager events into what it calls: nobody's state changes by them."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from sandbox.waiting import patience
from tests.e2e.live.conftest import LiveOffice
from tests.e2e.live.follow import Follow, play

FIELDS = (
    "Event: DeviceStateChange",
    "Privilege: call,all",
    "Device: PJSIP/{extension}",
    "State: UNAVAILABLE",
)


def forged(extension: str, line: str) -> str:
    """Return the user of an address: a number, and behind it an event, its lines ended so."""
    text = line.join(["1", "", *FIELDS, "", ""]).replace("{extension}", extension)
    return quote(text, safe="")


@pytest.mark.parametrize("line", ["\n", "\r\n"], ids=["LF", "CR LF"])
def test_what_a_phone_calls(live_office: LiveOffice, line: str) -> None:
    async def test(follow: Follow) -> None:
        first, second = follow.team.first, follow.team.second
        async with follow.listen() as events:
            call = await first.call(forged(second.name, line))
            assert (await call.final()).status == 484
            # The Hangup with the text in it was told before this call's states.
            await _call(follow)
            await events.until(lambda: bool(events.named("cdr")))
            said = {
                one["state"] for one in events.named("agent") if one["extension"] == second.name
            }
            assert said <= {"idle"}, events.told
        assert (await follow.agent(second.name))["state"] == "idle"

    play(live_office, test)


@pytest.mark.parametrize("line", ["\n", "\r\n"], ids=["LF", "CR LF"])
def test_who_calls(live_office: LiveOffice, line: str) -> None:
    """A caller from outside, whom events name also where others' phones ring."""

    async def test(follow: Follow) -> None:
        office, first, second = follow.office, follow.team.first, follow.team.second
        async with follow.listen() as events:
            client = await office.dial_in(follow.team.did(1), forged(second.name, line))
            agent = await first.next_call()
            await agent.up()
            await client.up()
            await client.hang_up()
            await events.until(lambda: bool(events.named("cdr")))
            said = {
                one["state"] for one in events.named("agent") if one["extension"] == second.name
            }
            assert said <= {"idle"}, events.told
        assert (await follow.agent(second.name))["state"] == "idle"

    play(live_office, test)


async def _call(follow: Follow) -> None:
    """Place a call and end it."""
    number = follow.office.number()
    call = await follow.team.first.call(number)
    async with asyncio.timeout(patience(10)):
        await call.up()
        await call.hang_up()
