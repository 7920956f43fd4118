"""``click2dial-agi supervise``: what systemd does for the unit, where there is none (containers).

The server is started again when it ends, killed when its event loop stands still, and its listening
sockets are kept meanwhile, so that calls wait instead of being refused.  The server speaks to it as
to systemd: :mod:`click2dial_agi.io.systemd`.
"""

import fcntl
import logging
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)

# As in etc/click2dial-agi.service: WatchdogSec, RestartSec, TimeoutStopSec, FileDescriptorStoreMax,
# RestartPreventExitStatus; and systemd's own TimeoutStartSec.
_WATCHDOG = 2.0
_PAUSE = 0.2
_STOP = 30.0
_MOST = 128
_HOPELESS = 2
_START = 90.0

# How often it is looked whether the server has ended or is late.
_TICK = 0.1

_FIRST_FD = 3  # SD_LISTEN_FDS_START
_ASIDE = 256  # above what is moved to _FIRST_FD and on


class Supervisor:
    """Runs ``click2dial-agi`` with some arguments until it is told to stop, or that is hopeless."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._argv = [sys.executable, "-m", "click2dial_agi", *arguments]
        self._kept: dict[str, int] = {}
        self._pid = 0
        self._ready = self._stopping = False
        self._deadline = 0.0

    def run(self) -> int:
        """Run it; return its last exit code (128 and the signal's number if one ended it)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        try:
            temporary = tempfile.TemporaryDirectory(prefix="click2dial-")
        except OSError as error:  # a container whose file system is read-only
            log.error("%s; to mend it: a tmpfs at /tmp", error.strerror or error)
            return _HOPELESS
        with (
            temporary as directory,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
        ):
            address = Path(directory, "notify")
            told.bind(str(address))
            code = 0
            while not self._stopping:
                code = self._run_once(told, str(address))
                if code == _HOPELESS:
                    break
                if not self._stopping:
                    log.error("the server ended with code %d; started again", code)
                    time.sleep(_PAUSE)
            return code

    def _run_once(self, told: socket.socket, address: str) -> int:
        self._ready, self._deadline = False, time.monotonic() + _START
        self._pid = self._start(address)
        if self._stopping:  # told so meanwhile
            self._pass_on(signal.SIGTERM, None)
        while True:
            if select.select([told], [], [], _TICK)[0]:
                self._hear(told)
            ended, status = os.waitpid(self._pid, os.WNOHANG)
            if ended:
                self._pid = 0
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if time.monotonic() > self._deadline:
                log.error("the server has stood still; killed")
                self._deadline = float("inf")
                os.kill(self._pid, signal.SIGKILL)

    def _start(self, address: str) -> int:
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": str(int(_WATCHDOG * 1e6)),
            "LISTEN_FDS": str(len(self._kept)),
            "LISTEN_FDNAMES": ":".join(self._kept),
        }
        pid = os.fork()
        if pid:
            return pid
        try:  # pragma: no cover (coverage does not follow)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            aside = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ASIDE) for fd in self._kept.values()]
            for place, descriptor in enumerate(aside, _FIRST_FD):
                os.dup2(descriptor, place)
            os.execve(self._argv[0], self._argv, {**environment, "LISTEN_PID": str(os.getpid())})
        finally:
            os._exit(1)

    def _hear(self, told: socket.socket) -> None:
        """Take one message of the server's, and the sockets that it brings."""
        message, descriptors, _, _ = socket.recv_fds(told, 4096, _MOST)
        lines = dict(
            line.partition("=")[::2] for line in message.decode("utf-8", "replace").split("\n")
        )
        name = lines.get("FDNAME", "")
        if "READY" in lines:
            self._ready = True
        if ("READY" in lines or "WATCHDOG" in lines) and self._ready and not self._stopping:
            self._deadline = time.monotonic() + _WATCHDOG
        if "FDSTOREREMOVE" in lines and name in self._kept:
            os.close(self._kept.pop(name))
        for descriptor in descriptors:
            if "FDSTORE" in lines and name and len(self._kept) < _MOST:
                if name in self._kept:
                    os.close(self._kept.pop(name))
                self._kept[name] = descriptor
            else:
                os.close(descriptor)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping, self._deadline = True, time.monotonic() + _STOP
        self._pass_on(signal.SIGTERM, frame)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        if self._pid:
            os.kill(self._pid, number)
