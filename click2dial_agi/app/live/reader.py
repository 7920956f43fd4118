"""Reads what happens on one PBX, for the integrators whose leases this server has.

It tells Redis and nobody else.  A record is made without it, and whatever happens here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from click2dial_agi.ami import Message
from click2dial_agi.app.ending import end
from click2dial_agi.app.live.desk import Desk, before_of
from click2dial_agi.app.live.hearing import Hearing
from click2dial_agi.app.live.look import Endpoints, ask, look
from click2dial_agi.app.live.phones import PhoneWatch
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.live.board import Before, Board, Change
from click2dial_agi.domain.live.questions import Question
from click2dial_agi.domain.live.views import AgentView, CallView
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ami import AMI, AMIConnection
from click2dial_agi.io.live_store import LiveStore

__all__ = ["Reader", "Told"]

log = logging.getLogger(__name__)

Told = Callable[[str, Sequence[Change]], Awaitable[None]]

# Events that come while one looks at what is there, which takes some 10 ms.
_MAX_BUFFERED = 50_000

# Seconds for which changes are gathered: a call's events come several at once, and what is told of
# each by itself costs Redis, and all who listen, as much again.
_GATHER = 0.04


class Reader:
    """Follows one PBX while it has a lease; the manager is asked by ``ami``.

    ``stores`` are those of the integrators, by name; ``pbx`` is its name in them.  ``told`` is
    called with an integrator's name and what was written of it.  ``phones`` tells who has one where
    Kamailio is in front.
    """

    def __init__(
        self,
        pbx: str,
        ami: AMI,
        endpoints: Endpoints,
        stores: Mapping[str, LiveStore],
        config: Config,
        told: Told,
        phones: PhoneWatch | None = None,
    ) -> None:
        self._pbx = pbx
        self._ami = ami
        self._endpoints = endpoints
        self._config = config
        self._phones = phones
        self._board: Board | None = None
        self._before = Before()
        self._begun: set[str] = set()  # the integrators of whose leases the board knows
        self._buffer: list[Message] | None = None
        self._connection: AMIConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._round = 0
        self._telling: asyncio.TimerHandle | None = None
        self._hearing = Hearing(pbx)
        self._desks = {
            name: Desk(
                store,
                name,
                pbx,
                partial(self._board_of, name),
                self._may_take,
                self._changed.set,
                partial(told, name),
            )
            for name, store in stores.items()
        }

    @property
    def reads(self) -> bool:
        """Whether it has a lease."""
        return any(desk.reads for desk in self._desks.values())

    def use(self, config: Config) -> None:
        """Go on under another configuration: whose agents and calls there are."""
        self._config = config
        if self._connection is not None:
            self._later(self._look_again(self._connection))

    async def run(self) -> None:
        """Follow the PBX until it is cancelled."""
        work = [self._read_while_wanted(), self._watch_phones(), self._check_hearing()]
        for desk in self._desks.values():
            work += [desk.hold(), desk.write()]
        tasks = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            await end(*tasks, *self._tasks)
            await asyncio.gather(*(desk.give_up() for desk in self._desks.values()))

    def heard(self, event: Message) -> None:
        """Take an event."""
        if self._buffer is not None:
            self._buffer.append(event)
            if len(self._buffer) > _MAX_BUFFERED:
                raise PBXUnreachable("AMI: more events than can be kept")
        if self._board is not None:
            self._apply(self._board, event)
            self._ask(self._board)
            self._tell_soon()

    async def began(self, connection: AMIConnection) -> None:
        """Look at what is there."""
        self._connection, self._hearing = connection, Hearing(self._pbx)
        await self._look(connection, self._before)

    async def ended(self) -> None:
        """Say that nothing is known any more."""
        if self._board is not None:
            self._before = self._shown(self._board)
        self._board = self._buffer = self._connection = None
        for desk in self._desks.values():
            desk.tell_all()

    async def _look(self, connection: AMIConnection, before: Before) -> None:
        late = self._late()
        self._begun |= late.keys()
        known = _later_of(before, before_of(late))
        board, started = Board(self._config, self._pbx, known), time.monotonic()
        self._buffer = []
        try:
            await look(connection, self._endpoints, board, _now)
            if self._phones is not None:
                await self._phones.look(board, _now)
            for event in self._buffer:
                self._apply(board, event)
        finally:
            self._buffer = None
        board.changes()  # all of it is told
        self._board = board
        self._ask(board)
        log.debug("%s: looked in %.0f ms", self._pbx, 1000 * (time.monotonic() - started))
        for desk in self._desks.values():
            desk.tell_all()
        self._catch_up()

    async def _watch_phones(self) -> None:
        while self._phones is not None:
            await asyncio.sleep(self._phones.EVERY)
            board = self._board
            if board is not None:
                await self._phones.look(board, _now)
                self._tell_soon()

    async def _check_hearing(self) -> None:
        while True:
            await asyncio.sleep(self._hearing.EVERY)
            connection, board = self._connection, self._board
            if connection is None or board is None:
                continue
            if await self._hearing.has_missed(connection, board):
                await self._look_again(connection)

    def _board_of(self, integrator: str) -> Board | None:
        """Return the board, None while what Redis had of an integrator is not in it."""
        return self._board if integrator in self._begun else None

    def _late(self) -> dict[str, Desk]:
        """Return the desks whose leases came after the board was made."""
        return {
            name: desk
            for name, desk in self._desks.items()
            if desk.reads and name not in self._begun
        }

    def _catch_up(self) -> None:
        """Look again where a lease came late: what Redis had of its integrator is known by now."""
        self._begun &= {name for name, desk in self._desks.items() if desk.reads}
        if self._late() and self._connection is not None:
            self._later(self._look_again(self._connection))

    async def _look_again(self, connection: AMIConnection) -> None:
        if self._board is not None and self._buffer is None:
            try:
                await self._look(connection, self._shown(self._board))
            except PBXUnreachable as error:
                log.debug("%s: %s", self._pbx, error)
                connection.close()

    def _shown(self, board: Board) -> Before:
        agents: dict[str, AgentView] = {}
        calls: dict[str, CallView] = {}
        for name in self._desks:
            agents.update(board.agents_of(name))
            calls.update(board.calls_of(name))
        return Before(agents, calls)

    def _apply(self, board: Board, event: Message) -> None:
        board.apply(event.event, event.fields, _now())

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_GATHER, self._tell)

    def _tell(self) -> None:
        self._telling = None
        board = self._board
        if board is None:
            return
        changes = board.changes()
        if changes:
            for desk in self._desks.values():
                desk.tell(changes)

    def _ask(self, board: Board) -> None:
        for question in board.questions():
            if self._connection is not None:
                ask(self._connection, question, partial(self._answered, board, question))

    def _answered(self, board: Board, question: Question, told: str) -> None:
        if board is self._board:
            board.learn(question.uniqueid, told, _now())
            self._ask(board)
            self._tell_soon()

    def _may_take(self) -> bool:
        """Tell whether a free lease may be taken: who reads the PBX already goes first."""
        self._round += 1
        return self.reads or self._round % (2 * len(self._desks)) < len(self._desks)

    async def _read_while_wanted(self) -> None:
        reading: asyncio.Task[None] | None = None
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self.reads and reading is None:
                    reading = asyncio.create_task(self._ami.run(self))
                elif not self.reads and reading is not None:
                    await end(reading)
                    reading = None
                self._catch_up()
        finally:
            if reading is not None:
                await end(reading)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _later_of(found: Before, known: Before) -> Before:
    """Return what was found, and over it what was known later."""
    return Before({**found.agents, **known.agents}, {**found.calls, **known.calls})


def _now() -> int:
    return int(time.time())
