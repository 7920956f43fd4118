"""Makes the counts of phones' calls true: what no end was heard of, and what others decided on.

A server counts the calls that it decides on itself.  It does not hear of all ends, it may have
been started while calls went on, and others may decide, too.  The PBX knows them all, and costs one
request while nothing is missing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from click2dial_agi.app.pbxs import LivePBX, PBXs
from click2dial_agi.app.phone_calls import known_on
from click2dial_agi.app.whereabouts import Channel
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.exceptions import PBXUnreachable

__all__ = ["Census", "count_forever"]

log = logging.getLogger(__name__)

# Seconds between two looks at the PBX that nothing asks for; the first ones come sooner, since the
# PBX may be starting, too.
_EVERY = 15.0
_FIRST = 1.0

# Seconds between the beginnings of two looks for calls that are over a limit, and for how long
# such a call waits for the end of the one that begins after it has come.
_PAUSE = 1.0
_PATIENCE = 1.0


class Census:
    """Looks at the calls on all PBXs and brings the counts in line."""

    def __init__(self, config: Config, pbxs: PBXs, counts: Counts) -> None:
        self._config = config
        self._pbxs = pbxs
        self._counts = counts
        self._one_at_a_time = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None  # a look that has not begun
        self._looked_at = float("-inf")
        self._knows = False

    async def look(self) -> None:
        """Count what is on the PBX.  Raises :exc:`PBXUnreachable` while ARI is away."""
        async with self._one_at_a_time:
            await self._look()

    async def _look(self) -> None:
        self._looked_at = time.monotonic()
        began = self._counts.begin_look()
        # At first everybody, then those alone who may have placed a call that is not counted.
        channels, _ = await self._ask(callers=self._knows, besides=self._counts.channels())
        # Two PBXs may have a channel of one name: then its end is seen when both have gone.
        names = {str(channel.get("name")) for _, channel in channels}
        missing = self._counts.missing(began, names)
        all_answer = False
        if missing:  # handed over, perhaps: then the client's channel has them
            channels, all_answer = await self._ask()
        carried = self._carried(channels) if all_answer else None
        self._counts.settle(missing, self._found(channels), carried)
        self._knows = True

    async def _ask(
        self, *, callers: bool = False, besides: Iterable[str] = ()
    ) -> tuple[list[tuple[LivePBX, Channel]], bool]:
        """Return the channels of the PBXs that answer, and whether all do.

        One that does not has no calls.
        """
        answers, missing = await self._pbxs.ask(
            lambda one: one.where.look(callers=callers, besides=besides)
        )
        if missing is not None and not answers:
            raise missing
        found = [(one, channel) for one, channels in answers.items() for channel in channels]
        return found, missing is None

    async def refresh(self) -> None:
        """Look, for a call that is over a limit: with others, not too often, and not for long.

        What it sees is as it was when the call came, or later: an agent may have handed over
        another one just now.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look_next())
        await asyncio.wait([self._next], timeout=_PAUSE + _PATIENCE)

    async def _look_next(self) -> None:
        await asyncio.sleep(self._looked_at + _PAUSE - time.monotonic())
        async with self._one_at_a_time:
            self._next = None  # who comes from here on waits for another
            await self._look_if_there()

    def look_soon(self) -> None:
        """Begin a look if none is under way, and the last one was not just now."""
        if self._looking is not None and not self._looking.done():
            return
        if time.monotonic() - self._looked_at >= _PAUSE:
            self._looking = asyncio.create_task(self._look_alone())

    async def _look_alone(self) -> None:
        async with self._one_at_a_time:
            await self._look_if_there()

    async def _look_if_there(self) -> None:
        try:
            await self._look()
        except PBXUnreachable as error:
            log.debug("the PBX's calls are not counted: %s", error)

    def _carried(self, channels: list[tuple[LivePBX, Channel]]) -> dict[str, str]:
        """Return the names of the channels that carry calls, whoever's, by call_ref."""
        known = ((known_on(one, pbx.where, self._config), one) for pbx, one in channels)
        return {call.call.call_ref: str(one.get("name")) for call, one in known if call is not None}

    def _found(self, channels: list[tuple[LivePBX, Channel]]) -> dict[str, Counted]:
        """Return the calls that channels carry; those from outside are nobody's own."""
        found: dict[str, Counted] = {}
        for pbx, channel in channels:
            known = known_on(channel, pbx.where, self._config)
            if known is None or known.emergency or known.call.call_dir is CallDirection.INBOUND:
                continue
            call = known.call
            integrator = self._config.integrator(call.integrator)
            if integrator is None:
                continue
            # A leg that a transfer placed is the agent's who sent the client there.
            is_his = bool(pbx.where.agents([channel])) or call.call_type is not None
            if is_his or call.call_ref not in found:
                agent = integrator.agent_key(call.extension) if is_his else ""
                name = str(channel.get("name"))
                found[call.call_ref] = Counted(call.integrator, agent, name, created=known.created)
        return found


async def count_forever(counts: Counts, census: Callable[[], Census | None]) -> None:
    """Look now and again, until cancelled."""
    looked = False
    while True:
        there = census()
        try:
            if there is None:
                counts.forget_old()
            else:
                await there.look()
                looked = True
        except PBXUnreachable as error:
            log.debug("the PBX's calls are not counted: %s", error)
            counts.forget_old()
        except Exception:  # a channel that cannot be read must not stop it
            log.exception("counting the PBX's calls")
        await asyncio.sleep(_EVERY if looked or there is None else _FIRST)
