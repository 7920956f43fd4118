"""uvicorn inside our own event loop, behind a door of our own: one listener for each integrator."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import cast

import uvicorn

from click2dial_agi.app.http import protocol
from click2dial_agi.app.http.front import Front
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import TLS
from click2dial_agi.io.door import BACKLOG, Door, Seated
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.private import UvicornServer
from click2dial_agi.io.tls import reload_certificate, tls_context

__all__ = ["HTTPServer"]

log = logging.getLogger(__name__)

# A client that keeps its connection open must not keep us from stopping.
_GRACE = 5

# Longer than the clients of CRMs keep an idle connection (5 s to a minute): if we close one while
# the client's next POST is on its way, it cannot know whether there is a call.  Idle connections
# cost nobody a place: they give way (io/door.py).
_KEEP_ALIVE = 75

# No browser may guess what it is.  uvicorn puts these before an answer's own, and replaces none.
_HEADERS = [("x-content-type-options", "nosniff")]


class HTTPServer:
    """Serves one application on one address.

    ``where`` is its section of the configuration and ``key`` that of its address, for errors.
    ``is_proxy`` tells of an address whether it is a trusted proxy's, which may connect for many.
    """

    def __init__(
        self,
        app: Front,
        listen: Address,
        where: str,
        tls: TLS | None = None,
        *,
        key: str = "http",
        is_proxy: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._app = app
        self._listen = listen
        self._where = where
        self._key = key
        self._tls = tls
        self._is_proxy = is_proxy
        self._context: ssl.SSLContext | None = None
        self._server = UvicornServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                headers=_HEADERS,
                # Its warnings are of requests that are not HTTP: any port scan would fill the log.
                # Its errors are of applications' faults, which the application logs itself.
                log_level="critical",
                timeout_graceful_shutdown=_GRACE,
                timeout_keep_alive=_KEEP_ALIVE,
                http=protocol.BoundedProtocol,
                ws="none",
                # X-Forwarded-For is read where it is known who may write it.
                proxy_headers=False,
            )
        )
        self._door: Door
        self._socket: socket.socket
        self._task: asyncio.Task[None]

    @property
    def listener(self) -> socket.socket:
        """The socket that it listens on."""
        return self._socket

    def bind(self, listeners: Listeners | None = None) -> None:
        """Take the address; who connects waits until :meth:`run`.

        Raises :exc:`StartupError` if the address or the certificate is no good.
        """
        if self._tls is not None:
            self._context = tls_context(self._tls, f"{self._where}.tls")
        self._socket = (listeners or Listeners()).listen(
            f"{self._where}.{self._key}", self._listen, BACKLOG
        )

    def run(self) -> None:
        """Serve at the address that :meth:`bind` took."""
        self._task = asyncio.create_task(self._server.run_until_stopped())
        self._door = Door(
            f"{self._where}.{self._key}",
            [self._socket],
            self._new_protocol,
            in_all=protocol.MAX_CONNECTIONS,
            per_address=protocol.PER_ADDRESS,
            tls=self._context,
            is_exempt=self._is_proxy,
        )

    def _new_protocol(self) -> Seated:
        made = cast(protocol.BoundedProtocol, self._server.new_protocol())
        made.headers_of_refusal = self._app.headers_of_refusal
        return made

    async def start(self, listeners: Listeners | None = None) -> None:
        """Take the address and serve.  Raises :exc:`StartupError` as :meth:`bind`."""
        self.bind(listeners)
        self.run()

    def check(self, tls: TLS | None) -> None:
        """Raise :exc:`StartupError` if :meth:`use` could not use a certificate."""
        if tls is not None:
            tls_context(tls, f"{self._where}.tls")

    def close(self) -> None:
        """Give up an address that was taken and is not served."""
        self._socket.close()

    def use(self, tls: TLS | None) -> None:
        """Read the certificate again; no connection is dropped."""
        reload_certificate(self._context, tls, f"{self._where}.tls")

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        await self._door.close()
        self._server.stop()
        await self._task
        self._door.send_all_away()
