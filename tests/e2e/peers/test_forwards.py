"""A phone forwards (302) to a colleague whose phone is registered at another PBX."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.ua import forward
from tests.e2e.peers.conftest import Site
from tests.e2e.peers.test_transfers import Origin, Scene, ended, play

pytestmark = pytest.mark.case("S9")

TO_COLLEAGUE = forward("<sip:1001@127.0.0.1>")


def test_the_phone_that_a_did_rings(site: Site) -> None:
    async def called() -> dict[str, Any]:
        async with site.phone(site.east, "1000") as agent, site.phone(site.west, "1001") as other:
            agent.rule = TO_COLLEAGUE
            client = await site.dial_in()
            call = await other.next_call()
            await asyncio.gather(call.up(), client.up())
            await asyncio.gather(call.media.hear("client"), client.media.hear("1001"))
            await client.hang_up()
            await call.over()
        [record] = await site.records(1)
        return record

    record = site.loop.run(called())
    assert (record["call_dir"], *ended(record)) == ("inbound", "1001", "callee_hungup", 16)


def test_a_colleagues_phone_whom_an_agent_calls(site: Site) -> None:
    async def called() -> dict[str, Any]:
        async with (
            site.phone(site.east, "1000") as agent,
            site.phone(site.east, "1002") as caller,
            site.phone(site.west, "1001") as other,
        ):
            agent.rule = TO_COLLEAGUE
            mine = await caller.call("1000")
            call = await other.next_call()
            await asyncio.gather(call.up(), mine.up())
            await asyncio.gather(call.media.hear("1002"), mine.media.hear("1001"))
            await mine.hang_up()
            await call.over()
        [record] = await site.records(1)
        return record

    record = site.loop.run(called())
    assert (record["number"], record["call_dir"]) == ("1000", "internal")
    assert ended(record) == ("1002", "agent_hungup", 16)


def test_the_phone_that_a_client_is_sent_to(site: Site) -> None:
    async def act(scene: Scene) -> None:
        async with site.phone(site.east, "1002") as between:
            between.rule = TO_COLLEAGUE
            await scene.first.send_to("1002")
            other = await scene.colleague.next_call()
            await scene.hear(other)
            await other.hang_up()

    assert ended(play(site, Origin.DID, act)) == ("1001", "agent_hungup", 16)
