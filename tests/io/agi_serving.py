"""An AGI server to test, and handlers that never assert: what they saw is judged outside."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from click2dial_agi.domain.config import AGI, parse_config
from click2dial_agi.io.agi_server import AGIServer, AGISession, Handler
from tests.domain.examples import ACME
from tests.io.running import eventually


def agi(**keys: Any) -> AGI:
    """Return the section agi, listening on a port that the kernel chooses."""
    section = {"listen": "127.0.0.1:0", **keys}
    return parse_config({"agi": section, "integrators": [ACME]}).agi


@contextlib.asynccontextmanager
async def serving(handler: Handler, **keys: Any) -> AsyncIterator[AGIServer]:
    server = AGIServer(handler, agi(**keys))
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)
        await eventually(lambda: server.sessions == 0)


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def idle(session: AGISession) -> None:
    """Handle a session by doing nothing."""


class Recorder:
    """A handler that executes actions and keeps what came of them; it never asserts."""

    def __init__(self, *actions: Any) -> None:
        self.actions = actions
        self.scripts: list[str] = []
        self.results: list[Any] = []
        self.finished = False

    async def __call__(self, session: AGISession) -> None:
        self.scripts.append(session.environment.script)
        for action in self.actions:
            try:
                self.results.append(await session.execute(action))
            except Exception as error:
                self.results.append(error)
        self.finished = True
