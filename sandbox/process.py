"""Children of the tests: they never outlive the test run, and a failure shows their last words."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sandbox.waiting import patience

T = TypeVar("T")
POLL = 0.01  # seconds; finer than the 4 ms kernel tick would only burn the two cores under test
#: A look that starts a program or asks a browser takes the CPU from what it waits for, so its
#: pauses are as many times as long as itself, but no longer than so many seconds.
PAUSES, LONGEST = 2, 0.2


class MissingToolError(RuntimeError):
    """A program that the sandbox needs is not installed; the message names its Debian package."""


def require(tool: str, package: str) -> str:
    """Return the path of a program, or say which Debian package brings it."""
    path = shutil.which(tool)
    if path is None:
        raise MissingToolError(f"{tool} is not installed: apt-get install {package}")
    return path


def until(probe: Callable[[], T | None], timeout: float, what: str) -> T:
    """Poll until the probe returns something true and return that; TimeoutError names `what`."""
    timeout = patience(timeout)
    deadline = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        value = probe()
        if value:
            return value
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(min(max(POLL, PAUSES * (now - began)), LONGEST))


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a file for an error message; a missing file is no second error."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return f"({path} was never written)"
    return "\n".join(text.splitlines()[-lines:])


class Child(Protocol):
    """What is needed of a process that was started: of a Popen, or of what stands for one."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


class Running:
    """One child, however it was started, whose output goes to a file."""

    def __init__(self, child: Child, name: str, output: Path) -> None:
        self.name = name
        self.output = output
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, None while it runs."""
        return self._child.poll()

    def check_alive(self) -> None:
        """Raise RuntimeError with the child's last output if it has ended."""
        if self.returncode is not None:
            raise RuntimeError(
                f"{self.name} ended with status {self.returncode}:\n{tail(self.output)}"
            )

    def wait(self, timeout: float) -> int:
        """Wait for the end; TimeoutError with the last output leaves the child running."""
        timeout = patience(timeout)
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            message = f"{self.name} still runs after {timeout:g} s:\n{tail(self.output)}"
            raise TimeoutError(message) from None

    def send(self, signum: signal.Signals) -> None:
        """Send a signal; a child that is already gone does not mind."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(signum)

    def stop(self, timeout: float = 5.0) -> int:
        """Ask it to end, kill it when it has not ended by the deadline, return its status."""
        self.send(signal.SIGTERM)
        try:
            return self._child.wait(patience(timeout))
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, as a power cut would."""
        self.send(signal.SIGKILL)
        return self._child.wait(10)


class Process(Running):
    """One program.

    It gets SIGKILL when the thread that started it ends (PR_SET_PDEATHSIG, set by setpriv), so
    start it from a thread that lives as long as the child should; pytest's main thread does.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        output: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        with output.open("ab") as sink:
            popen = subprocess.Popen(
                [require("setpriv", "util-linux"), "--pdeathsig", "KILL", "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # Ctrl-C is for pytest; its teardown stops the child
            )
        super().__init__(popen, Path(argv[0]).name, output)
