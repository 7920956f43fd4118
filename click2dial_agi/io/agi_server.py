"""The FastAGI server: moves bytes between sockets and protocol cores, and keeps the deadlines."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Any, cast

from click2dial_agi.agi import AGIConnection, Environment, Hangup, Reply
from click2dial_agi.agi.commands import Action
from click2dial_agi.domain.config import AGI
from click2dial_agi.domain.networks import is_inside
from click2dial_agi.exceptions import Click2DialError, ProtocolError, SessionClosed, StartupError

__all__ = ["AGIServer", "AGISession", "Handler"]

log = logging.getLogger(__name__)

# Asterisk opens a connection for each session; a burst must not be refused while the loop is
# busy.  The kernel cuts this to net.core.somaxconn (4096 by default).
_BACKLOG = 4096


class AGISession(asyncio.Protocol):
    """One session as a handler sees it: its environment, and commands to execute."""

    environment: Environment

    def __init__(self, server: "AGIServer") -> None:
        self.hung_up = False
        self._server = server
        self._connection = AGIConnection()
        self._transport: asyncio.Transport
        self._reply: asyncio.Future[Reply] | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle

    async def execute(self, action: Action) -> Any:
        """Send a command, wait for its reply, and return what the pystrix action makes of it.

        Raises :exc:`CommandRejected` when Asterisk refuses it, and :exc:`SessionClosed` when the
        peer has gone.
        """
        line = self._connection.send(action)
        self._reply = self._server.loop.create_future()
        log.debug("> %s", line)
        self._transport.write(line)
        reply = await self._reply
        reply.raise_for_code()
        return action.process_response(reply)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        peer = transport.get_extra_info("peername")
        if not self._server.admit(self, peer[0] if peer else ""):
            self._transport.abort()
            return
        self._deadline = self._server.loop.call_later(
            self._server.config.session_timeout, self._expire
        )

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
                    if self._reply is not None and not self._reply.done():
                        self._reply.set_result(event)
                case Environment():
                    self.environment = event
                    self._task = self._server.loop.create_task(self._run())
                case Hangup():
                    self.hung_up = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.receive_eof()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(SessionClosed("Asterisk closed the AGI session"))
        # A handler that is still at work goes on: a record on its way to Redis must arrive even
        # if Asterisk has just died.
        if self._task is None or self._task.done():
            self._finish()

    async def _run(self) -> None:
        try:
            await self._server.handler(self)
        except Click2DialError as error:
            log.warning(
                "AGI %s on %s: %s", self.environment.script, self.environment.channel, error
            )
        except Exception:
            log.exception("AGI %s on %s failed", self.environment.script, self.environment.channel)
        finally:
            self._transport.close()
            self._finish()

    def _expire(self) -> None:
        log.warning("AGI session over its %g s dropped", self._server.config.session_timeout)
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def _finish(self) -> None:
        if self._server.forget(self):
            self._deadline.cancel()


Handler = Callable[[AGISession], Awaitable[None]]


class AGIServer:
    """Listens for FastAGI sessions and runs ``handler`` for each.

    The networks, the session cap and the deadline may change while it runs, the address may not.
    """

    def __init__(self, handler: Handler, config: AGI) -> None:
        self.handler = handler
        self.use(config)
        self.loop: asyncio.AbstractEventLoop
        self._sessions: set[AGISession] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server

    def use(self, config: AGI) -> None:
        """Take another configuration for the sessions to come."""
        self.config = config
        # The same few PBXs connect again and again.
        self._is_allowed = lru_cache(1024)(partial(is_inside, networks=config.allow_from))

    async def start(self) -> None:
        """Listen.  Raises :exc:`StartupError` when the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        listen = self.config.listen
        try:
            self._server = await self.loop.create_server(
                lambda: AGISession(self), listen.host, listen.port, backlog=_BACKLOG
            )
        except OSError as error:
            reason = error.strerror or error
            raise StartupError(f"agi.listen: cannot listen on {listen}: {reason}") from error

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
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d AGI sessions dropped at stop", len(self._sessions))
            for session in tuple(self._sessions):
                session._expire()

    def admit(self, session: AGISession, host: str) -> bool:
        """Count a new session in, or say no: not from an allowed network, or too many."""
        if not self._is_allowed(host):
            log.warning("AGI connection from %s refused: not in agi.allow_from", host)
            return False
        if len(self._sessions) >= self.config.max_sessions:
            log.warning("AGI connection refused: %d sessions in flight", len(self._sessions))
            return False
        self._sessions.add(session)
        self._idle.clear()
        return True

    def forget(self, session: AGISession) -> bool:
        """Count a session out; False if it was not in."""
        if session not in self._sessions:
            return False
        self._sessions.discard(session)
        if not self._sessions:
            self._idle.set()
        return True

