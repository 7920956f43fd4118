"""Logging: one tree (``click2dial_agi``), one line an event, numbers masked."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, TextIO

__all__ = ["configure_logging", "mask"]


def mask(number: str) -> str:
    """Hide the middle of a phone number; an extension is no personal data and stays."""
    return number if len(number) <= 4 else f"{number[:3]}***{number[-3:]}"


class _Record(logging.LogRecord):
    """A record that knows when, how grave and what.

    The library's also works out where each comes from, which our lines do not show: a twelfth of
    the CPU that an ``/outbound`` took.
    """

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
    ) -> None:
        if args and len(args) == 1 and isinstance(args[0], Mapping):
            args = args[0]
        self.name, self.levelno, self.levelname = name, level, logging.getLevelName(level)
        self.msg, self.args, self.created = msg, args, time.time()
        self.exc_info, self.exc_text, self.stack_info = exc_info, None, sinfo
        # Others' formatters may ask for these.
        self.pathname = self.filename = self.module = pathname
        self.lineno, self.funcName = lineno, func or ""


class _Formatter(logging.Formatter):
    """``2026-11-23T13:52:01+0000 INFO message``; the time is written once a second."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._time = ""

    def format(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
        text = f"{self._time} {record.levelname} {record.getMessage()}"
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return text


class _Handler(logging.StreamHandler[TextIO]):
    """Writes what one turn of the event loop logs at once: under load, a write for many lines.

    A warning goes out at once, with all that came before it.  Nothing waits for longer than a turn:
    what a server did before it was killed should be in its log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a line.  Appending one needs no lock, and there are no filters."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
        except Exception:  # as logging does: a line that cannot be written must not end a call
            self.handleError(record)
        if record.levelno < logging.WARNING:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                pass
            else:
                if len(self._lines) == 1:
                    loop.call_soon(self.flush)
                return
        self.flush()

    def flush(self) -> None:
        self.acquire()  # the journal's thread logs, too
        try:
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join(lines) + "\n")
                self.stream.flush()
        except (OSError, ValueError):  # nobody reads the log any longer; calls go on
            pass
        finally:
            self.release()


def configure_logging(level: str) -> None:
    """Write the package's log to standard error, where systemd's journal takes it."""
    # Nothing here reads them, and each costs a system call or a look at the stack for each line.
    logging._srcfile = None
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    logging.setLogRecordFactory(_Record)
    handler = _Handler()
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("click2dial_agi")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
