"""An agent who has a phone at each PBX, as the list, the channel and the events tell of him."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from sandbox.events import listening
from sandbox.ua import refuse
from sandbox.waiting import patience
from tests.e2e.live.test_told import published, without
from tests.e2e.peers.conftest import CDRS, DID, Site

STATES, CHANNEL = CDRS.replace("cdr", "state"), CDRS.replace("cdr", "agents:1000")


@pytest.mark.case("L62")
def test_who_talks_at_one_is_not_idle_since_his_phone_at_the_other_is(site: Site) -> None:
    """It rings there for a moment: who reads that PBX tells of a state, too."""

    async def play() -> None:
        async with (
            Redis.from_url(site.redis.url, decode_responses=True) as redis,
            redis.pubsub() as channel,
            site.phone(site.east, "1000") as near,
            site.phone(site.west, "1000") as far,
            site.phone(site.west, "1001"),
            listening(site.api, "/click2dial/events", agent="1000") as events,
        ):
            await idle(site)
            await redis.delete(STATES)
            await channel.subscribe(CHANNEL)
            near.rule = refuse(486, after=0.5)
            call = await far.call("1001")
            await call.up()
            await events.until_newest("agent", "talking")
            client = await site.dial_in(DID)
            await client.final()
            await events.until(lambda: rang_at_east(events.named("agent")))
            pushed = [json.loads(text)["payload"] for text in await redis.lrange(STATES, 0, -1)]
            of_him = [without(one) for one in pushed[::-1] if one.get("extension") == "1000"]
            of_him = since_he_talks(of_him)
            assert {one["state"] for one in of_him} == {"talking"}
            assert of_him == since_he_talks(events.named("agent"))
            assert of_him == since_he_talks(await published(channel, at_least=len(of_him)))
            await call.hang_up()
            await idle(site)
            await site.records(2)

    site.loop.run(play())


def rang_at_east(told: list[dict[str, Any]]) -> bool:
    """Tell whether what is told of him says that his phone at east rang, and does not now."""
    devices = [device for one in told for device in one["devices"]]
    words = [device["state"] for device in devices if device["pbx"] == "east"]
    return "RINGING" in words and words[-1] == "NOT_INUSE"


def since_he_talks(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out how he stood before, which may have been told late."""
    return list(itertools.dropwhile(lambda one: one["state"] != "talking", told))


async def idle(site: Site) -> None:
    """Wait until it is known that he is idle at both."""
    async with asyncio.timeout(patience(10)):
        while (await site.api.get("/click2dial/agents/1000")).json()["state"] != "idle":
            await asyncio.sleep(0.05)
