"""``GET /metrics``, on a listener of its own."""

import asyncio
import socket
import time
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from click2dial_agi import __version__
from click2dial_agi.app.http.access import Access, check_host
from click2dial_agi.app.http.errors import add_error_handlers
from click2dial_agi.app.http.front import Front
from click2dial_agi.app.metrics import GAUGES, REGISTRY
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.config import Config, Metrics
from click2dial_agi.domain.webhooks import shown_queue
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import read_waiting
from click2dial_agi.io.spool import Spool

__all__ = ["create_metrics"]


def create_metrics(
    current: Callable[[], Snapshot],
    in_flight: Callable[[], tuple[int, int]],
) -> Front:
    """Return the application; ``in_flight`` tells AGI sessions and browsers' connections."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    add_error_handlers(app)
    one_at_a_time = asyncio.Lock()

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        check_host(request)
        async with one_at_a_time:
            sessions, connections = in_flight()
            GAUGES.sessions.set(sessions)
            GAUGES.edge.set(connections)
            GAUGES.redis_up.clear()
            GAUGES.list_length.clear()
            GAUGES.webhook_up.clear()
            GAUGES.pbx_up.clear()
            for pbx in current().pbxs or ():
                GAUGES.pbx_up.labels(pbx.name).set(pbx.serves)
            GAUGES.server.labels(socket.gethostname(), __version__).set(1)
            await asyncio.gather(*(_look_at_lists(one) for one in current().notifiers.values()))
            text = await asyncio.to_thread(_look_at_disk, current().config)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    def access() -> Access:
        section = current().config.metrics or Metrics()
        return Access.by_host(section.listen, section.hosts)

    return Front(app, access)


async def _look_at_lists(notifier: Notifier) -> None:
    integrator = notifier.integrator
    for webhook in notifier.webhooks:
        GAUGES.webhook_up.labels(webhook.queue).set(not webhook.failing)
    try:
        lengths = await notifier.lists.lengths(integrator.lists)
    except NotificationError:
        GAUGES.redis_up.labels(integrator.name).set(0)
        return
    GAUGES.redis_up.labels(integrator.name).set(1)
    for name, length in zip(integrator.lists, lengths, strict=True):
        GAUGES.list_length.labels(name).set(length)


def _look_at_disk(config: Config) -> bytes:
    GAUGES.waiting.clear()
    GAUGES.oldest.clear()
    try:
        waiting = read_waiting(config.journal_path)
    except NotificationError:  # of which the journal's own log has told
        waiting = []
    for one in waiting:
        queue = shown_queue(one.queue)
        GAUGES.waiting.labels(queue, one.list_name).set(one.records)
        GAUGES.oldest.labels(queue, one.list_name).set(time.time() - one.since)
    GAUGES.spool.set(_spooled(config))
    return generate_latest(REGISTRY)


def _spooled(config: Config) -> int:
    try:
        return sum(path.stat().st_size for path in Spool(config.spool_path).waiting())
    except OSError:
        return 0
