"""The event loop that serves: uvloop's, in which no lookup of a name waits for another one.

uvloop looks names up in libuv's four threads, in the order in which they were asked for, and goes
on with what nobody waits for any more.  While DNS does not answer each takes 10 s and longer: four
webhooks with such names kept us from a PBX called ``localhost``, and from ending.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

import uvloop

from click2dial_agi.domain.networks import read_address

__all__ = ["Loop"]

# What socket.getaddrinfo takes, and what it returns.
_Question = tuple[str | None, str | int | None, int, int, int, int]
_Found = list[Any]

_BASE: Any = uvloop.Loop  # its types leave out what is passed on as it is


class Loop(_BASE):  # type: ignore[misc]
    """Looks each name up in a thread of its own, which ends with the process if not before.

    Whoever asks for a name that is being looked up waits for the same answer, so there are no more
    threads than names.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lookups: dict[_Question, asyncio.Future[_Found]] = {}

    async def getaddrinfo(
        self,
        host: str | None,
        port: str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> _Found:
        """Look a name up, as :func:`socket.getaddrinfo` does."""
        question = (host, port, family, type, proto, flags)
        lookup = self._lookups.get(question)
        if lookup is None:
            lookup = self._lookups[question] = self.create_future()
            thread = Thread(target=self._look_up, args=(question, lookup), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system gives no further one
                self._answer(question, lookup, OSError(str(error)))
        return await asyncio.shield(lookup)

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        server_hostname: str | None = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        **options: Any,
    ) -> Any:
        """Connect to the first address of a name that takes us."""
        connect = super().create_connection
        options |= {"ssl": ssl, "server_hostname": server_hostname}
        if host is None or read_address(host) is not None:
            where = {"family": family, "proto": proto, "flags": flags}
            return await connect(protocol_factory, host, port, **where, **options)
        if ssl:
            options["server_hostname"] = host if server_hostname is None else server_hostname
        asked = {"family": family, "type": socket.SOCK_STREAM, "proto": proto, "flags": flags}
        refused: list[OSError] = []
        for _, _, _, _, address in await self.getaddrinfo(host, port, **asked):
            try:
                return await connect(protocol_factory, *address[:2], **options)
            except OSError as error:
                refused.append(error)
        raise refused[0]

    def _look_up(self, question: _Question, lookup: asyncio.Future[_Found]) -> None:
        answer: _Found | OSError
        try:
            answer = socket.getaddrinfo(*question)
        except OSError as error:
            answer = error
        except UnicodeError as error:  # a name that none can be
            answer = socket.gaierror(socket.EAI_NONAME, str(error))
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self.call_soon_threadsafe(self._answer, question, lookup, answer)

    def _answer(
        self, question: _Question, lookup: asyncio.Future[_Found], answer: _Found | OSError
    ) -> None:
        del self._lookups[question]
        if isinstance(answer, OSError):
            lookup.set_exception(answer)
            lookup.exception()  # perhaps nobody waits for it any more
        else:
            lookup.set_result(answer)
