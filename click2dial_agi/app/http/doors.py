"""HTTP listeners that come, move and go with the configuration."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from click2dial_agi.app.http.front import Front
from click2dial_agi.app.http.server import HTTPServer
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import TLS
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.listeners import Listeners

__all__ = ["Door", "DoorChange", "HTTPDoors"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """What is served where; ``where`` and ``key`` are its section and its address's key there.

    ``make`` returns the application; it asks for the configuration of the day on every request.
    """

    where: str
    key: str
    address: Address
    make: Callable[[], Front] = field(compare=False)
    tls: TLS | None = None
    is_proxy: Callable[[str], bool] = field(default=lambda _: False, compare=False)

    def is_as(self, other: "Door") -> bool:
        """Tell whether both are one listener; a certificate may have been replaced."""
        return self.address == other.address and (self.tls is None) == (other.tls is None)


@dataclass(frozen=True)
class _Open:
    door: Door
    server: HTTPServer


class HTTPDoors:
    """The doors of one kind, by name."""

    def __init__(self, listeners: Listeners | None = None) -> None:
        self.listeners = listeners or Listeners()
        self._wanted: Mapping[str, Door] = {}
        self._open: dict[str, _Open] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self, wanted: Mapping[str, Door]) -> None:
        """Open what is not open yet.

        Raises :exc:`StartupError` with all that could not be; the others serve.
        """
        self._wanted, failures = wanted, []
        for name, door in wanted.items():
            if name in self._open:
                continue
            try:
                made = self._bind(door)
            except StartupError as error:
                failures.append(str(error))
            else:
                made.server.run()
                self._open[name] = made
        if failures:
            raise StartupError("; ".join(failures))

    def prepare(self, wanted: Mapping[str, Door]) -> "DoorChange":
        """Take the addresses that a new configuration adds or moves to, and check certificates.

        Nothing is served there, and nothing else changes, before :meth:`DoorChange.commit`.  A door
        that could not be opened at the start and is the same now goes on being tried.  Raises
        :exc:`StartupError`, having given back what was taken.
        """
        change = DoorChange(self, wanted)
        try:
            for name, door in wanted.items():
                if name in self._open and door.is_as(self._open[name].door):
                    self._open[name].server.check(door.tls)
                elif name in self._open or self._wanted.get(name) != door:
                    change.bound[name] = self._bind(door)
        except StartupError:
            change.undo()
            raise
        return change

    async def stop(self) -> None:
        """Finish the requests under way and close all."""
        for one in self._open.values():
            self._close(one)
        self._open = {}
        await asyncio.gather(*self._closing)

    @property
    def any_open(self) -> bool:
        """Whether anything is served."""
        return bool(self._open)

    def _bind(self, door: Door) -> _Open:
        server = HTTPServer(
            door.make(),
            door.address,
            door.where,
            door.tls,
            key=door.key,
            is_proxy=door.is_proxy,
        )
        server.bind(self.listeners)
        return _Open(door, server)

    def _close(self, one: _Open) -> None:
        task = asyncio.create_task(one.server.stop())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def commit(self, wanted: Mapping[str, Door], bound: Mapping[str, _Open]) -> None:
        """Serve at the new addresses, and close those that are not wanted any more."""
        for name, one in tuple(self._open.items()):
            if name in bound or name not in wanted:
                del self._open[name]
                self._close(one)
                if name not in wanted:
                    self.listeners.release(f"{one.door.where}.{one.door.key}")
                    log.info("%s.%s: %s is closed", one.door.where, one.door.key, one.door.address)
            else:
                one.server.use(wanted[name].tls)
        for name, one in bound.items():
            one.server.run()
            self._open[name] = one
            log.info("%s.%s: %s is open", one.door.where, one.door.key, one.door.address)
        self._wanted = wanted

    def give_back(self, bound: Mapping[str, _Open]) -> None:
        """Close what was taken and is not served."""
        for name, one in bound.items():
            one.server.close()
            earlier = self._open.get(name)
            key = f"{one.door.where}.{one.door.key}"
            self.listeners.release(key)
            if earlier is not None:
                self.listeners.reinstate(key, earlier.server.listener)


@dataclass(frozen=True)
class DoorChange:
    """Addresses that were taken, to be served or given back."""

    doors: HTTPDoors
    wanted: Mapping[str, Door]
    bound: dict[str, _Open] = field(default_factory=dict)

    def commit(self) -> None:
        """Serve there."""
        self.doors.commit(self.wanted, self.bound)

    def undo(self) -> None:
        """Give them back."""
        self.doors.give_back(self.bound)
