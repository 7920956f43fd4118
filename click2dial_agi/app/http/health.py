"""``/healthz`` and ``/readyz``: for load balancers and monitors, without a key."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.http.schemas import Health
from click2dial_agi.app.pbxs import PBXs

__all__ = ["Check", "Checks", "add_health", "checks_of", "look"]

log = logging.getLogger(__name__)

# Of the whole answer, as the checks run side by side.  Below the second or two that monitors wait.
_TIMEOUT = 1.0

# A check raises if its part does not work.
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class OneOfSeveral:
    """A check whose part may fail: another does its work."""

    check: Check

    async def __call__(self) -> None:
        await self.check()


# By the name of the part.
Checks = Mapping[str, Check]


def checks_of(pbxs: PBXs) -> Checks:
    """Return the checks of the PBXs: of several it is enough that one answers."""
    several = [one for one in pbxs if len(pbxs) > 1]

    async def any_answers() -> None:
        answers, missing = await pbxs.ask(lambda one: one.ari.ping())
        if missing is not None and not answers:
            raise missing

    return {
        "ari": any_answers,
        **{f"ari:{one.name}": OneOfSeveral(one.ari.ping) for one in several},
    }


async def look(checks: Checks) -> tuple[Mapping[str, str], bool]:
    """Return how each part is, ``ok`` or what is wrong, and whether all that is needed works."""
    states = await asyncio.gather(*(_check(name, check) for name, check in checks.items()))
    parts = dict(zip(checks, states, strict=True))
    needed = {name for name, check in checks.items() if not isinstance(check, OneOfSeveral)}
    return parts, all(state == "ok" for name, state in parts.items() if name in needed)


def add_health(app: FastAPI, checks: Callable[[], Checks]) -> None:
    """Add both routes.

    Who asks while somebody else does gets the same answer: anybody may ask, and each look writes.
    """
    looking: asyncio.Task[tuple[Mapping[str, str], bool]] | None = None

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
        nonlocal looking
        if looking is None or looking.done():
            looking = asyncio.create_task(look(checks()))
        parts, ready = await asyncio.shield(looking)
        body = {"status": "ok" if ready else "failing", "parts": parts}
        return JSONResponse(body, 200 if ready else 503)


async def _check(name: str, check: Check) -> str:
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
