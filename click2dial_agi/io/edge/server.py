"""The edge's server: takes WebSockets, opens one to Asterisk for each, and joins them."""

import asyncio
import logging
import ssl
from functools import partial
from http import HTTPStatus
from typing import cast

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidMessage, WebSocketException
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from click2dial_agi.domain.config import Edge as EdgeConfig
from click2dial_agi.domain.sip_errors import add_headers, read_final_error
from click2dial_agi.io.door import BACKLOG, Door, Seated
from click2dial_agi.io.edge.admission import PATH, SUBPROTOCOL, Rate, Rejection, check_handshake
from click2dial_agi.io.edge.link import AWAY, Link, close, peer
from click2dial_agi.io.hosts import hosts_of
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.private import OpenServer, idle_socket
from click2dial_agi.io.refusals import Refusals
from click2dial_agi.io.tls import reload_certificate, tls_context

__all__ = ["Edge"]

log = logging.getLogger(__name__)

# The library tells of every handshake that fails, with a traceback: any port scan would fill the
# log.  What an operator should know is logged here; a logger of its own that says nothing takes
# the rest.
_SILENT = logging.Logger(f"{__name__}.websockets", logging.CRITICAL + 1)

# A browser sends its request at once; this bounds those that connect and say nothing.
_OPEN_TIMEOUT = 10.0

# Asterisk is near.  The browser waits meanwhile, its first REGISTER in hand.
_UPSTREAM_TIMEOUT = 5.0

# A peer that was told to close and does not answer has gone.
_CLOSE_TIMEOUT = 2.0

# Messages in hand for one direction of one connection before reading pauses.  With messages of
# 64 KiB, 16 (the library's default) would let one client hold 2 MiB.
_MAX_QUEUE = 4

# A phone registers within a second or two.  So long it is not sent away for others, or the phones
# of an office that come back all at once would push each other out.
_GRACE = 5.0

# As what it is told depends on where in the handshake it is found out.
_CLOSED_UNHEARD = (InvalidMessage, ConnectionClosed, ConnectionResetError, BrokenPipeError)

_SUBPROTOCOL = Subprotocol(SUBPROTOCOL)

# The status of cause 28, which is how the dialplan refuses a call: only then may another process
# have left errors for it.
_REFUSED = 484


class _Client(Seated, ServerConnection):
    """A connection that is counted from its first packet, before any handshake."""


class Edge:
    """The proxy between browsers and Asterisk's ``/ws``.

    What passes is not touched, but for the error headers that :class:`Refusals` has for a final
    error response.  Compression is refused on both sides: SIP messages are small, and a deflate
    context costs more memory than all else here together.
    """

    def __init__(self, config: EdgeConfig, refusals: Refusals) -> None:
        self._config = config
        self._refusals = refusals
        self._rate = Rate()
        self._hosts = hosts_of(config.listen, config.hosts)
        self._tls: ssl.SSLContext | None = None
        self._server: Server | None = None
        self._door: Door | None = None

    async def start(self, listeners: Listeners | None = None) -> None:
        """Listen.  Raises :exc:`StartupError` when the address or the certificate is no good."""
        config = self._config
        if config.tls is not None:
            self._tls = tls_context(config.tls, "edge.tls")
        listener = (listeners or Listeners()).listen("edge.listen", config.listen, BACKLOG)
        self._server = await serve(
            self._handle,
            sock=idle_socket(),
            start_serving=False,
            process_request=self._admit,
            server_header=None,
            open_timeout=_OPEN_TIMEOUT,
            logger=_SILENT,
        )
        self._door = Door(
            "edge.listen",
            [listener],
            partial(self._new_client, OpenServer(self._server)),
            in_all=config.max_connections,
            per_address=config.connections_per_address,
            grace=_GRACE,
            tls=self._tls,
        )

    def _new_client(self, server: OpenServer) -> _Client:
        config = self._config
        protocol = ServerProtocol(
            subprotocols=[_SUBPROTOCOL], max_size=config.max_message_size, logger=_SILENT
        )
        return _Client(
            protocol,
            cast(Server, server),
            ping_interval=config.ping_interval,
            ping_timeout=config.ping_timeout,
            close_timeout=_CLOSE_TIMEOUT,
            max_queue=_MAX_QUEUE,
        )

    @property
    def port(self) -> int:
        """The port that the edge listens on; tells which one it got when 0 was configured."""
        return self._door.port if self._door is not None else self._config.listen.port

    @property
    def connections(self) -> int:
        """How many clients are connected, those in their handshake included."""
        return self._door.taken if self._door is not None else 0

    def announce(self) -> None:
        """Log where browsers connect and where they are led."""
        scheme = "wss" if self._tls is not None else "ws"
        host = self._config.listen.host
        upstream = self._config.upstream
        log.info("WebSocket edge on %s://%s:%d%s to %s", scheme, host, self.port, PATH, upstream)

    def use(self, config: EdgeConfig) -> None:
        """Take a new configuration and read the certificate again; no connection is dropped."""
        reload_certificate(self._tls, config.tls, "edge.tls")
        self._config = config
        self._hosts = hosts_of(config.listen, config.hosts)

    async def check_upstream(self) -> None:
        """Open a WebSocket to Asterisk and close it.  Raises what keeps browsers out as well."""
        await (await _connect(self._config)).close()

    async def stop(self, grace: float) -> None:
        """Stop listening, close every connection, drop what is left after ``grace`` seconds."""
        if self._server is None or self._door is None:
            return
        await self._door.close()
        self._server.close(code=CloseCode.SERVICE_RESTART, reason="the server is stopping")
        try:
            async with asyncio.timeout(grace):
                await self._server.wait_closed()
        except TimeoutError:
            self._door.send_all_away()
            await self._server.wait_closed()

    def _admit(self, client: ServerConnection, request: Request) -> Response | None:
        now = asyncio.get_running_loop().time()
        config, address = self._config, str(client.remote_address[0])
        count = self._rate.count(address, now)
        if count > config.connections_per_minute:
            if count == config.connections_per_minute + 1:  # once a minute, not once a connection
                log.warning("%s opens too many connections: refused for now", address)
            return _reject(
                client,
                Rejection(HTTPStatus.TOO_MANY_REQUESTS, "too many connections from this address"),
                retry_after=self._rate.retry_after(now),
            )
        if cast(_Client, client).seat.is_extra:
            log.info("%s refused: no connection is free", address)
            return _reject(
                client, Rejection(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections"), 60
            )
        headers = request.headers
        rejection = check_handshake(
            request.path,
            headers.get_all("Host"),
            headers.get_all("Origin"),
            headers.get_all("Sec-WebSocket-Protocol"),
            config.origins,
            self._hosts,
        )
        if rejection is None:
            return None
        origins = ", ".join(headers.get_all("Origin"))[:80]
        log.warning("%s (Origin %r) refused: %s", address, origins, rejection.reason)
        return _reject(client, rejection)

    async def _handle(self, client: ServerConnection) -> None:
        config, name = self._config, peer(client)
        try:
            upstream = await _connect(config)
        except (OSError, WebSocketException) as error:  # TimeoutError is an OSError
            log.warning("%s turned away: edge.upstream: %s%s", name, error, self._hint(error))
            await close(client, CloseCode.TRY_AGAIN_LATER, AWAY, _CLOSE_TIMEOUT)
            return
        log.info("%s connected", name)
        link = Link(
            client,
            upstream,
            self._add_errors,
            cast(_Client, client).seat,
            register_timeout=config.register_timeout,
            idle_timeout=config.idle_timeout,
            stall_timeout=config.stall_timeout,
        )
        try:
            await link.run()
        except Exception:
            log.exception("%s dropped: our fault", name)
        log.info("%s disconnected: %s %s", name, client.close_code, client.close_reason)

    def _hint(self, error: Exception) -> str:
        """Say what may be behind a connection that Asterisk closed without an answer."""
        if not isinstance(error, _CLOSED_UNHEARD):
            return ""
        return (
            f"; with {self.connections} connections, is http.conf's sessionlimit (100 by default) "
            f"above edge.max_connections ({self._config.max_connections})?"
        )

    async def _add_errors(self, message: bytes) -> bytes:
        final = read_final_error(message)
        if final is None:
            return message
        headers = await self._refusals.find(final.dialog, elsewhere=final.status == _REFUSED)
        return add_headers(message, headers) if headers else message


def _connect(config: EdgeConfig) -> connect:
    """Return what opens a WebSocket to Asterisk, to be awaited."""
    return connect(
        config.upstream,
        subprotocols=[_SUBPROTOCOL],
        compression=None,
        user_agent_header=None,
        proxy=None,
        open_timeout=_UPSTREAM_TIMEOUT,
        close_timeout=_CLOSE_TIMEOUT,
        ping_interval=config.ping_interval,
        ping_timeout=config.ping_timeout,
        max_size=config.max_message_size,
        max_queue=_MAX_QUEUE,
        logger=_SILENT,
    )


def _reject(client: ServerConnection, rejection: Rejection, retry_after: int = 0) -> Response:
    response = client.respond(rejection.status, f"{rejection.reason}\n")
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response
