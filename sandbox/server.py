"""The product itself as the sandbox runs it: `click2dial-agi serve` with a configuration file."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from sandbox import astconf, ports
from sandbox.copies import mother
from sandbox.process import Process, Running, tail, until

HOST = "127.0.0.1"
START_TIMEOUT = 15.0

#: For a server that a test tells of calls itself, without the dialplan that would seal it.
UNSEALED = {"secret": None}

#: An integrator as the tests know it; `Server(integrator={...})` changes single keys.
ACME: dict[str, Any] = {
    "name": "acme",
    "extensions": ["1000-1199", "1200-1299"],
    "ring_timeout": 20,
    "caller_ids": {"random": ["27820009999"], "verified": {"spring": "27110001234"}},
    "destinations": {"international": "all"},
    # One phone plays many agents at a time.
    "limits": {"agent": {"calls_per_minute": 1_000_000, "concurrent_calls": 100_000}},
}


class Server:
    """One server process; use it as a context manager.

    `start` after `stop` or `kill` uses the same port and configuration; `write` changes the file.
    """

    #: Start it as a copy of a process that has imported it; in tests, which start so many.
    copied = False

    def __init__(
        self,
        redis_url: str,
        *,
        integrator: Mapping[str, Any] | None = None,
        agi: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        supervised: bool = False,
        **sections: Any,
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="c2d-server-")
        directory = Path(self._directory.name)
        self.port = ports.free_port()
        self.log_path = directory / "server.log"
        self.config_path = directory / "click2dial.yaml"
        self.config: dict[str, Any] = {
            "agi": {"listen": f"{HOST}:{self.port}", "secret": astconf.SECRET, **(agi or {})},
            "spool_dir": str(directory),
            "integrators": [{**ACME, "redis": redis_url, **(integrator or {})}],
            **sections,
        }
        self.write(self.config)
        self._env = env
        self._supervised = supervised
        #: Of the command; the sandbox's PBX is no machine that doctor would like.
        self.options: list[str] = ["--no-doctor"]
        self._process: Running | None = None

    @property
    def agi_url(self) -> str:
        """What `C2D_AGI` names."""
        return f"agi://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id; RuntimeError while it is stopped."""
        if self._process is None:
            raise RuntimeError("the server is stopped")
        return self._process.pid

    @property
    def supervised_pid(self) -> int:
        """Process id of the server itself, 0 while there is none; `pid` is its supervisor's."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def write(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration file; the server reads it at its start and on SIGHUP."""
        self.config_path.write_text(yaml.safe_dump(dict(config)), "utf-8")

    def start(self) -> None:
        """Start it and return when all its listeners accept connections, which its log says."""
        before = len(self.log())
        arguments = [
            *(["supervise"] if self._supervised else []),
            *("serve", "--config", str(self.config_path)),
            *("--log-level", "INFO", *self.options),
        ]
        process = self._process = self._run(arguments)

        def serves() -> bool:
            process.check_alive()
            return " INFO FastAGI on " in self.log()[before:]

        until(serves, START_TIMEOUT, "the server's start")

    def _run(self, arguments: list[str]) -> Running:
        if self.copied and not self._supervised and not self._env:
            copy = mother().copy(arguments, self.log_path)
            return Running(copy, "click2dial-agi", self.log_path)
        argv = [sys.executable, "-m", "click2dial_agi", *arguments]
        return Process(argv, output=self.log_path, env=self._env)

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL, as the kernel's out-of-memory killer would."""
        return self._end(signal.SIGKILL)

    def reload(self) -> None:
        """SIGHUP."""
        if self._process is not None:
            self._process.send(signal.SIGHUP)

    def send(self, signum: signal.Signals) -> None:
        """Send it a signal, e.g. SIGSTOP and SIGCONT to freeze it."""
        os.kill(self.pid, signum)

    def start_again(self) -> None:
        """Start it, if it was stopped or killed; wake it up, if it was frozen."""
        if self._process is None:
            self.start()
        else:
            self.send(signal.SIGCONT)

    def log(self) -> str:
        """All it has logged, over all its starts."""
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def tail(self, lines: int = 40) -> str:
        """The last lines of the log."""
        return tail(self.log_path, lines)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._directory.cleanup()

    def _end(self, signum: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if signum is signal.SIGKILL:
            return process.kill()
        process.send(signum)
        return process.wait(30)
