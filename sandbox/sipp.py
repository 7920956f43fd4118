"""One SIPp process: its command line, its working directory, the messages it kept."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from sandbox import ports
from sandbox.process import Process, require, until
from sandbox.sip import Message, read_trace

SCENARIOS = Path(__file__).parent / "scenarios"
LOCAL = "127.0.0.1"


class Sipp:
    """A SIPp process on a port of its own, in a temporary directory of its own.

    `scenario` is a file of ours, or the text of a generated one; `files` are put into the
    directory. With `trace`, every message is kept and can be read while SIPp runs. Media ports SIPp
    finds by itself (6000 to 6200, no -mp: that would be its only try): about 50 SIPps at a time.
    """

    def __init__(
        self,
        scenario: Path | str,
        arguments: Sequence[str] = (),
        *,
        port: int | None = None,
        trace: bool = True,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port or ports.free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="c2d-sipp-"))
        self._trace = self.directory / "messages.log"
        self._messages: list[Message] = []
        self._offset = 0
        self._lock = threading.Lock()
        if isinstance(scenario, str):
            path = self.directory / "scenario.xml"
            path.write_text(scenario, encoding="ascii")
            scenario = path
        for name, text in (files or {}).items():
            (self.directory / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        tracing = ("-trace_msg", "-message_file", str(self._trace)) if trace else ()
        try:
            self.process = Process(
                [
                    *(require("sipp", "sip-tester"), "-sf", str(scenario), "-nostdin", "-aa"),
                    *("-i", LOCAL, "-p", str(self.port), "-cp", str(ports.free_port())),
                    *("-trace_err", "-error_file", str(self.directory / "errors.log")),
                    *tracing,
                    *arguments,
                ],
                output=self.directory / "screen.log",
                cwd=self.directory,
                env={"TZ": "UTC", "TERM": "dumb"},  # times in the trace are local times
            )
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End SIPp and remove its files; the messages stay readable."""
        self.process.kill()  # SIGTERM would wait for its calls
        self.messages()
        shutil.rmtree(self.directory, ignore_errors=True)

    def messages(self) -> list[Message]:
        """Return all messages so far, in the order of the wire."""
        with self._lock:
            new, self._offset = read_trace(self._trace, self._offset)
            self._messages += new
            return list(self._messages)

    def errors(self) -> str:
        """Return what SIPp complained about."""
        path = self.directory / "errors.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def wait_bound(self, timeout: float = 5.0) -> None:
        """Wait until SIPp listens."""

        def bound() -> bool:
            self.process.check_alive()
            return not ports.is_free(self.port)

        until(bound, timeout, f"SIPp on port {self.port}")

    def wait_message(self, wanted: Callable[[Message], bool], timeout: float, what: str) -> Message:
        """Return the newest message that is wanted, waiting for one until the deadline."""
        return until(lambda: next(filter(wanted, reversed(self.messages())), None), timeout, what)

    def control(self, call_id: str, method: str, header: str = "") -> None:
        """Tell a phone what to do with one of its calls, by a request that its scenario awaits."""
        request = (
            f"{method} sip:phone@{LOCAL} SIP/2.0\r\nVia: SIP/2.0/UDP {LOCAL};branch=z9hG4bK-control"
            f"\r\nFrom: <sip:control@{LOCAL}>;tag=control\r\nTo: <sip:phone@{LOCAL}>\r\n{header}"
            f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as remote:
            remote.sendto(request.encode(), (LOCAL, self.port))
