"""One integrator's place at the reading of one PBX: its lease, and what is written under it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from click2dial_agi.domain.live.board import Before, Board, Change
from click2dial_agi.domain.live.views import AgentView, CallView
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.live_store import LEASE, Held, LiveStore

__all__ = ["Desk"]

log = logging.getLogger(__name__)

# Between two renewals of a lease, and two looks whether one is free.
_EVERY = 0.4

# After Redis has not taken something.
_PAUSE = 0.2

# Changes at once of which each is told.  More come if no Kamailio tells of phones any more, or does
# again: all listeners have the whole in less time.
_MAX_AT_ONCE = 1000

# Changes that wait for a Redis; beyond that all is told anew when it is back.
_MAX_PENDING = 10_000


class Desk:
    """Takes the lease when it is free, and writes what the board says while it has it.

    ``board`` returns the board of the PBX, None while its manager is away; ``may_take`` whether the
    lease may be taken now; ``changed`` is called when the lease was taken or lost.  ``told`` is
    called with what was written, and may wait.
    """

    def __init__(
        self,
        store: LiveStore,
        integrator: str,
        pbx: str,
        board: Callable[[], Board | None],
        may_take: Callable[[], bool],
        changed: Callable[[], None],
        told: Callable[[Sequence[Change]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._integrator = integrator
        self._pbx = pbx
        self._board = board
        self._may_take = may_take
        self._changed = changed
        self._told = told
        self._fence = 0
        self._renewed = 0.0
        self._whole = False
        self._written = False
        self._pending: list[Change] = []
        self._work = asyncio.Event()
        self.before = Before()

    @property
    def reads(self) -> bool:
        """Whether it has the lease."""
        return self._fence > 0

    def tell(self, changes: Sequence[Change]) -> None:
        """Write what has changed, soon."""
        if not self.reads or self._whole:
            return
        ours = [one for one in changes if one.integrator == self._integrator]
        self._pending += ours
        if len(ours) > _MAX_AT_ONCE or len(self._pending) > _MAX_PENDING:
            self.tell_all()
        elif self._pending:
            self._work.set()

    def tell_all(self) -> None:
        """Write all that the board says, or that there is none, soon."""
        self._whole, self._written = True, False
        self._pending.clear()
        self._work.set()

    async def hold(self) -> None:
        """Take the lease and keep it, for ever."""
        while True:
            try:
                if self.reads:
                    await self._renew()
                elif self._may_take():
                    await self._take()
            except NotificationError as error:
                log.debug("%s: the lease of %s: %s", self._integrator, self._pbx, error)
                if self.reads and time.monotonic() > self._renewed + LEASE / 1000:
                    self._lose()
            await asyncio.sleep(_EVERY)

    async def write(self) -> None:
        """Write what is told, for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            if not self.reads:
                self._pending.clear()
                continue
            try:
                if not await self._write():
                    self._lose()
            except NotificationError as error:
                log.debug("%s: live state is not written: %s", self._integrator, error)
                self.tell_all()
                await asyncio.sleep(_PAUSE)

    async def give_up(self) -> None:
        """Let another have the lease at once."""
        if self.reads:
            fence, self._fence = self._fence, 0
            try:
                await self._store.release(self._pbx, fence)
            except NotificationError as error:
                log.debug("%s: the lease of %s: %s", self._integrator, self._pbx, error)

    async def _take(self) -> None:
        fence = await self._store.acquire(self._pbx)
        if not fence:
            return
        kept = (await self._store.read()).pbxs[self._pbx]
        self.before = Before(kept.agents, kept.calls)
        self._fence, self._renewed = fence, time.monotonic()
        log.info("%s: this server reads what happens%s", self._integrator, self._where)
        self.tell_all()
        self._changed()

    async def _renew(self) -> None:
        written = self._written
        held = await self._store.renew(self._pbx, self._fence)
        if held is Held.LOST:
            self._lose()
        elif held is Held.BLANK and written and self._written:
            what = f"{self._integrator}: agents and calls{self._where}"
            log.warning("%s were taken out of Redis by another; they are written anew", what)
            self.tell_all()
        self._renewed = time.monotonic()

    def _lose(self) -> None:
        self._fence = 0
        self._pending.clear()
        log.info("%s: another server reads what happens%s", self._integrator, self._where)
        self._changed()

    async def _write(self) -> bool:
        board = self._board()
        if board is None:
            self._whole = True
            await self._store.away(self._pbx, self._fence)
            return True
        if not self._whole:
            pending, self._pending = self._pending, []
            return await self._publish(condensed(pending))
        self._whole = False
        agents, calls = board.agents_of(self._integrator), board.calls_of(self._integrator)
        gone = await self._store.replace(self._pbx, self._fence, agents, calls)
        if gone is None:
            return False
        self._written = not self._whole
        now = int(time.time())
        return await self._publish(
            [Change(self._integrator, ref, view.ended(now)) for ref, view in gone.items()]
        )

    async def _publish(self, changes: Sequence[Change]) -> bool:
        if not changes:
            return True
        pairs = [(change.key, change.view) for change in changes]
        if not await self._store.publish(self._pbx, self._fence, pairs):
            return False
        await self._told(changes)
        return True

    @property
    def _where(self) -> str:
        return f" on {self._pbx}" if self._pbx else ""


def condensed(changes: Sequence[Change]) -> list[Change]:
    """Return changes that come at once, without those of an agent that say nothing by themselves.

    That is an agent's who is in the same state a moment later, or whose call has ended and whose
    phone is not idle yet.
    """
    kept: list[Change] = []
    later: dict[str, AgentView] = {}
    for change in reversed(changes):
        view = change.view
        if isinstance(view, AgentView):
            after = later.get(change.key)
            if after is not None and (after.state is view.state or not view.call_ref):
                continue
            later[change.key] = view
        kept.append(change)
    return kept[::-1]


def before_of(desks: Mapping[str, Desk]) -> Before:
    """Return what the desks found when they took their leases."""
    agents: dict[str, AgentView] = {}
    calls: dict[str, CallView] = {}
    for desk in desks.values():
        agents.update(desk.before.agents)
        calls.update(desk.before.calls)
    return Before(agents, calls)
