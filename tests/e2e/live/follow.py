"""What the API of one server says of agents and calls, as it happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from sandbox.events import Events, listening
from sandbox.office import Office, Team
from sandbox.waiting import patience

CLICK2DIAL = "/click2dial"


class Follow:
    """One server's API, for one team; it asks until it hears what it waits for."""

    def __init__(self, office: Office, team: Team, server: int = 0) -> None:
        self.office = office
        self.team = team
        self.url = f"http://{office.address(team.plan.name, server)}{CLICK2DIAL}"

    @contextlib.asynccontextmanager
    async def listen(self, last_id: str = "", **query: str) -> AsyncIterator[Events]:
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            listening(client, f"{self.url}/events", last_id, **query) as events,
        ):
            yield events

    async def agent(self, extension: str = "") -> dict[str, Any]:
        answer = await self.office.api.get(f"{self.url}/agents/{extension or self.team.first.name}")
        found: dict[str, Any] = answer.json()
        return found

    async def calls(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.office.api.get(f"{self.url}/calls", params=query)
        found: list[dict[str, Any]] = answer.json()["calls"]
        return found

    async def until_calls(self, count: int = 1, **query: str) -> None:
        """Wait until the list has so many calls."""
        async with asyncio.timeout(patience(10)):
            while len(await self.calls(**query)) != count:
                await asyncio.sleep(0.02)

    async def until(self, state: str, extension: str = "", seconds: float = 10) -> list[str]:
        """Wait for an agent's state; return all that were seen on the way."""
        seen: list[str] = []
        async with asyncio.timeout(patience(seconds)):
            while not seen or seen[-1] != state:
                with contextlib.suppress(httpx.TransportError):
                    now = (await self.agent(extension)).get("state", "none")
                    if not seen or seen[-1] != now:
                        seen.append(now)
                await asyncio.sleep(0.01)
        return seen


Play = Callable[[Follow], Awaitable[None]]


def play(office: Office, work: Play, *, server: int = 0, integrator: str = "acme") -> None:
    """Play with a team whose agents are all known to be idle."""

    async def played() -> None:
        async with office.team(integrator) as team:
            for phone in team.phones:
                phone.forget()
            follow = Follow(office, team, server)
            for phone in team.phones:
                await follow.until("idle", phone.name)
            try:
                await work(follow)
            except BaseException:
                for channel in await office.channels():
                    await office.ari("DELETE", f"/channels/{channel['id']}")
                raise
            for phone in team.phones:
                await follow.until("idle", phone.name)

    office.loop.run(played())
