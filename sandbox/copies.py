"""Servers that start at once: copies of one process that has imported the product already.

Of a server's start most is imports, more than a second of the CPU on a busy machine, and the tests
start hundreds.  Run as a program this is the process that is copied; :class:`Mother` asks it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import queue
import resource
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.waiting import patience

ROOT = Path(__file__).parents[1]

#: What `serve` imports when it is run.
_IMPORTED = (
    *("uvloop", "click2dial_agi.app.cli", "click2dial_agi.app.service"),
    *("click2dial_agi.app.doctor.at_start", "click2dial_agi.io.systemd"),
)
_PR_SET_PDEATHSIG = 1


class Copy:
    """One copy, with the methods of a Popen that :class:`sandbox.process.Running` needs."""

    def __init__(self, mother: Mother, pid: int) -> None:
        self._mother = mother
        self.pid = pid

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        return self._mother.status_of(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit status; TimeoutExpired leaves it running."""
        status = self._mother.wait_for(self.pid, timeout)
        if status is None:
            raise subprocess.TimeoutExpired("a copy", timeout or 0)
        return status

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)


class Mother:
    """The process that is copied, and what became of its copies; they end when we do."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.copies"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        self._asking = threading.Lock()
        self._born: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._told = threading.Condition()
        self._ended: dict[int, int] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def copy(self, argv: Sequence[str], output: Path) -> Copy:
        """Start the product's command with these arguments, as it would be started here and now."""
        request = {
            **{"argv": list(argv), "output": str(output)},
            **{"environment": dict(os.environ), "directory": os.getcwd()},
            **{"umask": _umask(), "files": resource.getrlimit(resource.RLIMIT_NOFILE)},
        }
        assert self._process.stdin is not None
        with self._asking:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            pid = self._born.get(timeout=patience(30))
        if not pid:
            raise RuntimeError("sandbox.copies has ended")
        return Copy(self, pid)

    def status_of(self, pid: int) -> int | None:
        with self._told:
            return self._ended.get(pid)

    def wait_for(self, pid: int, timeout: float | None) -> int | None:
        with self._told:
            self._told.wait_for(lambda: pid in self._ended, timeout)
            return self._ended.get(pid)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._told:
                if "status" in told:
                    self._ended[told["pid"]] = told["status"]
                    self._told.notify_all()
                    continue
                self._ended.pop(told["pid"], None)  # the kernel gives each number again
            self._born.put(told["pid"])
        self._born.put(0)


def _umask() -> int:
    """Return ours; os.umask() cannot tell it without setting it for other threads, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))


@cache
def mother() -> Mother:
    """Return the one of this process."""
    return Mother()


def main() -> None:
    """Import, then make copies until nobody asks any more; each copy is the product's command."""
    for name in _IMPORTED:
        importlib.import_module(name)
    # What is imported is garbage in no copy, and looking through it would have it copied indeed.
    gc.collect()
    gc.freeze()
    if (argv := _copy_until_copied()) is not None:
        sys.argv = ["click2dial-agi", *argv]
        importlib.import_module("click2dial_agi.app.cli").main()


def _copy_until_copied() -> list[str] | None:
    """Return the arguments of a copy, in that; None when there is nobody to be copied for."""
    mother_pid = os.getpid()
    waiting = selectors.PollSelector()
    waiting.register(0, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.data is not None:
                _bury(key.data)
                waiting.unregister(key.fd)
                os.close(key.fd)
                continue
            # One at a time: who asks waits for the answer.
            if not (line := sys.stdin.readline()):
                return None
            if (pid := os.fork()) == 0:
                return _become(json.loads(line), mother_pid)
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
            _tell(pid=pid)


def _bury(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    _tell(pid=pid, status=os.waitstatus_to_exitcode(status))


def _tell(**what: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the end comes in a moment
        print(json.dumps(what), flush=True)


def _become(request: dict[str, Any], mother_pid: int) -> list[str]:
    """Be as if started anew, by who asked."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != mother_pid:
        os._exit(1)
    sink = os.open(request["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (sink, 1), (sink, 2)):
        os.dup2(ours, theirs)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    os.umask(request["umask"])
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(request["files"]))
    argv: list[str] = request["argv"]
    return argv


if __name__ == "__main__":
    main()
