"""One browser's connection and its own connection to Asterisk, joined."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from click2dial_agi.domain.sip_errors import is_sign_of_phone
from click2dial_agi.io.door import Seat, Standing

__all__ = ["Link", "Rewrite", "close"]

log = logging.getLogger(__name__)

Rewrite = Callable[[bytes], Awaitable[bytes]]

AWAY = "Asterisk is away, try again"


class Link:
    """Moves messages both ways until either side ends, then ends the other.

    Text stays text and binary stays binary.  What one side does not take is not read from the
    other, so a slow peer is waited for with a few messages in memory; one that takes nothing for
    ``stall_timeout`` seconds is dropped.  ``rewrite`` sees each message towards the client.

    Until Asterisk shows that it knows the phone the link's ``seat`` may be given to another, and
    after ``register_timeout`` seconds the phone is told to go.
    """

    def __init__(
        self,
        client: Connection,
        upstream: Connection,
        rewrite: Rewrite,
        seat: Seat,
        *,
        register_timeout: float,
        idle_timeout: float,
        stall_timeout: float,
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._rewrite = rewrite
        self._seat = seat
        self._register_timeout = register_timeout
        self._idle_timeout = idle_timeout
        self._stall_timeout = stall_timeout
        self._loop = asyncio.get_running_loop()
        self._last_message = self._loop.time()
        self._idle: asyncio.TimerHandle
        self._stranger: asyncio.TimerHandle
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Return when both connections are closed.

        Each direction, when it ends, closes the connection that it wrote to, and that ends the
        other direction.
        """
        self._idle = self._loop.call_later(self._idle_timeout, self._check_idle)
        self._stranger = self._loop.call_later(self._register_timeout, self._dismiss)
        upward = asyncio.create_task(self._up())
        try:
            await self._down()
        finally:
            self._idle.cancel()
            self._stranger.cancel()
            await upward

    async def _up(self) -> None:
        try:
            while True:
                message = await self._client.recv()
                log.debug("> %s", message)
                text = isinstance(message, str)
                await self._send(self._upstream, message, text)
        except ConnectionClosed:
            pass
        finally:
            await close(self._upstream, CloseCode.NORMAL_CLOSURE, "", self._stall_timeout)

    async def _down(self) -> None:
        try:
            while True:
                message = await self._upstream.recv()
                log.debug("< %s", message)
                text = isinstance(message, str)
                data = message.encode() if isinstance(message, str) else message
                if self._seat.standing is not Standing.BUSY and is_sign_of_phone(data):
                    self._seat.standing = Standing.BUSY
                    self._stranger.cancel()
                await self._send(self._client, await self._rewrite(data), text)
        except ConnectionClosed:
            pass
        finally:
            await close(self._client, CloseCode.TRY_AGAIN_LATER, AWAY, self._stall_timeout)

    async def _send(self, sink: Connection, message: str | bytes, text: bool) -> None:
        self._last_message = self._loop.time()
        try:
            async with asyncio.timeout(self._stall_timeout):
                await sink.send(message, text=text)
        except TimeoutError:
            log.warning("%s took nothing for %g s: dropped", peer(sink), self._stall_timeout)
            sink.transport.abort()
            # From here on the connection is closed, and says so itself.
            await sink.wait_closed()

    def _dismiss(self) -> None:
        log.info("%s did not register in %g s", peer(self._client), self._register_timeout)
        self._closing = asyncio.create_task(
            close(self._client, CloseCode.POLICY_VIOLATION, "register first", self._stall_timeout)
        )

    def _check_idle(self) -> None:
        left = self._last_message + self._idle_timeout - self._loop.time()
        if left > 0:
            self._idle = self._loop.call_later(left, self._check_idle)
            return
        self._closing = asyncio.create_task(
            close(self._client, CloseCode.GOING_AWAY, "idle", self._stall_timeout)
        )


async def close(connection: Connection, code: int, reason: str, timeout: float) -> None:
    """Close a connection with its handshake, or without where the peer takes nothing."""
    try:
        async with asyncio.timeout(timeout):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


def peer(connection: Connection) -> str:
    """Return the other side's address for the log."""
    address = connection.remote_address
    return f"{address[0]}:{address[1]}" if address else "a peer that has gone"
