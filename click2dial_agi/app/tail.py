"""Watch notifications without popping them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.records import client_of
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_client import REDIS_ERRORS, connect, messages, subscriber

__all__ = ["describe", "follow"]

_TIMEOUT = 5.0

# Of a connection: then it is asked whether it still works.
_SILENCE = 15.0

_STYLES = {"hungup": "green", "busy": "yellow", "reject": "yellow", "timeout": "yellow"}


async def follow(integrators: Sequence[Integrator], *, as_json: bool = False) -> None:
    """Print what arrives on the integrators' lists until cancelled.

    Each push is published on a channel of the list's name; subscribing to it leaves the list to
    its consumers.  Raises :exc:`NotificationError` when a Redis cannot be reached.
    """
    # Anybody may publish on the channel: what arrives is text, not markup.
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    tasks = [
        asyncio.create_task(_follow_one(integrator, console, as_json)) for integrator in integrators
    ]
    # One Redis that fails ends them all, with its one message: a TaskGroup would raise a group.
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _follow_one(integrator: Integrator, console: Console, as_json: bool) -> None:
    names = [integrator.list_of(kind) for kind in NotificationKind]
    try:
        async with connect(integrator.redis, _TIMEOUT) as redis:
            waiting = {name: await redis.llen(name) for name in names}
        async with subscriber(integrator.redis, _TIMEOUT) as redis, redis.pubsub() as subscription:
            await subscription.subscribe(*names)
            if not as_json:
                for name, length in waiting.items():
                    console.print(f"{integrator.name}: {name}, {length} waiting to be popped")
            async for message in messages(subscription, _SILENCE):
                if message["type"] == "message":
                    console.print(message["data"] if as_json else describe(message["data"]))
    except REDIS_ERRORS as error:
        raise NotificationError(f"Redis of {integrator.name}: {error}") from error


def describe(body: str) -> Text:
    """Return a notification as one readable line."""
    try:
        notification: dict[str, Any] = parse_json(body)
        payload = notification["payload"]
        return _answer(payload) if notification.get("type") == "call" else _record(payload)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, OverflowError):
        return Text(body)


def _record(payload: dict[str, Any]) -> Text:
    at = datetime.fromtimestamp(payload["dialed_at"]).astimezone()
    reason = str(payload["end_reason"])
    number = client_of(payload)
    line = (
        f"{at:%H:%M:%S}  {payload['extension'] or '?':>5} -> {number or '?':<16}"
        f" as {payload['dial_number'] or '?':<11}  {reason} ({payload['end_code']})"
        f"  {payload['call_time']} s  {payload['contact_ref']}  {payload['call_ref']}"
    )
    return Text(line, style=_STYLES.get(reason, "red"))


def _answer(payload: dict[str, Any]) -> Text:
    direction = str(payload.get("call_dir", payload.get("campaign_ref")))
    line = (
        f"{datetime.now().astimezone():%H:%M:%S}  {payload['ref'] or '?':>5} <> "
        f"{payload['number'] or '?':<16} on {payload['dial_number'] or '?':<11}  answered"
        f" ({direction})  {payload['hold_time']} s  {payload['contact_ref']}"
        f"  {payload['call_ref']}"
    )
    return Text(line)
