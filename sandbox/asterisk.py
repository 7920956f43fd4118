"""A real Asterisk of one's own, as many at once as a test wants.

All instances share the tree's programs, modules and sounds. What an instance writes or reads as its
configuration lives in a directory of its own, TREE/srv/c2d/<id>, and disappears with it.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx

from sandbox import astconf, ports
from sandbox.process import Process, require, tail, until
from sandbox.rawsip import answers_options
from sandbox.rundir import RunDirectory
from sandbox.waiting import patience

START_TIMEOUT = 60.0  # under 1 s measured; a cold disk and a busy CI machine need more
STOP_TIMEOUT = 15.0

# The mounts are made in a private namespace and vanish with the process. setpriv comes last:
# changing the user clears the parent-death signal, so it must be set after that.
_ENTER = """
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
mount --bind "$1$2/hosts" "$1/etc/hosts" &&
exec chroot "$1" setpriv --reuid=asterisk --regid=asterisk --init-groups --pdeathsig KILL \\
    asterisk -f -C "$2/etc/asterisk.conf"
"""


class Asterisk:
    """One Asterisk process, its ports and its directory; use it as a context manager.

    `include` is copied beside extensions.conf and included there. `c2d_agi` is the dialplan's
    global.  With `max_calls` it takes no more.  Its files are removed at the end unless `keep` is
    set, or `C2D_KEEP` in the environment.
    """

    def __init__(
        self,
        tree: Path,
        *,
        include: Path | None = None,
        c2d_agi: str = "agi://127.0.0.1:4574",
        extra_extensions: str = "",
        extra_pjsip: str = "",
        queues: str = "",
        max_calls: int = 0,
        trunk_port: int | None = None,
        sip_port: int | None = None,
        password: str = "ari-secret",
        verbose: bool = False,
        keep: bool = False,
    ) -> None:
        self.tree = tree
        self.keep = keep or bool(os.environ.get("C2D_KEEP"))
        self.sip_port = sip_port or ports.free_port()
        self.http_port = ports.free_port()
        self.ami_port = ports.free_port()
        self.trunk_port = trunk_port or ports.free_port()
        self.dead_port = ports.free_port()
        self.ari_username = astconf.ARI_USERNAME
        self.ari_password = password
        self.ari_url = f"http://127.0.0.1:{self.http_port}/ari"
        self.ami = f"127.0.0.1:{self.ami_port}"
        self.ws_url = f"ws://127.0.0.1:{self.http_port}/ws"
        self._run = RunDirectory(tree)
        self.inside, self.directory = self._run.inside, self._run.path
        self.etc = self.directory / "etc"
        #: A directory that Asterisk (as `spool_inside`) and the tests (as `spool`) both may write.
        self.spool = self.directory / "click2dial"
        self.spool_inside = f"{self.inside}/click2dial"
        #: What the dialplan's global C2D_SPOOL names; it is there once something was written.
        self.spool_file = self.directory / astconf.SPOOL_FILE
        self.start_seconds = 0.0  # how long the last start took
        self._include = include
        first, last = ports.rtp_range()
        self._settings = astconf.Settings(
            inside=self.inside,
            sip_port=self.sip_port,
            http_port=self.http_port,
            ami_port=self.ami_port,
            trunk_port=self.trunk_port,
            dead_port=self.dead_port,
            rtp_first=first,
            rtp_last=last,
            password=password,
            c2d_agi=c2d_agi,
            verbose=verbose,
            include=include.name if include else "",
            extra_extensions=extra_extensions,
            extra_pjsip=extra_pjsip,
            queues=queues,
            max_calls=max_calls,
        )
        self._process: Process | None = None

    def add_pjsip(self, text: str) -> None:
        """Add to pjsip.conf, before the start, what was not known when this was made."""
        more = f"{self._settings.extra_pjsip}\n{text}"
        self._settings = dataclasses.replace(self._settings, extra_pjsip=more)

    def __enter__(self) -> Asterisk:
        try:
            self._run.make(astconf.files(self._settings), self._include)
            self.start()
        except BaseException:
            self._run.remove(keep=self.keep)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(f"Asterisk's log, {self.log_path}:\n{self.tail()}")
        try:
            self.stop()
        finally:
            self._run.remove(keep=self.keep)

    @property
    def manager(self) -> dict[str, str]:
        """The keys of `asterisk` that tell how its manager is reached."""
        return {
            "ami": self.ami,
            "ami_username": self.ari_username,
            "ami_password": self.ari_password,
        }

    @property
    def log_path(self) -> Path:
        return self.directory / "log/messages.log"

    @property
    def pid(self) -> int:
        """Process id; RuntimeError while it is stopped."""
        if self._process is None:
            raise RuntimeError("Asterisk is stopped")
        return self._process.pid

    def log(self) -> str:
        """Return the log so far, all starts together."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def tail(self, lines: int = 40) -> str:
        """Return the last lines of the log."""
        return tail(self.log_path, lines)

    def cli(self, command: str, timeout: float = 10.0) -> str:
        """Run a command on Asterisk's console and return what it prints."""
        conf = f"{self.inside}/etc/asterisk.conf"
        argv = ["chroot", str(self.tree), "asterisk", "-C", conf, "-rx", command]
        done = subprocess.run(argv, capture_output=True, timeout=patience(timeout), check=False)
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            raise RuntimeError(f"asterisk -rx {command!r}: {text}{done.stderr.decode()}")
        return text

    @contextmanager
    def edited(self, name: str, old: str, new: str, command: str) -> Iterator[None]:
        """Have one of its files otherwise for a while, which the command has it read."""
        conf = self.etc / name
        text = conf.read_text()
        assert old in text
        conf.write_text(text.replace(old, new))
        try:
            self.cli(command)
            yield
        finally:
            conf.write_text(text)
            self.cli(command)

    def is_registered(self, extension: str) -> bool:
        """Say whether an agent's phone can be rung, a moment after its REGISTER was answered."""
        answer = httpx.get(
            f"{self.ari_url}/endpoints/PJSIP/{extension}",
            auth=(self.ari_username, self.ari_password),
            trust_env=False,
            verify=False,  # no TLS: the certificates of all authorities take 40 ms to read
        )
        return bool(answer.json()["state"] == "online")

    def start(self) -> None:
        """Start it and return when it takes calls; the ports and files are the same as before."""
        if self._process is not None:
            raise RuntimeError("Asterisk already runs")
        began = time.monotonic()
        unshare = [require("unshare", "util-linux"), "--mount", "--propagation", "private"]
        self._process = Process(
            [*unshare, "sh", "-c", _ENTER, "sh", str(self.tree), self.inside],
            output=self.directory / "log/output.log",
        )
        try:
            until(self._is_ready, START_TIMEOUT, "Asterisk's start")
        except BaseException as error:
            error.add_note(f"{tail(self._process.output)}\n{self.tail()}")
            self.kill()
            raise
        self.start_seconds = time.monotonic() - began

    def stop(self) -> None:
        """End it cleanly, calls included; a stopped one stays stopped."""
        if self._process is not None:
            self._process.stop(STOP_TIMEOUT)
            self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def signal(self, signum: signal.Signals) -> None:
        """Send it a signal, e.g. SIGSTOP and SIGCONT to freeze it."""
        os.kill(self.pid, signum)

    def _is_ready(self) -> bool:
        """Say whether it has booted and its ports answer."""
        assert self._process is not None
        self._process.check_alive()
        if not (self.directory / "run/asterisk.ctl").is_socket():
            return False
        try:
            booted = "fully booted" in self.cli("core waitfullybooted", START_TIMEOUT)
            socket.create_connection(("127.0.0.1", self.http_port), 1).close()
        except (RuntimeError, OSError):
            return False
        return booted and answers_options(self.sip_port)
