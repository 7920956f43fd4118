"""``GET /click2dial/events``: what happens, as server-sent events."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import lru_cache

from fastapi import FastAPI, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.agents import live_or_501
from click2dial_agi.app.http.auth import asked
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.live_schemas import EVENTS, streamed
from click2dial_agi.app.http.message_schemas import EVENT_DATA, any_of
from click2dial_agi.app.http.schemas import errors
from click2dial_agi.app.live.hub import HubFull, Listener, LiveEvent
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.domain.numbers import FieldError

__all__ = ["EVENTS_PATH", "add_events"]

EVENTS_PATH = "/click2dial/events"

# Below the minute after which proxies and home routers forget a silent connection.
_HEARTBEAT = 15

# For a listener that takes nothing: what it has not read lies with us.
_SEND_TIMEOUT = 15

# How long a browser waits before it comes back, in milliseconds.
_RETRY = 1000

_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")

# OpenAPI 3.1 has no word for what a stream is made of.
_DATA = {"x-event-data": {name: any_of(models) for name, models in EVENT_DATA.items()}}

_NOT_OURS = Problem(422, (FieldError("agent", "an extension of this integrator"),))
_NO_ID = Problem(422, (FieldError("last-event-id", "the id of an event"),))


def add_events(
    app: FastAPI, calls: Callable[[], CreatedCalls], live: Callable[[], LiveOf | None]
) -> None:
    """Add the route."""

    @app.get(
        EVENTS_PATH,
        response_class=EventSourceResponse,
        responses={**streamed(_DATA), **errors(401, 403, 421, 422, 501, 503)},
        openapi_extra=EVENTS,
        operation_id="listEvents",
        summary="Follow what happens",
    )
    async def events(request: Request) -> Response:
        current = calls()
        asker, query = await asked(request, current, "agent")
        if asker.agent is not None:
            asker.check_agent(query.setdefault("agent", asker.agent))
        hub = live_or_501(live()).hub
        if "agent" in query and not current.integrator.owns(query["agent"]):
            raise _NOT_OURS
        last_id = request.headers.get("last-event-id", "")
        if last_id and not _ID.fullmatch(last_id):
            raise _NO_ID
        by_token = asker.agent is not None
        try:
            listener = hub.listen(query.get("agent", ""), last_id, by_token=by_token)
        except HubFull as full:
            raise Problem(503, (FieldError("events", str(full)),), 5) from None
        return _Events(listener, asker.lasts)


class _Events(EventSourceResponse):
    """The stream of one listener, who is let go however it ends.

    It ends with the right to it: after ``lasts`` seconds, if that is not None.  Redis counts them:
    the server that gave the token may have another clock.
    """

    def __init__(self, listener: Listener, lasts: float | None) -> None:
        super().__init__(_told(listener), ping=_HEARTBEAT, send_timeout=_SEND_TIMEOUT)
        del self.headers["connection"]  # that is the server's to say, which may close it
        self._listener = listener
        self._lasts = lasts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        end = None
        if self._lasts is not None:
            end = asyncio.get_running_loop().call_later(self._lasts, self._listener.let_go)
        try:
            await super().__call__(scope, receive, send)
        finally:
            if end is not None:
                end.cancel()
            self._listener.close()


async def _told(listener: Listener) -> AsyncIterator[bytes]:
    yield ServerSentEvent(retry=_RETRY).encode()
    while (events := await listener.next()) is not None:
        for event in events:
            yield _encoded(event)


# Each is told to all who listen, one after the other.
@lru_cache(maxsize=256)
def _encoded(event: LiveEvent) -> bytes:
    return ServerSentEvent(event.data, event=event.event, id=event.id).encode()
