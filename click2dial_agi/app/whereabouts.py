"""Where created calls are on the PBX: which channels carry each of them, as Asterisk says itself.

A call begins with the Local channel that rings the agent, whose id is the call_ref.  It goes on
with the agent's channel and, when the agent has handed the client over, with the client's.  These
two get their ids from Asterisk; each tells which call it carries by a variable that has its id in
its name (``C2D_<uniqueid>``), and that nothing takes away from it.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from click2dial_agi.app.call_states import CallState
from click2dial_agi.domain import variables
from click2dial_agi.domain.numbers import CALL_REF_PATTERN
from click2dial_agi.io.ari import ARI

__all__ = ["Whereabouts"]

_CARRIED = re.compile(f"([a-z])call_ref=({CALL_REF_PATTERN})")

# How many channels are asked at a time which call they carry.
_AT_ONCE = 16

Channel = dict[str, Any]


class Whereabouts:
    """Finds the channels of created calls; what it has found once it does not ask again.

    Every method raises :exc:`PBXUnreachable` while ARI is away.
    """

    def __init__(self, ari: ARI) -> None:
        self._ari = ari
        # By a channel's id, its role and the call that it carries.  Asterisk gives no id twice.
        self._carried: dict[str, tuple[str, str]] = {}

    async def of(self, call_ref: str) -> list[Channel]:
        """Return the channels of one call, the agent's first; none if the call is not there."""
        ringing = await self._ari.channel(call_ref)
        known = [one for one, (_, carried) in self._carried.items() if carried == call_ref]
        found = [channel for one in known if (channel := await self._ari.channel(one)) is not None]
        if found or ringing is not None:
            return found + ([ringing] if ringing is not None else [])
        return (await self.of_all([call_ref])).get(call_ref, [])

    async def of_all(self, call_refs: Iterable[str]) -> dict[str, list[Channel]]:
        """Return the channels of several calls, by call_ref, without those that are nowhere."""
        wanted = set(call_refs)
        channels = await self._ari.channels()
        await self._learn(channels)
        found: dict[str, list[Channel]] = {}
        for channel_id, channel in channels.items():
            _, call_ref = self._carried.get(channel_id, ("", channel_id))
            if call_ref in wanted:
                found.setdefault(call_ref, []).append(channel)
        return found

    async def state(self, channels: Sequence[Channel]) -> CallState:
        """Tell where a call stands from its channels, as they are now."""
        if not channels:
            return CallState.ENDED
        agents = self.agents(channels)
        if not agents:
            return CallState.UP  # the client's, whom an agent handed over
        answered = [channel for channel in agents if channel.get("state") == "Up"]
        if not answered:
            return CallState.RINGING_AGENT
        # Dial() leaves it when the callee answers, and it stays.
        joined = await self._ari.variable(answered[0]["id"], "DIALEDPEERNAME")
        return CallState.UP if joined else CallState.RINGING_CALLEE

    def agents(self, channels: Iterable[Channel]) -> list[Channel]:
        """Return those of a call's channels that ring its agent, or are his."""
        return [channel for channel in channels if self._is_agent(channel)]

    def _is_agent(self, channel: Channel) -> bool:
        role, _ = self._carried.get(channel["id"], ("", ""))  # the ringing one carries nothing
        return role in variables.ROLES_OF_AGENTS

    async def _learn(self, channels: Mapping[str, Channel]) -> None:
        """Ask the channels that are new which call they carry."""
        self._carried = {one: kept for one, kept in self._carried.items() if one in channels}
        asking = asyncio.Semaphore(_AT_ONCE)

        async def ask(channel_id: str) -> None:
            async with asking:
                name = variables.CARRIES.format(uniqueid=channel_id)
                carried = _CARRIED.match(await self._ari.variable(channel_id, name))
            # A channel that does not say yet may do so in a moment.
            if carried is not None:
                self._carried[channel_id] = carried[1], carried[2]

        strangers = [one for one in channels if one not in self._carried]
        await asyncio.gather(*map(ask, strangers))
