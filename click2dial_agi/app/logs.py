"""Logging: one tree (``click2dial_agi``), one line an event, numbers masked."""

import logging

__all__ = ["configure_logging", "mask"]


def mask(number: str) -> str:
    """Hide the middle of a phone number; an extension is no personal data and stays."""
    return number if len(number) <= 4 else f"{number[:3]}***{number[-3:]}"


def configure_logging(level: str) -> None:
    """Write the package's log to standard error, where systemd's journal takes it.

    A line looks like ``2026-11-23T13:52:01+0000 INFO message``.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
    )
    logger = logging.getLogger("click2dial_agi")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
