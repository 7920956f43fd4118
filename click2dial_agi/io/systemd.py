"""What systemd is told and what it keeps for us (sd_notify(3), sd_listen_fds(3)).

The protocol is a datagram of ``NAME=value`` lines.  Of the libraries, systemd-python needs a
compiler and systemd's headers, and sdnotify (last touched in 2017) neither passes file descriptors
nor says when a message was not sent.
"""

import array
import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, MutableMapping, Sequence

__all__ = ["Systemd"]

log = logging.getLogger(__name__)

_FIRST_FD = 3  # SD_LISTEN_FDS_START

# How often within WatchdogSec= we say that we live: one that comes late is no reason to be killed.
_WATCHDOG_SHARE = 4

_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID")


class Systemd:
    """The service manager that started us; without one, telling it does nothing.

    What it said is taken out of ``environment``: it was not meant for our children.
    """

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        told = {name: given.pop(name, "") for name in (*_OURS, "LISTEN_FDNAMES")}
        self._address = told["NOTIFY_SOCKET"]
        if self._address.startswith("@"):  # an abstract socket
            self._address = f"\0{self._address[1:]}"
        self._interval = 0.0
        if told["WATCHDOG_USEC"].isdecimal() and _is_us(told["WATCHDOG_PID"] or str(os.getpid())):
            self._interval = int(told["WATCHDOG_USEC"]) / 1e6 / _WATCHDOG_SHARE
        self._kept = _kept(told["LISTEN_FDS"], told["LISTEN_PID"], told["LISTEN_FDNAMES"])

    def ready(self) -> None:
        """Say that the service takes calls."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._tell("STOPPING=1")

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that a reload begins, and when it has ended."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.ready()

    def take(self) -> dict[str, socket.socket]:
        """Return the sockets that were kept, by name; a second time there are none."""
        kept, self._kept = self._kept, {}
        return kept

    def keep(self, name: str, listener: socket.socket) -> None:
        """Have a socket kept for the next process, if the unit has FileDescriptorStoreMax=.

        ``name`` is printable ASCII without a colon.
        """
        self._tell(f"FDSTORE=1\nFDNAME={name}", [listener.fileno()])

    def forget(self, name: str) -> None:
        """Have what is kept under a name closed."""
        self._tell(f"FDSTOREREMOVE=1\nFDNAME={name}")

    async def live(self) -> None:
        """Say that the event loop turns, as long as it does; returns if nobody asked for it."""
        while self._interval:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._interval)

    def _tell(self, message: str, descriptors: Sequence[int] = ()) -> None:
        if not self._address:
            return
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # A manager that is busy must not hold up calls.
                sender.setblocking(False)
                sender.connect(self._address)
                sender.sendmsg([message.encode()], passed if descriptors else [])
        except OSError as error:
            log.warning("systemd was not told %s: %s", message.partition("=")[0], error)


def _is_us(pid: str) -> bool:
    return pid == str(os.getpid())


def _kept(count: str, pid: str, names: str) -> dict[str, socket.socket]:
    """Return the stream sockets among the descriptors that were passed; close the others."""
    if not count.isdecimal() or not _is_us(pid):
        return {}
    kept: dict[str, socket.socket] = {}
    named = names.split(":")
    for number, fd in enumerate(range(_FIRST_FD, _FIRST_FD + min(int(count), 1024))):
        name = named[number] if number < len(named) else ""
        try:
            os.set_inheritable(fd, False)
            listener = socket.socket(fileno=fd)
        except OSError:  # no socket, or nothing at all
            with contextlib.suppress(OSError):
                os.close(fd)
            continue
        if name and name not in kept and listener.type is socket.SOCK_STREAM:
            kept[name] = listener
        else:
            listener.close()
    return kept
