"""Agents as they are told live: where Kamailio, and no Asterisk, knows who has a phone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.events import Events, listening
from sandbox.waiting import patience
from tests.kamailio.rig import OUTBOUND, PHONES, Rig

AGENT, OTHER = str(PHONES[6]), str(PHONES[7])


@pytest.fixture(scope="module")
def two(tree: Path, kamailio_installed: None) -> Iterator[Rig]:
    with Rig(tree, nodes=2) as rig:
        yield rig


class Told:
    """What is told of agents since the first snapshot in which all are as they should be."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._since = 0

    def states(self, agent: str = AGENT) -> list[str]:
        """Return an agent's states, each once in a row."""
        found: list[str] = []
        for one in self._events.told[self._since :]:
            data = json.loads(one["data"])
            views = {"snapshot": data.get("agents"), "agent": [data]}.get(one["event"]) or []
            now = [view["state"] for view in views if view["extension"] == agent]
            found += now if now != found[-1:] else []
        return found

    async def until(self, state: str, agent: str = AGENT) -> None:
        """Wait until this is what was told last."""
        await self._events.until(lambda: self.states(agent)[-1:] == [state], seconds=20)

    def begin(self) -> None:
        """Forget what was told."""
        self._since = len(self._events.told)


@contextlib.asynccontextmanager
async def _listening(rig: Rig) -> AsyncIterator[Told]:
    """Follow, from when the two agents, who have no phone, are known to have none."""
    url = f"http://127.0.0.1:{rig.api_port}/click2dial/events"
    async with (
        httpx.AsyncClient(trust_env=False, timeout=patience(10)) as client,
        listening(client, url) as events,
    ):
        told = Told(events)
        for agent in (AGENT, OTHER):
            await told.until("offline", agent)
        told.begin()
        yield told


@pytest.mark.case("P15")
def test_an_agent_is_idle_with_a_phone_and_offline_without(rig: Rig) -> None:
    async def follow() -> None:
        async with _listening(rig) as told:
            async with rig.phone(AGENT):
                await told.until("idle")
            await told.until("offline")
            assert told.states() == ["idle", "offline"]
            assert told.states(OTHER) == []

    rig.run(follow())


@pytest.mark.case("P15")
def test_who_talks_is_not_offline(rig: Rig) -> None:
    """Whatever becomes of the registration meanwhile."""

    async def follow() -> None:
        number = rig.number()
        async with _listening(rig) as told, rig.phone(AGENT) as phone:
            await told.until("idle")
            call = await phone.call(number, [OUTBOUND])
            await call.up()
            await told.until("talking")
            assert (await phone.register(expires=0)).status == 200
            async with rig.phone(OTHER):
                await told.until("idle", OTHER)
            await told.until("offline", OTHER)  # so all have been asked for since
            await call.hang_up()
            await told.until("offline")
            assert told.states() == ["idle", "talking", "offline"]
        await rig.record(number)

    rig.run(follow())


@pytest.mark.case("P15")
def test_nobody_is_idle_while_no_kamailio_tells(rig: Rig) -> None:
    """Nor offline: after a while it is unknown, until one is asked that lives."""

    async def follow() -> None:
        async with _listening(rig) as told:
            async with rig.phone(AGENT) as phone:
                await told.until("idle")
                rig.kamailio.kill()
                await told.until("unknown")
                await told.until("unknown", OTHER)
                rig.kamailio.start()
                await told.until("offline")  # it has forgotten all phones
                await told.until("offline", OTHER)
                assert (await phone.register()).status == 200
                await told.until("idle")
            assert told.states() == ["idle", "unknown", "offline", "idle"]
            assert told.states(OTHER) == ["unknown", "offline"]

    try:
        rig.run(follow())
    finally:
        rig.kamailio.kill()
        rig.kamailio.start()
        rig.until_all_serve()


@pytest.mark.case("P15")
def test_a_reload_without_kamailio(rig: Rig) -> None:
    """All agents are where Asterisk says, as they always were without it."""
    server = rig.server
    without = {key: value for key, value in server.config.items() if key != "kamailio"}

    async def until(state: str) -> None:
        url = f"http://127.0.0.1:{rig.api_port}/click2dial/agents/{AGENT}"
        async with (
            httpx.AsyncClient(trust_env=False, timeout=patience(10)) as client,
            asyncio.timeout(patience(20)),
        ):
            while (await client.get(url)).json().get("state") != state:
                await asyncio.sleep(0.05)

    async def follow() -> None:  # a reload sends listeners away
        await until("offline")
        server.write(without)
        server.reload()
        await until("idle")
        server.write(server.config)
        server.reload()
        await until("offline")

    try:
        rig.run(follow())
    finally:
        server.write(server.config)
        server.reload()


@pytest.mark.case("P15")
@pytest.mark.parametrize("told_of", [True, False])
def test_a_phone_at_the_second_counts(two: Rig, told_of: bool) -> None:
    """Also one of which the first was not told; its agent is not offline if the second dies."""
    first, second = two.kamailios
    key = f"s:{AGENT}"  # else kamcmd takes it for a number

    async def follow() -> None:
        async with _listening(two) as told:
            if not told_of:  # not before: the next ping makes them friends again
                second.rpc("dmq.remove", f"sip:{first.inner_host}:{first.inner_port}")
            async with two.phone(AGENT, kamailio=second) as phone:
                await told.until("idle")
                async with asyncio.timeout(patience(5)):
                    while (AGENT in first.rpc("ul.lookup", "location", key)) is not told_of:
                        await asyncio.sleep(0.05)
                second.kill()
                await told.until("unknown")
                phone.dial_through(first.phones_port)
                assert (await phone.register()).status == 200
                await told.until("idle")
            await told.until("offline")
            assert told.states() == ["idle", "unknown", "idle", "offline"]
            assert told.states(OTHER) == []

    try:
        two.run(follow())
    finally:
        second.kill()
        second.start()
        two.until_all_serve()
