"""uvicorn inside our own event loop: one listener for each integrator."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from click2dial_agi.domain.config_types import Address
from click2dial_agi.exceptions import StartupError

__all__ = ["HTTPServer"]

# A client that keeps its connection open must not keep us from stopping.
_GRACE = 5


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the service it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HTTPServer:
    """Serves one application on one address."""

    def __init__(self, app: FastAPI, listen: Address, where: str) -> None:
        self._listen = listen
        self._where = where
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
                # Headers are a few hundred bytes; a client that sends more is not one of ours.
                h11_max_incomplete_event_size=16 * 1024,
                limit_concurrency=1000,
            )
        )
        self._socket: socket.socket
        self._task: asyncio.Task[None]

    async def start(self) -> None:
        """Listen.  Raises :exc:`StartupError` when the address cannot be had."""
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self._listen.host, self._listen.port))
        except OSError as error:
            self._socket.close()
            reason = error.strerror or error
            raise StartupError(
                f"{self._where}: cannot listen on {self._listen}: {reason}"
            ) from error
        self._task = asyncio.create_task(self._server.serve([self._socket]))

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        self._server.should_exit = True
        await self._task
        self._socket.close()
