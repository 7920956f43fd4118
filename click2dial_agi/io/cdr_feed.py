"""Records as they are pushed, for those who only watch: the softphones of one integrator.

Each push is published on a channel of the list's name (see :mod:`click2dial_agi.io.redis_lists`),
so watching takes nothing from the list.  One subscription serves all listeners, and lasts while
there are any.
"""

import asyncio
import logging
from typing import NamedTuple

from redis.asyncio.client import PubSub

from click2dial_agi.io.redis_client import REDIS_ERRORS, messages, subscriber

__all__ = ["CDRFeed", "Event", "FeedFull", "Listener"]

log = logging.getLogger(__name__)

# A listener is an open browser page: more than an integrator has agents at their desks.  Each
# holds one of the HTTP server's connections.
MAX_LISTENERS = 500

# Records that one listener may be behind.  It is one agent's page, so even a few mean that the
# page no longer reads; it is let go, and reconnects if it lives.
_MAX_BEHIND = 100

# A silent connection to Redis is asked whether it still works; twice this and it counts as dead.
_SILENCE = 15.0
_RETRY = 1.0

_LIVE, _AWAY = "live", "away"

# Subscriptions that are being cancelled: a task that nobody holds may vanish in mid-air.
_ending: set[asyncio.Task[None]] = set()


class Event(NamedTuple):
    """One thing to tell: ``cdr`` with a notification, or ``state`` with live or away."""

    event: str
    data: str


class FeedFull(Exception):
    """There are as many listeners as may be."""


class Listener:
    """One page's view of the feed; close it when the page goes."""

    def __init__(self, feed: "CDRFeed") -> None:
        self._feed = feed
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(_MAX_BEHIND)

    async def next(self) -> Event | None:
        """Return the next event, None when the feed has let this listener go."""
        return await self._events.get()

    def close(self) -> None:
        """Listen no more.  May be called twice."""
        self._feed.forget(self)

    def put(self, event: Event) -> None:
        """Hand over an event; one that is too far behind is let go."""
        if self._events.qsize() >= _MAX_BEHIND:
            self.let_go()
        else:
            self._events.put_nowait(event)

    def let_go(self) -> None:
        """End this listener's stream, whatever it has not read."""
        while not self._events.empty():
            self._events.get_nowait()
        self._events.put_nowait(None)
        self.close()


class CDRFeed:
    """What is pushed on one cdr list, told to any number of listeners up to a bound."""

    def __init__(self, url: str, list_name: str) -> None:
        self._url = url
        self._list_name = list_name
        self._listeners: set[Listener] = set()
        self._state = _AWAY
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> Listener:
        """Add a listener.  Raises :exc:`FeedFull`."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise FeedFull
        listener = Listener(self)
        listener.put(Event("state", self._state))
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        return listener

    def forget(self, listener: Listener) -> None:
        """Take a listener out; the last one takes the subscription along."""
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            _ending.add(self._task)
            self._task.add_done_callback(_ending.discard)
            self._task = None
            self._state = _AWAY

    def close(self) -> None:
        """Let all listeners go."""
        for listener in tuple(self._listeners):
            listener.let_go()

    async def _follow(self) -> None:
        while True:
            try:
                async with (
                    subscriber(self._url, _SILENCE) as redis,
                    redis.pubsub() as subscription,
                ):
                    await subscription.subscribe(self._list_name)
                    await self._read(subscription)
            except REDIS_ERRORS as error:
                if self._state == _LIVE:
                    log.warning("records are not shown in softphones: Redis: %s", error)
                self._become(_AWAY)
            await asyncio.sleep(_RETRY)

    async def _read(self, subscription: PubSub) -> None:
        async for message in messages(subscription, _SILENCE):
            if message["type"] == "subscribe":
                self._become(_LIVE)
            elif message["type"] == "message":
                self._tell(Event("cdr", message["data"]))

    def _become(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._tell(Event("state", state))

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener.put(event)
