"""``/console``: agents, calls and records of one integrator, for supervisors and operators.

The page is public, as any sign-in page is.  What it shows is the API's, and takes a key.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from click2dial_agi.app.http.access import check_host
from click2dial_agi.app.http.auth import authorize, is_supervisor
from click2dial_agi.app.http.files import NOT_HERE, SOFTPHONE_FILES, StaticFile, named
from click2dial_agi.app.http.health import Checks, look
from click2dial_agi.app.http.query import read_query
from click2dial_agi.app.notify import Notifier
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import read_waiting

__all__ = ["CONSOLE_PATH", "Console", "add_console"]

CONSOLE_PATH = "/console"

_PAGE = StaticFile(SOFTPHONE_FILES / "console.html", "text/html")
_FILES = {
    "console.js": StaticFile(SOFTPHONE_FILES / "dist" / "console.js", "text/javascript"),
    "console.css": StaticFile(SOFTPHONE_FILES / "dist" / "console.css", "text/css"),
    "icon.svg": StaticFile(SOFTPHONE_FILES / "icon.svg", "image/svg+xml"),
}

_NOT_BUILT = "The console is not built: run `make softphone` in click2dial_agi's source tree.\n"

_SECURITY = {
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(), camera=(), geolocation=()",
    "Cache-Control": "no-cache",
    # Our own files and our own API, nothing inline.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Console:
    """What the routes need to know of an integrator, as the configuration has it now."""

    notifier: Notifier
    checks: Checks
    journal: Path


def add_console(app: FastAPI, current: Callable[[], Console]) -> None:
    """Add the console's routes; they are not there for an integrator that has it switched off.

    ``current`` is asked on every request, so that a reload needs no new application.
    """

    def switched_on() -> Console:
        console = current()
        if not console.notifier.integrator.console:
            raise NOT_HERE
        return console

    @app.get(CONSOLE_PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        switched_on()
        check_host(request)
        if not _FILES["console.js"].exists():
            return PlainTextResponse(_NOT_BUILT, 503)
        return _PAGE.response(request, _SECURITY)

    @app.get(CONSOLE_PATH + "/health", include_in_schema=False)
    async def health(request: Request) -> Response:
        console = switched_on()
        authorize(request, console.notifier.integrator)
        read_query(request)
        told = await _health(console)
        told["supervisor"] = is_supervisor(request, console.notifier.integrator)
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @app.get(CONSOLE_PATH + "/{name}", include_in_schema=False)
    async def file(request: Request) -> Response:
        switched_on()
        return named(_FILES, request).response(request, _SECURITY)


async def _health(console: Console) -> dict[str, Any]:
    """Tell how the parts are, and what waits for the integrator's lists and webhooks.

    ``now`` is our clock in Unix seconds, which the times of calls and agents are of; ``waiting`` is
    None where the journal cannot be read.
    """
    notifier = console.notifier
    (parts, ready), waiting = await asyncio.gather(
        look(console.checks), asyncio.to_thread(_waiting, console.journal)
    )

    def shown(name: str, queue: str, failing: bool) -> dict[str, Any]:
        return {
            "name": name,
            "failing": failing,
            "waiting": None if waiting is None else waiting.get(queue, 0),
        }

    own = notifier.integrator.name
    return {
        "now": time.time(),
        "ready": ready,
        "parts": parts,
        "lists": shown("lists", own, notifier.failing),
        "webhooks": [
            shown(one.queue.removeprefix(f"{own}/"), one.queue, one.failing)
            for one in notifier.webhooks
        ],
    }


def _waiting(journal: Path) -> dict[str, int] | None:
    """Return how many notifications wait in each queue that has some."""
    try:
        waiting = read_waiting(journal)
    except NotificationError:  # of which the journal's own log has told
        return None
    records: dict[str, int] = {}
    for one in waiting:
        records[one.queue] = records.get(one.queue, 0) + one.records
    return records
