"""What must not happen while a target is fuzzed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

__all__ = ["watched"]


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(logging.Formatter().format(record))


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Collect what is logged as an error and what the event loop is left with."""
    errors = _Errors()
    loop = asyncio.get_running_loop()

    def left(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        errors.found.append(f"{context.get('message')}: {context.get('exception')!r}")

    root = logging.getLogger()
    root.addHandler(errors)
    loop.set_exception_handler(left)
    try:
        yield errors.found
    finally:
        root.removeHandler(errors)
        loop.set_exception_handler(None)
