"""The softphone: a page, its scripts, where it connects, and the records it shows.

The page itself is public, as any sign-in page is.  The records are not: they take what the API
takes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from click2dial_agi.app.http.access import check_host, host_of
from click2dial_agi.app.http.auth import authorize
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.files import NOT_HERE, SOFTPHONE_FILES, StaticFile, named
from click2dial_agi.app.http.query import read_query
from click2dial_agi.domain.config import Edge
from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.records import extensions_of
from click2dial_agi.io.cdr_feed import CDRFeed, Event, FeedFull, Listener

__all__ = ["SOFTPHONE_PATH", "Softphone", "add_softphone"]

SOFTPHONE_PATH = "/softphone"

_PAGE = StaticFile(SOFTPHONE_FILES / "index.html", "text/html")
_FILES = {
    "softphone.js": StaticFile(SOFTPHONE_FILES / "dist" / "softphone.js", "text/javascript"),
    "softphone.css": StaticFile(SOFTPHONE_FILES / "softphone.css", "text/css"),
    "manifest.webmanifest": StaticFile(
        SOFTPHONE_FILES / "manifest.webmanifest", "application/manifest+json"
    ),
    "icon.svg": StaticFile(SOFTPHONE_FILES / "icon.svg", "image/svg+xml"),
    "icons.svg": StaticFile(SOFTPHONE_FILES / "icons.svg", "image/svg+xml"),
}

_NOT_BUILT = "The softphone is not built: run `make softphone` in click2dial_agi's source tree.\n"
_NOT_OURS = Problem(422, (FieldError("extension", "one of this integrator's"),))
_FULL = Problem(503, (FieldError("softphone", "fewer pages at once; try again later"),), 30)

# Below the minute after which proxies close what is silent.  Also how a page that vanished is
# found out: writing to it fails.
_HEARTBEAT = 15.0

_SECURITY = {
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Softphone:
    """What the routes need to know of an integrator, as the configuration has it now."""

    integrator: Integrator
    edge: Edge | None
    feed: CDRFeed

    def websocket(self, request: Request) -> str:
        """Return the WebSocket's address for a page: on its own host, unless one is configured."""
        check_host(request)
        if self.integrator.softphone_ws is not None:
            return self.integrator.softphone_ws
        host = host_of(request).uri_name
        assert self.edge is not None  # or the configuration would not have been taken
        scheme = "wss" if self.edge.tls is not None else "ws"
        return f"{scheme}://{host}:{self.edge.listen.port}/ws"


def add_softphone(app: FastAPI, current: Callable[[], Softphone]) -> None:
    """Add the softphone's routes; they are not there for an integrator that has it switched off.

    ``current`` is asked on every request, so that a reload needs no new application.
    """

    def switched_on() -> Softphone:
        softphone = current()
        if not softphone.integrator.softphone:
            raise NOT_HERE
        return softphone

    @app.get(SOFTPHONE_PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        websocket = switched_on().websocket(request)
        if not _FILES["softphone.js"].exists():
            return PlainTextResponse(_NOT_BUILT, 503)
        policy = {"Content-Security-Policy": _policy(websocket)}
        return _PAGE.response(request, _SECURITY | policy)

    @app.get(SOFTPHONE_PATH + "/config", include_in_schema=False)
    async def config(request: Request) -> Response:
        softphone = switched_on()
        websocket = softphone.websocket(request)
        # A SIP URI takes IPv6 in brackets, too.
        name = urlsplit(websocket).hostname or ""
        domain = f"[{name}]" if ":" in name else name
        plan = softphone.integrator.plan
        examples = {"callee": plan.example, "outbound_id": plan.caller_id_example}
        told = {"ws": websocket, "domain": domain, "numbers": plan.rules(), "examples": examples}
        return JSONResponse(told | {"pop_url": softphone.integrator.pop_url}, headers=_SECURITY)

    @app.get(SOFTPHONE_PATH + "/events", include_in_schema=False)
    async def events(request: Request) -> Response:
        softphone = switched_on()
        authorize(request, softphone.integrator)
        extension = read_query(request, "extension").get("extension", "")
        if not softphone.integrator.owns(extension):
            raise _NOT_OURS
        try:
            listener = softphone.feed.listen()
        except FeedFull:
            raise _FULL from None
        return _EventStream(listener, extension)

    @app.get(SOFTPHONE_PATH + "/{name}", include_in_schema=False)
    async def file(request: Request) -> Response:
        switched_on()
        return named(_FILES, request).response(request, _SECURITY)


class _EventStream(StreamingResponse):
    """Server-sent events; the listener is closed however the response ends."""

    def __init__(self, listener: Listener, extension: str) -> None:
        headers = {**_SECURITY, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(listener, extension), 200, headers, "text/event-stream")
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listener.close()


async def _events(listener: Listener, extension: str) -> AsyncIterator[str]:
    clock = asyncio.get_running_loop().time
    due = clock() + _HEARTBEAT  # whatever is told of others meanwhile
    while True:
        text = ":\n\n"
        try:
            async with asyncio.timeout_at(due):
                event = await listener.next()
            if event is None:
                return
            if event.event != "state" and not _concerns(event, extension):
                continue
            # JSON as we push it is one line; a line break of another writer's would end the event.
            text = f"event: {event.event}\ndata: {' '.join(event.data.splitlines())}\n\n"
        except TimeoutError:
            pass
        yield text
        due = clock() + _HEARTBEAT


def _concerns(event: Event, extension: str) -> bool:
    """Tell whether a notification is of a call that an extension made or was called by."""
    try:
        payload: dict[str, Any] = parse_json(event.data)["payload"]
        return extension in extensions_of(payload)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _policy(websocket: str) -> str:
    """Return a Content-Security-Policy: our own files, and one WebSocket, nothing inline."""
    url = urlsplit(websocket)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "manifest-src 'self'",
            f"connect-src 'self' {url.scheme}://{url.netloc}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
