"""uvicorn inside our own event loop: one listener for each integrator."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from click2dial_agi.app.http.protocol import BoundedProtocol
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import TLS
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.tls import reload_certificate, tls_context

__all__ = ["HTTPServer"]

log = logging.getLogger(__name__)

# A client that keeps its connection open must not keep us from stopping.
_GRACE = 5

_BACKLOG = 2048  # uvicorn's


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the service it is part of."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """Write the Date header anew each second until told to stop.

        uvicorn's own loop wakes up ten times a second to see whether it should.
        """
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HTTPServer:
    """Serves one application on one address.

    ``where`` is its section of the configuration and ``key`` that of its address, for errors.
    """

    def __init__(
        self,
        app: FastAPI,
        listen: Address,
        where: str,
        tls: TLS | None = None,
        *,
        key: str = "http",
    ) -> None:
        self._listen = listen
        self._where = where
        self._key = key
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                # Its warnings are of requests that are not HTTP: any port scan would fill the log.
                log_level="error",
                timeout_graceful_shutdown=_GRACE,
                http=BoundedProtocol,
                ws="none",
                # They would let a client of a proxy on this machine choose the address that
                # allow_from sees.
                proxy_headers=False,
                ssl_context_factory=(lambda *_: self._loaded()) if tls is not None else None,
            )
        )
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
        # uvicorn's task would listen some turns of the loop later; who is told that the server has
        # started may connect at once.
        self._socket = (listeners or Listeners()).listen(
            f"{self._where}.{self._key}", self._listen, _BACKLOG
        )

    def run(self) -> None:
        """Serve at the address that :meth:`bind` took."""
        self._task = asyncio.create_task(self._server.serve([self._socket]))

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
        if tls is not None and self._context is not None:
            try:
                reload_certificate(self._context, tls, f"{self._where}.tls")
            except (StartupError, OSError) as error:
                log.error("certificate not reloaded: %s", error)

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        self._server.should_exit = True
        self._server.stopping.set()
        await self._task
        self._socket.close()

    def _loaded(self) -> ssl.SSLContext:
        assert self._context is not None  # start() made it
        return self._context
