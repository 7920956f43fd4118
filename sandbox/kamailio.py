"""A real Kamailio of one's own, with the files that `click2dial-agi kamailio-config` writes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox import ports
from sandbox.process import Process, require, tail, until
from sandbox.waiting import patience

START_TIMEOUT = 15.0
HOST = "127.0.0.1"


class Kamailio:
    """One node; use it as a context manager.

    Outside it is at 127.0.0.1, inside at 127.0.0.2 for the first node, 127.0.0.3 for the second.
    Its processes have a PID namespace: they end with the first, whoever ends that.
    """

    def __init__(self, number: int = 1) -> None:
        self.name = f"k{number}"
        self.phones_port, self.browsers_port = ports.free_port(), ports.free_port()
        self.inner_host, self.inner_port = f"127.0.0.{number + 1}", ports.free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="c2d-kamailio-"))
        self.log_path = self.directory / "kamailio.log"
        self._process: Process | None = None

    @property
    def node(self) -> dict[str, Any]:
        """Its entry in the configuration."""
        return {
            "name": self.name,
            "phones": f"{HOST}:{self.phones_port}",
            "browsers": f"{HOST}:{self.browsers_port}",
            "inner": f"{self.inner_host}:{self.inner_port}",
        }

    @property
    def ws_url(self) -> str:
        return f"ws://{HOST}:{self.browsers_port}/ws"

    @property
    def pid(self) -> int:
        """Process id of the one that holds all others; RuntimeError while it is stopped."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is stopped")
        return self._process.pid

    def configure(self, config_path: Path) -> None:
        """Write its files, as an operator does."""
        command(
            *("kamailio-config", "--config", str(config_path)),
            *("--node", self.name, "--output", str(self.directory)),
        )

    def start(self) -> None:
        """Start it and return when it answers."""
        self._process = Process(
            [
                *(require("unshare", "util-linux"), "--pid", "--fork", "--kill-child=KILL", "--"),
                *(require("kamailio", "kamailio"), "-f", str(self.directory / "kamailio.cfg")),
                *("-DD", "-E", "-m", "64", "-M", "8", "-w", str(self.directory)),
                *("-Y", str(self.directory)),
            ],
            output=self.log_path,
        )
        try:
            until(self._answers, START_TIMEOUT, f"{self.name}'s start")
        except BaseException as error:
            error.add_note(self.tail())
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a crash would, all its processes at once."""
        if self._process is not None:
            self._process.kill()
            self._process = None
            # The kernel ends the others a moment later.
            until(self._is_gone, 5, f"{self.name}'s end")

    def rpc(self, *arguments: str) -> str:
        """Run kamcmd."""
        control = f"unix:{self.directory / 'kamailio_ctl'}"
        argv = [require("kamcmd", "kamailio"), "-s", control, *arguments]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=patience(5)
        )
        return done.stdout

    def serves(self, *ports: int) -> list[bool]:
        """Tell of the Asterisks on these ports whether it takes them for alive."""
        flags = dict(re.findall(r"URI: sip:(\S+)\s+FLAGS: (\S)", self.rpc("dispatcher.list")))
        return [flags.get(f"{HOST}:{port}") == "A" for port in ports]

    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def tail(self, lines: int = 40) -> str:
        return tail(self.log_path, lines)

    def __enter__(self) -> Kamailio:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        if not os.environ.get("C2D_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def _is_gone(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, self.phones_port))
            except OSError:
                return False
        return True

    def _answers(self) -> bool:
        assert self._process is not None
        self._process.check_alive()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.settimeout(0.2)
            phone.connect((HOST, self.phones_port))
            own = phone.getsockname()[1]
            with contextlib.suppress(OSError):
                phone.send(
                    f"OPTIONS sip:{HOST}:{self.phones_port} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {HOST}:{own};branch=z9hG4bK-ready-{own}\r\n"
                    f"From: <sip:ready@{HOST}>;tag=ready\r\nTo: <sip:{HOST}:{self.phones_port}>\r\n"
                    f"Call-ID: ready-{own}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
                    "Content-Length: 0\r\n\r\n".encode()
                )
                return phone.recv(65536).startswith(b"SIP/2.0 200")
        return False


def command(*arguments: str) -> str:
    """Run a command of the product and return what it prints."""
    argv = [sys.executable, "-m", "click2dial_agi", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=patience(10))
    if done.returncode:
        raise RuntimeError(f"click2dial-agi {arguments[0]}: {done.stderr}")
    return done.stdout
