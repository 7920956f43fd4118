"""Logging: one tree (``click2dial_agi``), one line an event, numbers masked."""

import json
import logging
from datetime import UTC, datetime

__all__ = ["FORMATS", "configure_logging", "mask"]

FORMATS = ("text", "json")


def mask(number: str) -> str:
    """Hide the middle of a phone number; an extension is no personal data and stays."""
    return number if len(number) <= 4 else f"{number[:3]}***{number[-3:]}"


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
    handler = logging.StreamHandler()
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
