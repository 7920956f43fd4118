"""What is used of libraries beyond what they promise; of pystrix: ``agi/private.py``.

``tests/io/test_private.py`` fails, and names the piece, where a new version of a library has
dropped one.

* uvicorn: its HTTP protocol class is not documented for subclassing, nor is making one by hand.  It
  is the only way to bound what comes before a request is whole, and to have our own listener, whose
  bounds begin before TLS.  That its parser may be another object is not, either.
* websockets: a connection that another listener accepted.  The classes and their arguments are
  documented; that a :class:`Server` which does not listen itself says no to every handshake is not.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.asyncio.server import Server as WebSocketServer

__all__ = ["HTTPProtocol", "OpenServer", "UvicornServer", "idle_socket"]


class HTTPProtocol(HttpToolsProtocol):
    """One HTTP connection, with names for what subclasses may ask."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.parser = cast(httptools.HttpRequestParser, _RequestParser(self))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, without the blanks that may stand behind its value."""
        super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Take a request: to one of HTTP/1.0 nothing is sent in chunks, which it has not."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.parser.get_http_version() == "1.0":
            cycle = cast(Any, self.cycle)
            cycle.send = _WithoutChunks(cycle).send

    @property
    def target(self) -> bytes:
        """The request target as far as it has come."""
        return cast(bytes, getattr(self, "url", b""))

    @property
    def header_list(self) -> list[tuple[bytes, bytes]]:
        """Headers as far as they have come, names in lower case."""
        return cast(list[tuple[bytes, bytes]], getattr(self, "headers", []))

    @property
    def is_answering(self) -> bool:
        """Whether a request is in the hands of the application."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def may_answer(self) -> bool:
        """Whether an answer may be written: not in the middle of another."""
        return not self.is_answering or (not self.pipeline and not self.cycle.response_started)

    @property
    def waiting_requests(self) -> int:
        """How many requests wait for the one before them to be answered."""
        return len(self.pipeline)

    @property
    def state(self) -> dict[str, Any]:
        """What the application finds in the state of the request that begins."""
        return self.scope["state"]


class _WithoutChunks:
    """An answer that ends with its connection where its length is not known (RFC 9112, 6.3)."""

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._is_endless = False

    async def send(self, message: Any) -> None:
        """Write a part of it."""
        cycle = self._cycle
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", [])}
            self._is_endless = b"content-length" not in names
            cycle.chunked_encoding = False if self._is_endless else None
        elif self._is_endless:
            cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)


class _RequestParser:
    """httptools' parser, to which a request that asks for another protocol is one like any other.

    httptools takes it to end with its head: a body would be the other protocol's.  Java's own
    client asks for HTTP/2 with each request, a POST included, unless it is told not to.  Such a
    head is parsed anew without that, as RFC 9110, section 7.8, lets a server have it.
    """

    def __init__(self, protocol: HTTPProtocol) -> None:
        self._protocol = protocol
        self.on_message_begin = protocol.on_message_begin
        self.on_url = protocol.on_url
        self.on_header = protocol.on_header
        self.on_body = protocol.on_body
        self._head = b""  # what is to be parsed anew
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.get_http_version = self._parser.get_http_version
        self.get_method = self._parser.get_method
        self.should_keep_alive = self._parser.should_keep_alive
        self.should_upgrade = self._parser.should_upgrade

    def feed_data(self, data: bytes) -> None:
        """Parse on; raises as httptools does, but for requests that ask for another protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head, self._head = self._head, b""
            if not head:  # CONNECT
                raise
            self._begin()
            self.feed_data(head + data[upgrade.args[0] :])

    def on_headers_complete(self) -> None:
        """Hand a head on, unless it is to be parsed anew."""
        if self.should_upgrade():
            self._head = self._without_upgrade()
        if not self._head:
            self._protocol.on_headers_complete()

    def on_message_complete(self) -> None:
        """Hand on that a request is whole."""
        if not self._head:
            self._protocol.on_message_complete()

    def _without_upgrade(self) -> bytes:
        """Return the head without ``Upgrade``, nothing if that is not in it."""
        headers = self._protocol.header_list
        kept = [b"%b: %b\r\n" % one for one in headers if one[0] != b"upgrade"]
        if len(kept) == len(headers):
            return b""
        version = self.get_http_version().encode()
        line = b"%b %b HTTP/%b\r\n" % (self.get_method(), self._protocol.target, version)
        return b"".join([line, *kept, b"\r\n"])


class UvicornServer(uvicorn.Server):
    """A server without listeners of its own, which leaves signals to the service it is part of."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    def new_protocol(self) -> asyncio.Protocol:
        """Return the protocol for one more connection."""
        kind = cast(Any, self.config.http_protocol_class)
        protocol: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state={}
        )
        return protocol

    async def run_until_stopped(self) -> None:
        """Run until :meth:`stop`, then until the requests under way are answered."""
        await self.serve(sockets=[])

    def stop(self) -> None:
        """Take no more requests."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Write the Date header anew each second until told to stop.

        uvicorn's own loop wakes up ten times a second to see whether it should.
        """
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def idle_socket() -> socket.socket:
    """Return a socket for a server that is not to listen."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


class OpenServer:
    """A WebSocket server for connections that we accept: it says that it is open, though idle."""

    def __init__(self, server: WebSocketServer) -> None:
        self._server = server

    def is_serving(self) -> bool:
        """Let handshakes succeed."""
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)
