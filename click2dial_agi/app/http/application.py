"""The routes of one integrator's API."""

from collections.abc import Callable
from typing import cast
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from click2dial_agi import __version__
from click2dial_agi.app.call_states import with_view
from click2dial_agi.app.control.steering import Steering
from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http import docs, health
from click2dial_agi.app.http.access import access_of
from click2dial_agi.app.http.agents import add_agents
from click2dial_agi.app.http.auth import Asker, asked
from click2dial_agi.app.http.bodies import read_json
from click2dial_agi.app.http.button import add_button
from click2dial_agi.app.http.call_filters import CALL_FILTERS, live_call, live_calls, read_filter
from click2dial_agi.app.http.control import add_control
from click2dial_agi.app.http.errors import Problem, add_error_handlers, answer_to
from click2dial_agi.app.http.events import add_events
from click2dial_agi.app.http.history import add_history
from click2dial_agi.app.http.idempotency import Answer, once, read_key
from click2dial_agi.app.http.live_schemas import LISTED_CALLS
from click2dial_agi.app.http.query import ref_in_path
from click2dial_agi.app.http.recordings import add_recordings
from click2dial_agi.app.http.routes import PlainRoute
from click2dial_agi.app.http.schemas import (
    CREATE,
    ONE_CALL,
    CallAnswer,
    Calls,
    CallStatus,
    created,
    errors,
)
from click2dial_agi.app.http.tokens import add_tokens
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.domain.bodies import all_errors, read_body
from click2dial_agi.domain.call_refused import CallRefused
from click2dial_agi.domain.numbers import FieldError, is_call_ref

__all__ = ["CALLS_PATH", "create_application"]

CALLS_PATH = "/click2dial/calls"
_CALL_PATH = CALLS_PATH + "/{call_ref}"

_CREATE_ERRORS = (400, 401, 403, 408, 409, 413, 415, 421, 422, 429, 503)

_UNKNOWN_CALL = Problem(404, (FieldError("call_ref", "a call of this integrator"),))


def create_application(
    calls: Callable[[], CreatedCalls],
    steering: Callable[[], Steering],
    checks: Callable[[], health.Checks],
    live: Callable[[], LiveOf | None],
) -> FastAPI:
    """Return the application of one integrator.

    All of these are asked on every request, so that a reload of the
    configuration needs no new application.

    Routes take the request and nothing else: what FastAPI would read out of it for them is checked
    by the rules of :mod:`click2dial_agi.domain`, with their texts.
    """
    app = FastAPI(
        title="Click2Dial",
        version=__version__,
        description="Ring the agent, then the callee, and join them.",
        openapi_url=None,  # served by docs.py
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would build an address from the Host header
    )
    add_error_handlers(app)
    app.router.route_class = cast(type[APIRoute], PlainRoute)

    @app.post(
        CALLS_PATH,
        status_code=201,
        response_model=CallAnswer,
        responses={**created(CALLS_PATH), **errors(*_CREATE_ERRORS)},
        openapi_extra=CREATE,
        operation_id="createCall",
        summary="Create a call",
    )
    async def create(request: Request) -> Response:
        try:
            current = calls()
            asker, _ = await asked(request, current)
            answer = await _create(current, asker, request)
        except Problem as problem:
            # Handled here it costs half of what it does on its way through FastAPI.
            return answer_to(problem)
        prefix = access_of(request).public_path
        return JSONResponse(answer, 201, {"Location": f"{prefix}{CALLS_PATH}/{answer['call_ref']}"})

    @app.get(
        CALLS_PATH,
        response_model=Calls,
        responses=errors(401, 403, 421, 422, 503),
        openapi_extra=LISTED_CALLS,
        operation_id="listCalls",
        summary="List live calls",
    )
    async def listed(request: Request) -> Response:
        current = calls()
        asker, query = await asked(request, current, *CALL_FILTERS)
        takes = read_filter(query, current.integrator)
        found, complete = await current.live()
        views = await live_calls(live())
        shown = [with_view(one, views.get(one["call_ref"])) for one in found]
        seen = [one for one in shown if asker.may_see(one["agent"]) and takes(one)]
        return JSONResponse({"calls": seen, "complete": complete})

    @app.get(
        _CALL_PATH,
        response_model=CallStatus,
        responses=errors(401, 403, 404, 421, 422, 503),
        openapi_extra=ONE_CALL,
        operation_id="getCall",
        summary="Show a call",
    )
    async def show(request: Request) -> Response:
        current, call_ref = calls(), ref_in_path(request, "call_ref")
        asker, _ = await asked(request, current)
        found = await current.state(call_ref) if is_call_ref(call_ref) else None
        if found is None or not asker.may_see(found["agent"]):
            raise _UNKNOWN_CALL
        return JSONResponse(with_view(found, await live_call(live(), call_ref)))

    @app.delete(
        _CALL_PATH,
        status_code=204,
        responses=errors(401, 403, 404, 421, 422, 503),
        openapi_extra=ONE_CALL,
        operation_id="hangUpCall",
        summary="Hang a call up",
    )
    async def hang_up(request: Request) -> Response:
        current, call_ref = calls(), ref_in_path(request, "call_ref")
        asker, _ = await asked(request, current)
        if not is_call_ref(call_ref):
            raise _UNKNOWN_CALL
        if asker.agent is not None:
            found = await current.state(call_ref)
            if found is None or not asker.may_see(found["agent"]):
                raise _UNKNOWN_CALL
        if not await current.hang_up(call_ref):
            raise _UNKNOWN_CALL
        return Response(status_code=204)

    add_control(app, _CALL_PATH, calls, steering)
    add_recordings(app, calls)
    add_agents(app, calls, live)
    add_history(app, calls, live)
    add_events(app, calls, live)
    add_tokens(app, calls)
    add_button(app, lambda: calls().integrator)
    health.add_health(app, checks)
    docs.add_docs(app)
    docs.add_description(app, CALLS_PATH, lambda: calls().integrator.plan)
    return app


async def _create(current: CreatedCalls, asker: Asker, request: Request) -> Answer:
    key = read_key(request.headers.getlist("idempotency-key"))
    body = await read_json(request, current.times.body)

    async def place(call_ref: str) -> Answer:
        wanted, wrong = read_body(body, call_ref)
        if wrong:
            raise Problem(422, all_errors(wrong, current.decide(wanted).errors))
        asker.check_agent(wanted.agent)
        try:
            call = (await current.create(wanted)).call
        except CallRefused as refused:
            raise Problem.of(refused) from None
        return {
            "call_ref": call.call_ref,
            "contact_ref": call.contact_ref,
            "agent": call.extension,
            "callee": call.number,
            "dial_number": call.dial_number,
        }

    async def find(call_ref: str) -> Answer | None:
        found = await current.adopt(call_ref)
        return found and {name: found[name] for name in CallAnswer.model_fields}

    call_ref = str(uuid4())
    if key is None:
        return await place(call_ref)
    wait = current.times.lost_after
    return await once(asker.own_key(key), body, call_ref, current.store, place, find, wait)
