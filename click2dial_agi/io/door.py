"""How connections come in: bounded in all and for each address, from the first packet on.

Whoever connects takes a seat.  When all are taken, or all that one address may have, the seat of
somebody who waits is given away: of those who have shown least, the one that is there longest.
So idle sockets, however many, keep nobody out, and neither do TLS handshakes that do not go on.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from enum import IntEnum
from typing import cast

from click2dial_agi.domain.networks import owner_of

__all__ = ["BACKLOG", "Door", "Seat", "Seated", "Standing"]

log = logging.getLogger(__name__)

BACKLOG = 2048

# Seats beyond the bound, for those who are told so; the next are hung up on unheard.
_SLACK = 64

# How often deadlines are looked at.  A timer for each request would cost more than it is worth.
_SWEEP = 0.5

# A TLS handshake takes two round trips.
_HANDSHAKE_TIMEOUT = 5.0

# A peer that was told goodbye in TLS and does not answer has gone.
_SHUTDOWN_TIMEOUT = 2.0

# New connections taken in one go before those that are there have their turn.  A loop's own way
# takes one a turn, so that in a flood the turns of a thousand come before the last is heard.  With
# many more, a connection could be sent away for others before its request has been read.
_BURST = 32

# Told once in so many seconds for each door.
_QUIET = 60.0

_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Standing(IntEnum):
    """What speaks for letting a connection stay when there are too many."""

    NEW = 0  # nothing yet
    KNOWN = 1  # it has shown who it is, and waits
    BUSY = 2  # it is being served: never sent away


class Seat:
    """A place for one connection.

    ``deadline`` is when ``expire`` is called, in the loop's time.  ``send_away`` ends the
    connection at once.  ``is_extra`` marks one beyond the bounds, which is to be told that there is
    no place.  ``worth`` is its standing while it waits.
    """

    __slots__ = (
        "_door",
        "arrived",
        "deadline",
        "expire",
        "is_extra",
        "owner",
        "send_away",
        "standing",
        "worth",
    )

    def __init__(self, door: "Door", owner: str, send_away: Callable[[], object]) -> None:
        self._door = door
        self.owner = owner
        self.send_away = self.expire = send_away
        self.standing = self.worth = Standing.NEW
        self.arrived = asyncio.get_running_loop().time()
        self.deadline = float("inf")
        self.is_extra = False

    def leave(self) -> None:
        """Give the seat back; the second time changes nothing."""
        self._door.forget(self)


class Seated(asyncio.Protocol):
    """A connection that holds a seat; stands before the protocol's own class."""

    seat: Seat

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the transport end the connection from here on."""
        self.seat.send_away = self.seat.expire = cast(asyncio.Transport, transport).abort
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the seat back."""
        self.seat.leave()
        super().connection_lost(exc)


class Door:
    """Takes connections from listening sockets, which it closes at the end.

    ``name`` is what the log calls it.  ``protocol`` makes the protocol of one connection.  For
    ``grace`` seconds, in which it may show who it is, nobody is sent away for others.  Where
    ``is_exempt`` says so of an address (a proxy of ours, behind which there are many), the bound
    for one address does not hold.
    """

    def __init__(
        self,
        name: str,
        sockets: list[socket.socket],
        protocol: Callable[[], Seated],
        *,
        in_all: int,
        per_address: int,
        grace: float = 0.0,
        tls: ssl.SSLContext | None = None,
        is_exempt: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._name = name
        self._sockets = sockets
        self._protocol = protocol
        self._in_all = in_all
        self._per_address = per_address
        self._grace = grace
        self._tls = tls
        self._is_exempt = is_exempt
        self._loop = asyncio.get_running_loop()
        self._seats: dict[Seat, None] = {}  # in the order of arrival, as those below
        self._by_owner: dict[str, dict[Seat, None]] = {}
        self._entering: set[asyncio.Task[None]] = set()
        self._quiet_until = 0.0
        self._tasks = [asyncio.create_task(self._accept(one)) for one in sockets]
        self._tasks.append(asyncio.create_task(self._sweep()))

    @property
    def taken(self) -> int:
        """How many connections there are, those in their handshake included."""
        return len(self._seats)

    @property
    def port(self) -> int:
        """The port; tells which one it got when 0 was asked for."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Take no more connections; those that are there stay."""
        tasks = [*self._tasks, *self._entering]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for one in self._sockets:
            one.close()

    def send_all_away(self) -> None:
        """End all connections without goodbye."""
        for seat in tuple(self._seats):
            seat.send_away()

    def forget(self, seat: Seat) -> None:
        """Take a seat out of the books."""
        if seat in self._seats:
            del self._seats[seat]
            mine = self._by_owner[seat.owner]
            del mine[seat]
            if not mine:
                del self._by_owner[seat.owner]

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                peer, address = await self._loop.sock_accept(listening)
                for _ in range(_BURST):
                    self._enter(peer, str(address[0]))
                    peer, address = listening.accept()
                    peer.setblocking(False)
                self._enter(peer, str(address[0]))
            except BlockingIOError:
                pass
            except OSError as error:
                await self._not_accepted(error)
            await asyncio.sleep(0)

    async def _not_accepted(self, error: OSError) -> None:
        """Make room where files are short; else the peer has gone before its turn."""
        if error.errno in _NO_MORE_FILES:
            self._say(
                "%s: %s: connections that wait are closed; to mend it: LimitNOFILE= of the unit",
                error.strerror,
            )
            if not self._make_room(self._seats):
                await asyncio.sleep(_SWEEP)
        await asyncio.sleep(0)

    def _enter(self, peer: socket.socket, address: str) -> None:
        owner = owner_of(address)
        mine = self._by_owner.get(owner, {})
        crowded = False
        if len(mine) >= self._per_address and not self._is_exempt(address):
            self._say("%s: %s has %d connections: the idle ones give way", owner, len(mine))
            crowded = not self._make_room(mine)
        elif len(self._seats) >= self._in_all:
            self._say("%s: %d connections: the idle ones give way", len(self._seats))
            crowded = not self._make_room(self._seats)
        if len(self._seats) >= self._in_all + _SLACK or len(mine) >= self._per_address + _SLACK:
            peer.close()
            return
        seat = Seat(self, owner, lambda: _hang_up(peer))
        seat.is_extra = crowded
        self._seats[seat] = None
        self._by_owner.setdefault(owner, {})[seat] = None
        task = self._loop.create_task(self._welcome(peer, seat))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    async def _welcome(self, peer: socket.socket, seat: Seat) -> None:
        """Make the connection's protocol, after the handshake where there is TLS."""

        def seated() -> Seated:
            protocol = self._protocol()
            protocol.seat = seat
            return protocol

        if seat not in self._seats:  # sent away before it had its turn
            peer.close()
            return
        try:
            if self._tls is None:
                await self._loop.connect_accepted_socket(seated, peer)
            else:
                await self._loop.connect_accepted_socket(
                    seated,
                    peer,
                    ssl=self._tls,
                    ssl_handshake_timeout=_HANDSHAKE_TIMEOUT,
                    ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
                )
        except OSError as error:  # ConnectionError, SSLError: any port scan makes some
            log.debug("%s: no connection with %s: %s", self._name, seat.owner, error)
            seat.leave()
            peer.close()
        except BaseException:
            seat.leave()
            peer.close()
            raise

    def _make_room(self, seats: dict[Seat, None]) -> bool:
        """Give away the seat of who waits and has shown least, the oldest of those."""
        before = self._loop.time() - self._grace
        waiting = (s for s in seats if s.standing is not Standing.BUSY and s.arrived <= before)
        found = min(waiting, key=lambda seat: seat.standing, default=None)
        if found is None:
            return False
        self.forget(found)  # its end takes a turn of the loop, and the seat is needed now
        found.send_away()
        return True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            now = self._loop.time()
            for seat in [seat for seat in self._seats if seat.deadline <= now]:
                seat.deadline = float("inf")
                seat.expire()

    def _say(self, text: str, *values: object) -> None:
        now = self._loop.time()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            log.warning(text, self._name, *values)


def _hang_up(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)
