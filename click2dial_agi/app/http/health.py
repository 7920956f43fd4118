"""``/healthz`` and ``/readyz``: for load balancers and monitors, without a key."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.http.schemas import Health

__all__ = ["Checks", "add_health"]

log = logging.getLogger(__name__)

# Of the whole answer, as the checks run side by side.  Below the second or two that monitors wait.
_TIMEOUT = 1.0

# By the name of the part.  A check raises if its part does not work.
Checks = Mapping[str, Callable[[], Awaitable[None]]]


def add_health(app: FastAPI, checks: Callable[[], Checks]) -> None:
    """Add both routes."""

    @app.get(
        "/healthz", response_model=Health, operation_id="isAlive", summary="Is the process alive"
    )
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok", "parts": {}})

    @app.get(
        "/readyz",
        response_model=Health,
        responses={503: {"model": Health, "description": "A part does not work."}},
        operation_id="isReady",
        summary="Can calls be created",
    )
    async def readyz(_: Request) -> Response:
        named = checks()
        states = await asyncio.gather(*(_check(name, check) for name, check in named.items()))
        parts = dict(zip(named, states, strict=True))
        ready = all(state == "ok" for state in states)
        body = {"status": "ok" if ready else "failing", "parts": parts}
        return JSONResponse(body, 200 if ready else 503)


async def _check(name: str, check: Callable[[], Awaitable[None]]) -> str:
    """Return ``ok``, or what is wrong in words that tell a stranger nothing; the log has more."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            await check()
    except TimeoutError:
        return "no answer in time"
    except Exception as error:
        log.debug("%s is not ready: %s", name, error or type(error).__name__)
        return "not working"
    return "ok"
