"""A client calls a number at one PBX whose agents' phones are at another."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.phone_call import PhoneCall
from sandbox.ua import refuse, ring
from sandbox.waiting import patience
from tests.e2e.peers.conftest import CONTACT_REF, DID_OF_BOTH, DID_OF_QUEUE, Site

pytestmark = pytest.mark.case("S20")


async def _call_of(site: Site, agent: str) -> str:
    """Return the reference of the client's call once an agent has it."""
    async with asyncio.timeout(patience(5)):
        while [(one["agent"], one["state"]) for one in await site.live()] != [(agent, "up")]:
            await asyncio.sleep(0.05)
    [call] = await site.live()
    return str(call["call_ref"])


async def _talk(one: PhoneCall, other: PhoneCall) -> None:
    await asyncio.gather(one.up(), other.up())
    await asyncio.gather(one.media.hear(other.media.mark), other.media.hear(one.media.mark))


@pytest.mark.parametrize("did", [DID_OF_BOTH, DID_OF_QUEUE])
def test_who_answers_is_named(site: Site, did: str) -> None:
    async def play() -> None:
        async with site.phone(site.east, "1000") as near, site.phone(site.west, "1001") as far:
            near.rule = ring()
            client = await site.dial_in(did)
            await _talk(await far.next_call(), client)
            await _call_of(site, "1001")
            await client.hang_up()
            (record,) = await site.records(1)
            assert (record["extension"], record["contact_ref"]) == ("1001", CONTACT_REF)
            assert record["end_reason"] == "callee_hungup"

    site.loop.run(play())


@pytest.mark.case("T70")
@pytest.mark.parametrize("did", [DID_OF_BOTH, DID_OF_QUEUE])
def test_a_client_whom_nobody_takes_is_with_him_again(site: Site, did: str) -> None:
    """The API sends the client on, to a colleague who is busy."""

    async def play() -> None:
        async with site.phone(site.east, "1000") as near, site.phone(site.west, "1001") as far:
            near.rule = refuse(486)
            client = await site.dial_in(did)
            await _talk(await far.next_call(), client)
            call_ref = await _call_of(site, "1001")
            answer = await site.steer(call_ref, "transfer", callee="1000")
            assert answer.status_code == 202, answer.text
            await _talk(await far.next_call(1), client)
            await client.hang_up()
            (record,) = await site.records(1)
            assert record["extension"] == "1001"

    site.loop.run(play())


def test_a_phone_at_the_same_pbx_is_still_named(site: Site) -> None:
    async def play() -> None:
        async with site.phone(site.east, "1000") as near, site.phone(site.west, "1001") as far:
            far.rule = ring()
            client = await site.dial_in(DID_OF_BOTH)
            await _talk(await near.next_call(), client)
            await client.hang_up()
            (record,) = await site.records(1)
            assert record["extension"] == "1000"

    site.loop.run(play())
