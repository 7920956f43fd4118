"""A process that ends calls and is killed at one point after another; test_crash_points starts it.

``python -m tests.app.crashing crash|recover HOW NEXT CONFIG``: ``crash`` forks a server for each
point, ends a call in it and kills it there.  HOW it counts: ``step`` of the event loop, of all
tasks, or SQL ``statement``.  Where no receipt came it does what the dialplan does: it asks the NEXT
``server``, or writes to the ``spool``.  ``recover`` is the servers' next start.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from click2dial_agi.app.drain import Drain
from click2dial_agi.app.handlers import CallHandlers
from click2dial_agi.app.notifiers import Notifiers
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config
from click2dial_agi.io.agi_server import AGIServer, AGISession
from click2dial_agi.io.config_file import load_config
from tests.agi.wire import environment
from tests.app.serving import ASKED, ENDED

#: More than there are: a call ends the loop by coming to its end unharmed.
MOST_POINTS = 400

_KILLED = 9


def main() -> None:
    phase, how, following, path = sys.argv[1:]
    first = load_config(Path(path))
    second = first.model_copy(update={"spool_dir": first.spool_dir / "second"})
    if phase == "recover":
        for config in (first, second):
            _forked(partial(_recover, config))
        return
    for point in range(1, MOST_POINTS):
        call = Ending(UUID(int=point))
        finished = _forked(partial(call.end, first, how, point))
        if not call.has_receipt() and following == "server":
            _forked(partial(call.end, second))
        if not call.has_receipt():
            with first.spool_path.open("a") as file:
                file.write(f"{call.facts}\n")
        if finished:
            print(point)
            return
    sys.exit(f"no call was unharmed after {MOST_POINTS} points")


@dataclass
class Ending:
    """One call that ends, and the pipe by which Asterisk sees the receipt."""

    call_ref: UUID
    pipe: tuple[int, int] = field(default_factory=os.pipe)

    @property
    def facts(self) -> str:
        return facts.encode({**ASKED, "call_ref": str(self.call_ref), **ENDED})

    def has_receipt(self) -> bool:
        os.set_blocking(self.pipe[0], False)
        try:
            return os.read(self.pipe[0], 1) == b"1"
        except BlockingIOError:
            return False

    async def end(self, config: Config, how: str = "", point: int = 0) -> None:
        notifiers = Notifiers(config)
        notifiers.use(config, notifiers.build(config))
        server = AGIServer(CallHandlers(Snapshot(config, notifiers.by_name)), config.agi)
        server.loop = asyncio.get_running_loop()
        session = AGISession(server)
        asterisk = Asterisk(session, self.pipe[1])
        handles = cast(Any, asyncio.Handle)
        run = handles._run
        {"step": _kill_at_step, "statement": _kill_at_statement}.get(how, lambda _: None)(point)
        session.connection_made(asterisk)
        session.data_received(environment(f"ended?{self.facts}"))
        await asterisk.closed.wait()
        handles._run = run  # what is left to do belongs to the calls before
        if asterisk.was_asked:
            await notifiers.close()


class Asterisk(asyncio.Transport):
    """Asterisk as a session sees it; a receipt goes into a pipe."""

    def __init__(self, session: AGISession, receipts: int) -> None:
        super().__init__()
        self.closed = asyncio.Event()
        self.was_asked = False
        self._session = session
        self._receipts = receipts
        self._loop = asyncio.get_running_loop()

    def write(self, _: object) -> None:
        self.was_asked = True
        self._loop.call_soon(self._take_receipt)

    def close(self) -> None:
        self.closed.set()

    def _take_receipt(self) -> None:
        os.write(self._receipts, b"1")
        self._session.data_received(b"200 result=0\n")


def _kill_at_step(point: int) -> None:
    handles = cast(Any, asyncio.Handle)
    run, steps = handles._run, 0

    def counted(handle: asyncio.Handle) -> None:
        nonlocal steps
        steps += 1
        if steps == point:
            os._exit(_KILLED)
        run(handle)

    handles._run = counted


def _kill_at_statement(point: int) -> None:
    connect, statements = sqlite3.connect, 0

    def counted(_: str) -> None:
        nonlocal statements
        statements += 1
        if statements == point:
            os._exit(_KILLED)

    def connecting(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(counted)
        return connection

    cast(Any, sqlite3).connect = connecting


async def _recover(config: Config) -> None:
    notifiers = Notifiers(config)
    notifiers.use(config, notifiers.build(config))
    drain = Drain(config.spool_path)
    while not drain.is_empty or any(one.failing for one in notifiers.by_name.values()):
        await drain.look(Snapshot(config, notifiers.by_name))
        await asyncio.sleep(0.01)
    await notifiers.close()


def _forked(run: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Run a coroutine in a process of its own; return whether that came to its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            asyncio.run(run())
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, _KILLED):
        sys.exit(f"the server ended with status {code}")
    return code == 0


if __name__ == "__main__":
    main()
