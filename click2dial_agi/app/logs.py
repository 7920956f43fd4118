"""Logging: one tree (``click2dial_agi``), one line an event, numbers masked."""

import logging
import time

__all__ = ["configure_logging", "mask"]


def mask(number: str) -> str:
    """Hide the middle of a phone number; an extension is no personal data and stays."""
    return number if len(number) <= 4 else f"{number[:3]}***{number[-3:]}"


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


def configure_logging(level: str) -> None:
    """Write the package's log to standard error, where systemd's journal takes it."""
    # Nothing here reads them, and each costs a system call or a look at the stack for each line.
    logging._srcfile = None
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("click2dial_agi")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
