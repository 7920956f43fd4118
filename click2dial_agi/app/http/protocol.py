"""The HTTP parser's connections, with bounds on header size, request size, pipelining and time."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from click2dial_agi.app.http.errors import error_body
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.io.door import Seated, Standing
from click2dial_agi.io.private import HTTPProtocol

__all__ = ["MAX_CONNECTIONS", "PER_ADDRESS", "BoundedProtocol", "ClientGone"]

# Headers are a few hundred bytes.  httptools has no limit: it would collect them for ever.
_MAX_HEADERS = 16 * 1024

# What all parts between client and server take for granted (RFC 9112 section 3).
_MAX_TARGET = 8 * 1024

# Headers, the largest body that is read, and the framing of chunks.  A client that goes on sending
# after its 413 is cut off here.
_MAX_REQUEST = 256 * 1024

# Requests ahead of their answers, in bytes: they are kept as they came, and parsed one by one.
# Those that hide from that, behind chunks, may be so many in one packet.
_MAX_BACKLOG = 64 * 1024
_MAX_PIPELINED = 64

# From connecting, or from a request's first byte, to the end of its headers or its body.  Longer
# than a body may take (bodies.py answers 408 for those); this one is for headers that trickle, and
# for bodies that nobody reads.
_TIMEOUT = 15.0

# A client that takes less than so many bytes of an answer in so many seconds is dropped: 1 KB/s.
_STALL_TIMEOUT = 15.0
_LEAST_TAKEN = 15 * 1024

# For what a client still sends after it was refused.
_LINGER = 2.0

# Each takes a file descriptor.  CRMs keep a few open.
MAX_CONNECTIONS = 1000
PER_ADDRESS = 250

_BUSY = FieldError("server", "not so busy; try again later")
_NOT_HTTP = FieldError("request", "HTTP/1.1")
_LARGE_HEADERS = FieldError("request", f"at most {_MAX_HEADERS} bytes of headers")
_LONG_TARGET = FieldError("request", f"a path and query of at most {_MAX_TARGET} bytes")
_OTHER_AUTHORITY = FieldError("host", "the one that the request line names")

_Headers = list[tuple[bytes, bytes]]

_END_OF_HEAD = b"\r\n\r\n"
_NEVER = float("inf")


class ClientGone(ConnectionResetError):
    """The client has closed before its answer was written."""


class _Transport(asyncio.Transport):
    """A connection's transport, which says so when there is nobody to write to any more.

    What the loops do then differs: a RuntimeError here, a warning there, or nothing.
    """

    def __init__(self, transport: asyncio.Transport, on_close: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._on_close = on_close
        self.was_answered = False  # by us, past uvicorn
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]
        self.get_write_buffer_size = transport.get_write_buffer_size  # type: ignore[method-assign]
        self.abort = transport.abort  # type: ignore[method-assign]

    def write(self, data: Any) -> None:
        if self.was_answered or self._transport.is_closing():
            raise ClientGone("the client has gone")
        self._transport.write(data)

    def close(self) -> None:
        self._on_close()
        self._transport.close()

    def answer_and_close(self, answer: bytes) -> None:
        """Write the last bytes and say that there are no more.

        What the client still sends is read on for a while: a reset would take the answer away.
        """
        self._transport.write(answer)
        self.was_answered = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:  # TLS says so itself
            self._transport.close()

    def pause_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()


class BoundedProtocol(Seated, HTTPProtocol):
    """One connection.  uvicorn bounds the time between two requests, this the requests.

    ``headers_of_refusal`` tells by a request's headers what goes into an answer of ours to it.
    """

    headers_of_refusal: Callable[[_Headers], _Headers] = staticmethod(lambda _: [])
    _out: _Transport
    _received = 0
    _in_headers = True
    _in_message = False
    _body_left = 0
    _backlog = b""
    _message_deadline = _NEVER
    _stall_deadline = _NEVER
    _unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock for the first request."""
        self._out = _Transport(cast(asyncio.Transport, transport), self._stalled)
        super().connection_made(self._out)
        self.seat.expire = self._expire
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Parse, and end the connection of a client that sends too much."""
        if self._out.was_answered:
            self._received += len(data)
            if self._received > _MAX_REQUEST:
                self._out.abort()
        elif self._backlog or (self.is_answering and not self._in_message):
            self._backlog += data
            if len(self._backlog) > _MAX_BACKLOG:
                self._out.abort()
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parse one request after the other until one has to be answered."""
        while not self._out.is_closing() and not self._out.was_answered:
            end = self._end_of_part(data)
            self._parse(data[:end])
            data = data[end:]
            if not data:
                return
            if self.is_answering and not self._in_message:
                self._backlog = data
                return

    def _end_of_part(self, data: bytes) -> int:
        """Return where a head or a body ends, or at most does; the end if no other begins."""
        if self._in_headers:
            end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            return end if data.find(_END_OF_HEAD, end) >= end else len(data)
        return min(self._body_left, len(data)) or len(data)

    def _parse(self, data: bytes) -> None:
        self._received += len(data)
        if not self._in_headers:
            self._body_left -= len(data)
        super().data_received(data)
        if self._in_headers and self._received > _MAX_HEADERS:
            if len(self.target) > _MAX_TARGET:
                self._refuse(414, _LONG_TARGET)
            else:
                self._refuse(431, _LARGE_HEADERS)
        elif self._received > _MAX_REQUEST:
            self._out.close()
        elif not self.is_answering:
            self._start_clock()  # for what is not a request yet: blank lines

    def on_message_begin(self) -> None:
        """Start the clock."""
        super().on_message_begin()
        self.state["seat"] = self.seat
        self._in_headers = self._in_message = True
        if self.waiting_requests >= _MAX_PIPELINED:
            self._out.abort()
            raise ClientGone("more requests than it waits for answers")  # ends the parsing, too
        self._start_clock()

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._in_headers = False
        size, self._body_left = 0, _MAX_REQUEST  # of chunks there may be any number
        for name, value in self.header_list:
            size += len(name) + len(value)
            if name == b"content-length" and value.isdigit():
                self._body_left = int(value[:20])
        if self._out.is_closing() or self._out.was_answered:
            return
        if len(self.target) > _MAX_TARGET:
            self._refuse(414, _LONG_TARGET)
        elif size > _MAX_HEADERS:
            self._refuse(431, _LARGE_HEADERS)  # they all came in one piece
        elif self.seat.is_extra:
            self._refuse(503, _BUSY, "retry-after: 1\r\n")
        elif not self.target.startswith(b"/") and not self._names_one_host():
            self._refuse(400, _OTHER_AUTHORITY)
        else:
            self.seat.standing = Standing.BUSY
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock, and count anew."""
        self._message_deadline = _NEVER
        self._set_deadline()
        self._received = 0
        self._in_headers, self._in_message = True, False
        if not self._out.was_answered:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Keep the body of a request that was handed on."""
        if not self._out.was_answered:
            super().on_body(body)

    def on_response_complete(self) -> None:
        """Let the connection give way to others while it waits for its next request."""
        super().on_response_complete()
        if not self.is_answering:
            self.seat.standing = self.seat.worth
            if self._backlog:
                self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Parse what waited, now that others have had their turn."""
        data, self._backlog = self._backlog, b""
        if data:
            self._feed(data)

    def pause_writing(self) -> None:
        """Start the clock for a client that takes nothing."""
        super().pause_writing()
        self._stalled()

    def resume_writing(self) -> None:
        """Stop it."""
        super().resume_writing()
        self._stall_deadline = _NEVER
        if self.is_answering:
            self.seat.standing = Standing.BUSY
        self._set_deadline()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as everything else is answered."""
        self._refuse(400, _NOT_HTTP)

    def _names_one_host(self) -> bool:
        """Tell whether a target in absolute form names the host that Host does."""
        authority = self.target.partition(b"://")[2].partition(b"/")[0].lower()
        return [value.lower() for name, value in self.header_list if name == b"host"] == [authority]

    def _refuse(self, status: int, error: FieldError, more_headers: str = "") -> None:
        if self._out.is_closing() or self._out.was_answered:
            return
        if not self.may_answer:
            self._out.close()
            return
        body = error_body([error])
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n{more_headers}"
        ).encode()
        for name, value in self.headers_of_refusal(self.header_list):
            head += name + b": " + value + b"\r\n"
        self._out.answer_and_close(head + b"\r\n" + body)
        self._received = 0
        self._message_deadline = min(self._message_deadline, self.loop.time() + _LINGER)
        self._set_deadline()

    def _start_clock(self) -> None:
        if self._message_deadline == _NEVER:
            self._message_deadline = self.loop.time() + _TIMEOUT
            self._set_deadline()

    def _stalled(self) -> None:
        """Start the clock for what is written and not taken, and let others have the place."""
        self.seat.standing = Standing.NEW
        self._unsent = self._out.get_write_buffer_size()
        self._stall_deadline = self.loop.time() + _STALL_TIMEOUT
        self._set_deadline()

    def _set_deadline(self) -> None:
        self.seat.deadline = min(self._message_deadline, self._stall_deadline)

    def _expire(self) -> None:
        """End the connection, unless all it does is take a long answer, and that goes on."""
        before = self._unsent
        unsent = self._out.get_write_buffer_size()
        if self._message_deadline > self.loop.time() and 0 < unsent <= before - _LEAST_TAKEN:
            self._stalled()
        else:
            self._out.abort()
