"""The FastAGI server: moves bytes between sockets and protocol cores, and keeps the deadlines."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network
from typing import Any, cast

from click2dial_agi.agi import Action, AGIConnection, Environment, Hangup, Reply, result_of
from click2dial_agi.domain.config import AGI
from click2dial_agi.domain.networks import is_inside
from click2dial_agi.exceptions import Click2DialError, ProtocolError, SessionClosed
from click2dial_agi.io.listeners import Listeners

__all__ = ["AGIServer", "AGISession", "Handler"]

_LOOPBACK = {IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")}

log = logging.getLogger(__name__)

# Asterisk opens a connection for each session; a burst must not be refused while the loop is
# busy.  The kernel cuts this to net.core.somaxconn (4096 by default).
_BACKLOG = 4096

# Asterisk sends the environment with the connection, in well under a millisecond.  Others may open
# sockets and say nothing: so many are held, for so many seconds.
_MAX_SILENT = 500
_SILENCE = 2.0

_GONE = "Asterisk closed the AGI session"


class AGISession(asyncio.Protocol):
    """One session as a handler sees it: its environment, and commands to execute."""

    __slots__ = (
        "_connection",
        "_finish",
        "_reply",
        "_server",
        "_task",
        "_transport",
        "environment",
    )
    environment: Environment

    def __init__(self, server: "AGIServer") -> None:
        self._server = server
        self._connection = AGIConnection()
        self._transport: asyncio.Transport
        self._reply: asyncio.Future[Reply] | None = None
        self._finish: tuple[Action, Callable[[], None]] | None = None
        self._task: asyncio.Task[None] | None = None

    async def execute(self, action: Action) -> Any:
        """Send a command, wait for its reply, and return what the pystrix action makes of it.

        Raises :exc:`CommandRejected` when Asterisk refuses it, and :exc:`SessionClosed` when the
        peer has gone.
        """
        self._send(action)
        self._reply = self._server.loop.create_future()
        return result_of(action, await self._reply)

    def finish(self, action: Action, done: Callable[[], None]) -> None:
        """Send the last command; the session ends with its reply, and ``done`` runs if that is yes.

        For a handler that has nothing more to wait for.  A task to wait in costs as much as all
        our rules together.
        """
        self._send(action)
        self._finish = action, done

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        if not self._server.admit(self, self._transport):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        log.debug("< %s", data)
        try:
            self._connection.receive_data(data)
        except ProtocolError as error:
            log.warning("AGI session dropped: %s", error)
            self._transport.abort()
            return
        while (event := self._connection.next_event()) is not None:
            match event:
                case Reply():
                    self._take(event)
                case Environment():
                    self.environment = event
                    if self._server.begin(self):
                        self._begin()
                    else:
                        self._transport.abort()
                case Hangup():
                    pass  # the session goes on, and commands still work

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.receive_eof()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(SessionClosed(_GONE))
        elif self._finish is not None:
            self._end(SessionClosed(_GONE))
        # A handler that is still at work goes on: a record on its way to Redis must arrive even
        # if Asterisk has just died.
        if self._task is None or self._task.done():
            self._server.forget(self)

    # From the environment to the end.

    def _begin(self) -> None:
        try:
            work = self._server.handler(self)
        except Exception as error:
            self._end(error)
            return
        if work is not None:
            self._task = self._server.loop.create_task(self._run(work))
        elif self._finish is None:
            self._end()

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        failure: Exception | None = None
        try:
            await work
        except Exception as error:
            failure = error
        finally:
            if failure is not None or self._finish is None:
                self._end(failure)

    def _send(self, action: Action) -> None:
        line = self._connection.send(action)
        log.debug("> %s", line)
        self._transport.write(line)

    def _take(self, reply: Reply) -> None:
        if self._finish is not None:
            action, done = self._finish
            try:
                result_of(action, reply)
                done()
            except Exception as error:
                self._end(error)
            else:
                self._end()
        elif self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)

    def _end(self, error: Exception | None = None) -> None:
        """Close, and tell of what went wrong."""
        self._finish = None
        asked = self.environment
        if isinstance(error, Click2DialError):
            log.warning("AGI %s on %s: %s", asked.script, asked.channel, error)
        elif error is not None:
            log.error("AGI %s on %s failed", asked.script, asked.channel, exc_info=error)
        self._transport.close()
        self._server.forget(self)

    def drop(self) -> None:
        """End the session now, whatever its handler is waiting for."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()
        self._server.forget(self)


# Returns what is left to be waited for; None after ``finish``, or if there is nothing to be said.
Handler = Callable[[AGISession], Coroutine[Any, Any, None] | None]


class AGIServer:
    """Listens for FastAGI sessions and runs ``handler`` for each.

    The networks, the session cap and the deadline may change while it runs, the address may not.
    """

    def __init__(self, handler: Handler, config: AGI) -> None:
        self.handler = handler
        self._listen = config.listen
        self.use(config)
        self.loop: asyncio.AbstractEventLoop
        # Each with the loop's time at its start, the oldest first.
        self._sessions: dict[AGISession, float] = {}
        # Those that have not said what they want, likewise.
        self._silent: dict[AGISession, float] = {}
        self._told_of_silence = float("-inf")
        self._sweep: asyncio.TimerHandle
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server

    def use(self, config: AGI) -> None:
        """Take another configuration for the sessions to come."""
        self.config = config
        # The same few PBXs connect again and again.
        self._is_allowed = lru_cache(1024)(partial(is_inside, networks=config.allow_from))
        # Asking for a peer's address takes uvloop as long as all our rules take, and a listener on
        # loopback has peers on loopback only.
        self._are_all_allowed = self._listen.is_loopback and _LOOPBACK.issubset(config.allow_from)

    async def start(self, listeners: Listeners | None = None) -> None:
        """Listen.  Raises :exc:`StartupError` when the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        listener = (listeners or Listeners()).listen("agi.listen", self._listen, _BACKLOG)
        self._server = await self.loop.create_server(
            lambda: AGISession(self), sock=listener, backlog=_BACKLOG
        )
        self._drop_overdue()

    @property
    def port(self) -> int:
        """The port that the server listens on; tells which one it got when 0 was configured."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def is_listening(self) -> bool:
        """Whether new sessions are accepted."""
        return self._server.is_serving()

    @property
    def sessions(self) -> int:
        """How many sessions are in flight."""
        return len(self._sessions)

    async def stop(self, grace: float) -> None:
        """Stop listening, let the sessions in flight finish, drop what is left after ``grace`` s.

        Connections that the kernel has taken but the loop has not are accepted first: closing the
        listening socket resets them.
        """
        for _ in range(3):
            await asyncio.sleep(0)
        self._server.close()
        for session in tuple(self._silent):
            session.drop()
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d AGI sessions dropped at stop", len(self._sessions))
            for session in tuple(self._sessions):
                session.drop()
        self._sweep.cancel()

    def admit(self, session: AGISession, transport: asyncio.Transport) -> bool:
        """Take a new connection, or say no: not from an allowed network.

        Asterisk says at once what it wants.  Whoever says nothing has no place of a session, and
        makes way for those who come later.
        """
        if not self._are_all_allowed:
            host = (transport.get_extra_info("peername") or ("",))[0]
            if not self._is_allowed(host):
                log.warning("AGI connection from %s refused: not in agi.allow_from", host)
                return False
        if len(self._silent) >= _MAX_SILENT:
            oldest = next(iter(self._silent))
            self._drop_silent(oldest, "there are too many like it")
        self._silent[session] = self.loop.time()
        return True

    def begin(self, session: AGISession) -> bool:
        """Count a session in that has said what it wants; False if there are too many."""
        self._silent.pop(session, None)
        if len(self._sessions) >= self.config.max_sessions:
            log.warning("AGI connection refused: %d sessions in flight", len(self._sessions))
            return False
        self._sessions[session] = self.loop.time()
        self._idle.clear()
        return True

    def forget(self, session: AGISession) -> None:
        """Count a session out; one that was not in does no harm."""
        self._silent.pop(session, None)
        self._sessions.pop(session, None)
        if not self._sessions:
            self._idle.set()

    def _drop_overdue(self) -> None:
        # One timer for all sessions: one for each would cost more than the session's own work.
        timeout = self.config.session_timeout
        started_before = self.loop.time() - timeout
        for session, started in tuple(self._sessions.items()):
            if started > started_before:
                break
            log.warning("AGI session over its %g s dropped", timeout)
            session.drop()
        silent_since = self.loop.time() - min(_SILENCE, timeout)
        for session, started in tuple(self._silent.items()):
            if started > silent_since:
                break
            self._drop_silent(session, "it asked for nothing in time")
        self._sweep = self.loop.call_later(min(timeout / 10, _SILENCE / 4), self._drop_overdue)

    def _drop_silent(self, session: AGISession, why: str) -> None:
        # One line a second at most: who opens thousands of them shall not fill the disk.
        if self.loop.time() - self._told_of_silence >= 1:
            self._told_of_silence = self.loop.time()
            log.warning("AGI connection dropped: %s (%d silent)", why, len(self._silent))
        self._silent.pop(session, None)
        session.drop()
