"""``GET /click2dial/agents`` and ``/agents/{ext}``: who can be called, and who talks."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.auth import asked
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.live_schemas import ONE_AGENT, AgentsAnswer
from click2dial_agi.app.http.schemas import SECURED, errors
from click2dial_agi.app.live.hub import merged, seen_by_all
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.domain.live.models import AgentAnswer
from click2dial_agi.domain.numbers import FieldError

__all__ = ["AGENTS_PATH", "add_agents", "live_or_501"]

AGENTS_PATH = "/click2dial/agents"

_NOT_LIVE = Problem(
    501,
    (FieldError("asterisk.ami", "set, with ami_username and ami_password; it is not configured"),),
)
_UNKNOWN = Problem(404, (FieldError("extension", "an agent of this integrator"),))


def live_or_501(live: LiveOf | None) -> LiveOf:
    """Return what is live; raises :exc:`Problem` where no PBX has ``ami``."""
    if live is None:
        raise _NOT_LIVE
    return live


def add_agents(
    app: FastAPI, calls: Callable[[], CreatedCalls], live: Callable[[], LiveOf | None]
) -> None:
    """Add the routes."""

    @app.get(
        AGENTS_PATH,
        response_model=AgentsAnswer,
        responses=errors(401, 403, 421, 422, 501, 503),
        openapi_extra=SECURED,
        operation_id="listAgents",
        summary="List agents",
    )
    async def listed(request: Request) -> Response:
        asker, _ = await asked(request, calls())
        picture = await live_or_501(live()).store.read()
        agents, _ = merged(picture.pbxs)
        seen = [one.shown() for one in agents if asker.may_see(one.extension)]
        return JSONResponse({"agents": seen})

    @app.get(
        f"{AGENTS_PATH}/{{ext}}",
        response_model=AgentAnswer,
        responses=errors(401, 403, 404, 421, 422, 501, 503),
        openapi_extra=ONE_AGENT,
        operation_id="getAgent",
        summary="Show an agent",
    )
    async def one(request: Request) -> Response:
        current, extension = calls(), request.path_params["ext"]
        asker, _ = await asked(request, current)
        store = live_or_501(live()).store
        if not current.integrator.owns(extension) or not asker.may_see(extension):
            raise _UNKNOWN
        found = seen_by_all(extension, await store.agent(extension))
        if found is None:
            raise _UNKNOWN
        return JSONResponse(found.shown())
