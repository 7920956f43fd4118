"""Each change of a state on a list and on the channel of an agent, from two servers, once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from redis.asyncio import Redis

from sandbox.waiting import patience
from tests.e2e.live.conftest import LiveOffice
from tests.e2e.live.follow import Follow, play
from tests.e2e.live.test_states import HEADERS


def test_a_call_is_told_on_list_and_channel(live_office: LiveOffice) -> None:
    async def test(follow: Follow) -> None:
        office, first = follow.office, follow.team.first
        async with (
            Redis.from_url(office.redis.url, decode_responses=True) as redis,
            redis.pubsub() as channel,
        ):
            await channel.subscribe(f"acme:agents:{first.name}")
            await redis.delete("acme:state")
            async with follow.listen(agent=first.name) as events:
                call = await first.call(office.number(), HEADERS)
                await call.up()
                await events.until(lambda: "up" in [one["state"] for one in events.named("call")])
                await call.hang_up()
                await events.until_newest("agent", "idle")
                await events.until_newest("call", "ended")
            await asyncio.sleep(0.2)  # in which nothing comes twice
            told = [json.loads(text) for text in await redis.lrange("acme:state", 0, -1)][::-1]
            heard = await published(channel, len(events.named("agent")))
        assert {one["type"] for one in told} == {"state"}
        payloads = [one["payload"] for one in told]
        calls = [one for one in payloads if one["event"] == "call"]
        agents = [one for one in payloads if one.get("extension") == first.name]
        assert [without(one) for one in calls] == events.named("call")
        assert [without(one) for one in agents] == events.named("agent") == heard

    play(live_office, test)


def without(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload without what the stream of events has not."""
    return {name: value for name, value in payload.items() if name not in ("event", "ref")}


async def published(channel: Any, at_least: int) -> list[dict[str, Any]]:
    """Return all that was published, once there is so much of it."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(patience(2)):
        while True:
            wait = 1.0 if len(found) < at_least else 0.1
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=wait)
            if message is not None:
                found.append(json.loads(message["data"]))
            elif len(found) >= at_least:
                break
    return found
