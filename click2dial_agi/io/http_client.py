"""HTTP/1.1 to one server over kept-alive connections: what creating a call spends its time on.

httpx is right for almost everything and was here first; it takes 0.9 ms of processor time for a
request that Asterisk answers in 0.1 ms, and a created call makes two.  The parser is httptools,
which uvicorn uses too.
"""

import asyncio
import ssl
import time
from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

__all__ = ["HTTPClient", "NotSent", "Response"]

# Below Asterisk's own session_keep_alive (15 s), so that it is we who close an idle connection: a
# request sent on one that Asterisk is closing would break for no reason.
_KEEP_ALIVE = 5.0

# At once; more wait.  Asterisk's own sessionlimit is 100 by default, and browsers' share it.
_CONNECTIONS = 50

# A PBX with 10,000 channels describes them in some 6 MB.
_MAX_BODY = 32 * 1024 * 1024


class NotSent(OSError):
    """There was no connection, so nothing was asked of the server."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes


class HTTPClient:
    """Sends requests to ``url``, its path in front of theirs, with a name and a password.

    ``timeout`` is for a whole request in seconds, waiting for a connection included.
    """

    def __init__(self, url: str, username: str, password: str, timeout: float) -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.hostname or "", parts.path
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        credentials = b64encode(f"{username}:{password}".encode()).decode()
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Basic {credentials}\r\n"
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._idle: deque[_Connection] = deque()

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def request(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Return the answer.  ``path`` holds URL characters only; ``body`` is JSON.

        Raises :exc:`NotSent`, or when the request was sent :exc:`OSError` (of which TimeoutError is
        one) for an answer that did not come or is not HTTP.
        """
        head = f"{method} {self._path}{path} HTTP/1.1\r\n{self._head}"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        sent = False
        try:
            async with asyncio.timeout(self._timeout), self._slots:
                connection = self._take() or await self._connect()
                sent = True
                try:
                    return await connection.exchange(f"{head}\r\n".encode("ascii") + (body or b""))
                finally:
                    if connection.is_free:
                        self._idle.append(connection)
                    else:
                        connection.close()
        except OSError as error:
            if sent:
                raise
            raise NotSent(str(error) or "no connection in time") from error

    def _take(self) -> "_Connection | None":
        """Return the connection that was used last, and close those that nobody needs."""
        while self._idle and self._idle[0].idle_since < time.monotonic() - _KEEP_ALIVE:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_free:
                return connection
        return None

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            _Connection, self._host, self._port, ssl=self._tls
        )
        return connection


class _Connection(asyncio.Protocol):
    """One connection, and one request on it at a time."""

    def __init__(self) -> None:
        self.idle_since = time.monotonic()
        self.is_free = True
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Response] | None = None
        self._parser: httptools.HttpResponseParser
        self._body = bytearray()

    async def exchange(self, request: bytes) -> Response:
        """Send a request and return the answer.  Cancelled, the connection is of no more use."""
        self.is_free = False
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close at once: there is nothing left to send."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # No isinstance: uvloop's transports are none of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self._answer is None or self._answer.done():  # nothing was asked
            self._fail("more than was asked for")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body += body
        if len(self._body) > _MAX_BODY:
            self._fail("too large an answer")

    def on_message_complete(self) -> None:
        """Hand over the answer."""
        if self._answer is not None and not self._answer.done():
            self.is_free = bool(self._parser.should_keep_alive())
            self.idle_since = time.monotonic()
            self._answer.set_result(Response(self._parser.get_status_code(), bytes(self._body)))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits."""
        self._fail(str(error or "closed without an answer"))

    def _fail(self, reason: str) -> None:
        self.is_free = False
        self._transport.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(reason))
