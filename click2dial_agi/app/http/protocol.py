"""uvicorn's HTTP parser with bounds of its own: on connections, header size, request size, time."""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from click2dial_agi.app.http.errors import error_body
from click2dial_agi.domain.numbers import FieldError

__all__ = ["MAX_CONNECTIONS", "BoundedProtocol"]

# Headers are a few hundred bytes.  httptools has no limit: it would collect them for ever.
_MAX_HEADERS = 16 * 1024

# Headers, the largest body that is read, and the framing of chunks.  A client that goes on sending
# after its 413 is cut off here.
_MAX_REQUEST = 256 * 1024

# From the first byte, or from connecting, to the last byte.  Longer than a body may take (bodies.py
# answers 408 for those); this one is for headers that trickle, and for bodies that nobody reads.
_TIMEOUT = 15.0

# Each takes a file descriptor.  CRMs keep a few open; the requests of more are answered 503.
MAX_CONNECTIONS = 1000

_BUSY = FieldError("server", "not so busy; try again later")
_NOT_HTTP = FieldError("request", "HTTP/1.1")
_LARGE_HEADERS = FieldError("request", f"at most {_MAX_HEADERS} bytes of headers")


class BoundedProtocol(HttpToolsProtocol):
    """One connection.  uvicorn bounds the time between two requests, this the requests."""

    _deadline: asyncio.TimerHandle | None = None
    _received = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_TIMEOUT, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and end the connection of a client that sends too much."""
        if self.transport.is_closing():
            return
        self._received += len(data)
        super().data_received(data)
        if self._in_headers and self._received > _MAX_HEADERS:
            self._refuse(431, _LARGE_HEADERS)
        elif self._received > _MAX_REQUEST:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start the clock."""
        super().on_message_begin()
        self._in_headers = True
        if self._deadline is None:
            self._deadline = self.loop.call_later(_TIMEOUT, self.transport.abort)

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._in_headers = False
        if sum(len(name) + len(value) for name, value in self.headers) > _MAX_HEADERS:
            self._refuse(431, _LARGE_HEADERS)  # they all came in one piece
        elif len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503, _BUSY, "retry-after: 1\r\n")
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock, and count anew."""
        self._stop_clock()
        self._received = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as everything else is answered."""
        self._refuse(400, _NOT_HTTP)

    def _refuse(self, status: int, error: FieldError, more_headers: str = "") -> None:
        if self.transport.is_closing():
            return
        # In the middle of another answer this text would be taken for a part of it.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = error_body([error])
            headers = (
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
                f"connection: close\r\n{more_headers}\r\n"
            )
            self.transport.write(STATUS_LINE[status] + headers.encode() + body)
        self.transport.close()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
