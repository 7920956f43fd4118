"""Logging: one tree (``click2dial_agi``), one line an event, numbers masked."""

import json
import logging
import os
import select
from datetime import UTC, datetime
from typing import TextIO

from click2dial_agi.domain.calls import Call, CallDirection

__all__ = ["FORMATS", "configure_logging", "for_journal", "mask", "of_nobody"]

FORMATS = ("text", "json")

# syslog's numbers, of which the journal's `journalctl -p err` is the third.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def mask(number: str) -> str:
    """Hide the middle of a phone number; an extension is no personal data and stays."""
    return number if len(number) <= 4 else f"{number[:3]}***{number[-3:]}"


def of_nobody(call: Call) -> str:
    """Return what is said of a call that no integrator owns."""
    if call.call_dir is CallDirection.INBOUND:
        key, what = "dids", f"the number that was called, {mask(call.dial_number) or 'none'},"
    else:
        key, what = "extensions", f"extension {mask(call.extension) or 'none'}"
    return (
        f"{call.call_ref} has no integrator, so no record is kept: {what} is in nobody's {key}; "
        f"to mend it: {key} of an integrator in click2dial.yaml, and a reload"
    )


def for_journal(text: str, level: int) -> str:
    """Give each line of ``text`` the mark of its level, if standard error is systemd's journal.

    sd-daemon(3): ``<3>`` before a line is its priority, and not shown.  Without one all are alike.
    """
    try:
        stream = os.fstat(2)
    except OSError:
        return text
    if os.environ.get("JOURNAL_STREAM") != f"{stream.st_dev}:{stream.st_ino}":
        return text
    mark = next((f"<{number}>" for least, number in _PRIORITIES if level >= least), "<7>")
    return "\n".join(mark + line for line in text.split("\n"))


# For how long who reads the log is waited for, in milliseconds; then lines are dropped until he
# reads again.
_PATIENCE = 250

# Characters that a pipe takes without waiting where it says that it takes something: a page.
_AT_ONCE = 1000


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to standard error, and says to the journal how bad each line is.

    A pipe that nobody empties (a log driver that hangs) must not hold calls up: what it does not
    take is dropped, and counted for when it does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            if self._dropped and self._takes():
                dropped, self._dropped = self._dropped, 0
                said = f"{dropped} lines of this log are missing: what reads it stood still"
                told = logging.LogRecord(record.name, logging.WARNING, "", 0, said, (), None)
                self._write(self.format(told))
            self._write(text)
        except Exception:
            self.handleError(record)

    def _write(self, text: str) -> None:
        text += self.terminator
        for start in range(0, len(text), _AT_ONCE):
            if not self._takes():
                self._dropped += 1
                return
            self.stream.write(text[start : start + _AT_ONCE])
            self.flush()

    def _takes(self) -> bool:
        """Tell whether something can be written now, or in a moment."""
        try:
            poll = select.poll()
            poll.register(self.stream, select.POLLOUT)
            return bool(poll.poll(0 if self._dropped else _PATIENCE))
        except (OSError, ValueError):  # closed, or no file at all: whoever writes will see
            return True

    def format(self, record: logging.LogRecord) -> str:
        return for_journal(super().format(record), record.levelno)


class _JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and of an error its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging(level: str, form: str = "text") -> None:
    """Write the package's log to standard error, where systemd's journal takes it.

    A line looks like ``2026-11-23T13:52:01+0000 INFO message``, or is a JSON object; ``form`` is
    one of :data:`FORMATS`.
    """
    handler = _Handler()
    handler.setFormatter(
        _JSONFormatter()
        if form == "json"
        else logging.Formatter(
            "%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
        )
    )
    logger = logging.getLogger("click2dial_agi")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
