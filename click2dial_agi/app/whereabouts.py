"""Where calls are on the PBX: which channels carry each of them, as Asterisk says itself.

A created call begins with the Local channel that rings the agent, whose id is the call_ref.  It
goes on with the agent's channel and, when the agent has handed the client over, with the client's;
a call of a phone, or from outside, has these alone.  They get their ids from Asterisk; each tells
which call it carries by a variable that has its id in its name (``C2D_<uniqueid>``), and that
nothing takes away from it.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from click2dial_agi.app.call_states import CallState
from click2dial_agi.domain import variables
from click2dial_agi.domain.carried import Carried, read_carried
from click2dial_agi.io.ari import ARI

log = logging.getLogger(__name__)

__all__ = ["Carried", "Channel", "Whereabouts"]

# How many channels are asked at a time which call they carry.
_AT_ONCE = 16

# A channel that carries nothing is asked again after this, and each time after twice as long, up to
# so many seconds: it may be in an IVR, and come to us then, or be none of ours.
_NEVER_ASKED = (0.0, 0.1)
_LONGEST_PAUSE = 5.0

# What runs on a channel that Dial() or Queue() called (app_dial.c, app_queue.c): it carries a call
# only together with the one that called it, or as a client whom an agent has handed over.
_CALLED = ("AppDial", "AppQueue")

Channel = dict[str, Any]


class Whereabouts:
    """Finds the channels of calls; what it has found once it does not ask again.

    Every method raises :exc:`PBXUnreachable` while ARI is away.
    """

    def __init__(self, ari: ARI) -> None:
        self._ari = ari
        # By a channel's id.  Asterisk gives no id twice.
        self._carried: dict[str, Carried] = {}
        # Those that carry nothing of ours: when each may be asked again, and after how long.
        self._silent: dict[str, tuple[float, float]] = {}

    async def of(self, call_ref: str) -> list[Channel]:
        """Return the channels of one call, the agent's first; none if the call is not there."""
        ringing = await self._ari.channel(call_ref)
        known = [
            one
            for one, carried in self._carried.items()
            if carried.call_ref == call_ref and carried.is_decided
        ]
        found = [channel for one in known if (channel := await self._ari.channel(one)) is not None]
        if found or ringing is not None:
            return found + ([ringing] if ringing is not None else [])
        return (await self.of_all([call_ref])).get(call_ref, [])

    async def of_all(self, call_refs: Iterable[str]) -> dict[str, list[Channel]]:
        """Return the channels of several calls, by call_ref, without those that are nowhere."""
        wanted = set(call_refs)
        found: dict[str, list[Channel]] = {}
        for channel in await self.look():
            carried = self.carried_by(channel)
            call_ref = carried.call_ref if carried else channel["id"]
            if call_ref in wanted:
                found.setdefault(call_ref, []).append(channel)
        return found

    async def look(self, *, callers: bool = False, besides: Iterable[str] = ()) -> list[Channel]:
        """Return all channels, having asked those that are new which calls they carry.

        With ``callers`` not those that were called, and none whose name is in ``besides``: one
        request is enough then where nothing unusual happens.
        """
        channels = await self._ari.channels()
        self._carried = {one: kept for one, kept in self._carried.items() if one in channels}
        self._silent = {one: kept for one, kept in self._silent.items() if one in channels}
        listed = {
            one: told
            for one, channel in channels.items()
            if (told := _listed(channel, variables.CARRIES_LISTED)) is not None
        }
        for one, told in listed.items():
            self._take(one, told)
        if len(listed) < len(channels):
            _tell_of_the_quick_way()
        known, now = set(besides), time.monotonic()
        strangers = [
            one
            for one, channel in channels.items()
            if one not in listed
            and not self._is_decided(one)
            and self._silent.get(one, _NEVER_ASKED)[0] <= now
            and not (callers and (channel.get("name") in known or _was_called(channel)))
        ]
        asking = asyncio.Semaphore(_AT_ONCE)

        async def ask(channel_id: str) -> None:
            async with asking:
                name = variables.CARRIES.format(uniqueid=channel_id)
                told = await self._ari.variable(channel_id, name)
            if not self._take(channel_id, told):  # it may say so in a moment, or be none of ours
                _, pause = self._silent.get(channel_id, _NEVER_ASKED)
                self._silent[channel_id] = now + pause, min(2 * pause, _LONGEST_PAUSE)

        await asyncio.gather(*map(ask, strangers))
        return list(channels.values())

    def _take(self, channel_id: str, told: str) -> bool:
        """Note what a channel tells that it carries; False if that is nothing."""
        if (carried := read_carried(told)) is None:
            return False
        self._carried[channel_id] = carried
        return True

    def carried_by(self, channel: Channel) -> Carried | None:
        """Return what a channel has told of the call that it carries, None if nothing."""
        return self._carried.get(channel["id"])

    async def variable(self, channel: Channel, name: str) -> str:
        """Return a variable of a channel, empty if either is not there."""
        listed = _listed(channel, name)
        return await self._ari.variable(channel["id"], name) if listed is None else listed

    async def state(self, channels: Sequence[Channel]) -> CallState:
        """Tell where a created call stands from its channels, as they are now."""
        if not channels:
            return CallState.ENDED
        agents = self.agents(channels)
        if not agents:
            return CallState.UP  # the client's, whom an agent handed over
        answered = [channel for channel in agents if channel.get("state") == "Up"]
        if not answered:
            return CallState.RINGING_AGENT
        # Dial() leaves it when the callee answers, and it stays.
        joined = await self.variable(answered[0], variables.DIALLED)
        return CallState.UP if joined else CallState.RINGING_CALLEE

    def agents(self, channels: Iterable[Channel]) -> list[Channel]:
        """Return those of a call's channels that ring its agent, or are his."""
        return [channel for channel in channels if self._is_agents(channel)]

    def _is_agents(self, channel: Channel) -> bool:
        carried = self.carried_by(channel)
        # The one that rings the agent of a created call carries nothing yet.
        return carried is None or carried.is_agents

    def _is_decided(self, channel_id: str) -> bool:
        carried = self._carried.get(channel_id)
        return carried is not None and carried.is_decided


def _listed(channel: Mapping[str, Any], name: str) -> str | None:
    """Return what the list of channels tells of a variable, None where ari.conf does not say so."""
    told = channel.get("channelvars")
    value = told.get(name) if isinstance(told, Mapping) else None
    return value if isinstance(value, str) else None


@cache
def _tell_of_the_quick_way() -> None:
    log.info(
        "ARI is asked for each channel; with channelvars = %s,%s in the [general] section of"
        " ari.conf one request tells of all",
        variables.DIALLED,
        variables.CARRIES_LISTED,
    )


def _was_called(channel: Mapping[str, Any]) -> bool:
    dialplan = channel.get("dialplan")
    name = dialplan.get("app_name") if isinstance(dialplan, Mapping) else None
    return isinstance(name, str) and name.startswith(_CALLED)
