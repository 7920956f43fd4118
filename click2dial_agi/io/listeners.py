"""Listening sockets, which outlive a restart of the service where systemd keeps them.

A connection that comes while no process is there waits in the kernel, and the next process takes
it: a restart refuses nobody.  The addresses are the configuration's alone; systemd knows no ports.
"""

import contextlib
import logging
import socket
from weakref import WeakSet

from click2dial_agi.domain.config_types import Address
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.port_owner import owner_of_port
from click2dial_agi.io.systemd import Systemd

__all__ = ["Listeners"]

log = logging.getLogger(__name__)


class Listeners:
    """Gives each listener its socket: the kept one if its address is still right, or a new one."""

    def __init__(self, systemd: Systemd | None = None) -> None:
        self._systemd = systemd
        self._kept = systemd.take() if systemd is not None else {}
        self._given: dict[str, socket.socket] = {}
        self._all: WeakSet[socket.socket] = WeakSet()

    def listen(self, key: str, address: Address, backlog: int) -> socket.socket:
        """Return a socket that listens on ``address``, non-blocking.

        ``key`` is where the configuration has the address (``agi.listen``).  Raises
        :exc:`StartupError` when it cannot be had, which names the process that has it.
        """
        kept = self._kept.pop(key, None)
        if kept is not None and _is_at(kept, address):
            self._given[key] = kept
            self._all.add(kept)
            return _ready(kept, backlog)
        if kept is not None:  # the address was changed
            self._close(key, kept)
        try:
            made = self._another(address) or _bound(address)
        except OSError as error:
            if (holder := self._let_go_of(address)) is None:
                raise _cannot(key, address, error) from error
            log.info("%s: %s was kept for %s", key, address, holder)
            made = self._again(key, address)
        made = _ready(made, backlog)
        self.release(key)  # of what it had at another address
        self.reinstate(key, made)
        return made

    def release(self, key: str) -> None:
        """Have nothing kept for a key any more; its socket is closed by whoever has it."""
        if self._given.pop(key, None) is not None and self._systemd is not None:
            self._systemd.forget(key)

    def reinstate(self, key: str, listener: socket.socket) -> None:
        """Have a listener kept for a key."""
        self._given[key] = listener
        self._all.add(listener)
        if self._systemd is not None:
            self._systemd.keep(key, listener)

    def _another(self, address: Address) -> socket.socket | None:
        """Return a second handle of a socket of ours at this address, None if there is none.

        Two listeners may change places in one reload; each connection is one's or the other's.
        """
        for given in self._all:
            if given.fileno() >= 0 and address.port and _is_at(given, address):
                return given.dup()
        return None

    def close_rest(self) -> None:
        """Close what was kept and no listener asked for: it is not configured any more."""
        for key, kept in self._kept.items():
            self._close(key, kept)
        self._kept = {}

    def _again(self, key: str, address: Address) -> socket.socket:
        try:
            return _bound(address)
        except OSError as error:
            raise _cannot(key, address, error) from error

    def _let_go_of(self, address: Address) -> str | None:
        """Close a kept socket that holds an address which is another listener's now."""
        for key, kept in tuple(self._kept.items()):
            if kept.getsockname()[1] == address.port:
                del self._kept[key]
                self._close(key, kept)
                return key
        return None

    def _close(self, key: str, kept: socket.socket) -> None:
        if self._systemd is not None:
            self._systemd.forget(key)
        # systemd's copy may be closed a moment later than ours; a socket that was shut down has
        # let go of its address already.
        with contextlib.suppress(OSError):
            kept.shutdown(socket.SHUT_RDWR)
        kept.close()


def _resolved(address: Address) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    # The first of a name's addresses, an IPv4 one if it has any: what "localhost" means to most.
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    found.sort(key=lambda one: one[0] is not socket.AF_INET)
    return found[0][0], found[0][4]


def _bound(address: Address) -> socket.socket:
    family, where = _resolved(address)
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
    except OSError:
        made.close()
        raise
    return made


def _ready(listener: socket.socket, backlog: int) -> socket.socket:
    listener.setblocking(False)
    # Connections inherit it.  asyncio would set it only for a socket of protocol IPPROTO_TCP, and
    # an HTTP answer's body, written after its head, would wait 40 ms for the head's ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.listen(backlog)
    return listener


def _is_at(listener: socket.socket, address: Address) -> bool:
    try:
        family, where = _resolved(address)
    except OSError:
        return False
    return listener.family is family and listener.getsockname()[:2] == where[:2]


def _cannot(key: str, address: Address, error: OSError) -> StartupError:
    owner = owner_of_port(address.port)
    by = f" by {owner}" if owner else ""
    return StartupError(f"{key}: cannot listen on {address}: {error.strerror or error}{by}")
