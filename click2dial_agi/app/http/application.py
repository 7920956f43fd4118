"""The routes of one integrator's API."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi import __version__
from click2dial_agi.app.created_calls import CreatedCalls, Refused
from click2dial_agi.app.http.auth import authorize
from click2dial_agi.app.http.bodies import read_json
from click2dial_agi.app.http.errors import add_error_handlers
from click2dial_agi.app.http.idempotency import Answer, check_key, once
from click2dial_agi.app.http.schemas import (
    CALL_BODY,
    CallAnswer,
    Calls,
    CallStatus,
    Health,
    responses,
)
from click2dial_agi.domain.bodies import read_body
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.numbers import FieldError, is_call_ref

__all__ = ["CALLS_PATH", "Checks", "create_application"]

CALLS_PATH = "/click2dial/calls"

_UNKNOWN_CALL = Refused(404, (FieldError("call_ref", "a call of this integrator"),))

Checks = Mapping[str, Callable[[], Awaitable[None]]]


def create_application(calls: Callable[[], CreatedCalls], checks: Callable[[], Checks]) -> FastAPI:
    """Return the application of one integrator.

    ``calls`` and ``checks`` are asked on every request, so that a reload of the configuration
    needs no new application.  A check raises if its part does not work.
    """
    app = FastAPI(
        title="Click2Dial",
        version=__version__,
        description="Ring the agent, then the callee, and join them.",
    )
    add_error_handlers(app)

    async def authorized(request: Request) -> CreatedCalls:
        current = calls()
        authorize(request, current.integrator)
        return current

    Authorized = Annotated[CreatedCalls, Depends(authorized)]

    @app.post(
        CALLS_PATH,
        status_code=201,
        response_model=CallAnswer,
        responses=responses(400, 401, 403, 409, 413, 422, 429, 503),
        openapi_extra={"requestBody": CALL_BODY, "security": [{"bearer": []}]},
        summary="Create a call",
    )
    async def create(
        request: Request,
        current: Authorized,
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        check_key(idempotency_key)
        body = await read_json(request)

        async def place(call_ref: str) -> Answer:
            wanted, errors = read_body(body, call_ref)
            if errors:
                raise Refused(422, errors)
            return _answer(await current.create(wanted))

        async def find(call_ref: str) -> Answer | None:
            if not await current.was_placed(call_ref):
                return None
            found = await current.state(call_ref)
            return found and {key: found[key] for key in CallAnswer.model_fields}

        if idempotency_key is None:
            answer = await place(str(uuid4()))
        else:
            answer = await once(idempotency_key, body, str(uuid4()), current.store, place, find)
        location = f"{CALLS_PATH}/{answer['call_ref']}"
        return JSONResponse(answer, 201, {"Location": location})

    @app.get(
        CALLS_PATH,
        response_model=Calls,
        responses=responses(401, 503),
        openapi_extra={"security": [{"bearer": []}]},
        summary="List live calls",
    )
    async def live(current: Authorized) -> Response:
        return JSONResponse({"calls": await current.live()})

    @app.get(
        CALLS_PATH + "/{call_ref}",
        response_model=CallStatus,
        responses=responses(401, 404, 503),
        openapi_extra={"security": [{"bearer": []}]},
        summary="Show a call",
    )
    async def show(call_ref: str, current: Authorized) -> Response:
        found = await current.state(call_ref) if is_call_ref(call_ref) else None
        if found is None:
            raise _UNKNOWN_CALL
        return JSONResponse(found)

    @app.delete(
        CALLS_PATH + "/{call_ref}",
        status_code=204,
        responses=responses(401, 404, 503),
        openapi_extra={"security": [{"bearer": []}]},
        summary="Hang a call up",
    )
    async def hang_up(call_ref: str, current: Authorized) -> Response:
        if not is_call_ref(call_ref) or not await current.hang_up(call_ref):
            raise _UNKNOWN_CALL
        return Response(status_code=204)

    @app.get("/healthz", response_model=Health, summary="Is the process alive")
    async def healthz() -> Response:
        return JSONResponse({"status": "ok", "parts": {}})

    @app.get(
        "/readyz",
        response_model=Health,
        responses={503: {"model": Health, "description": "A part does not work."}},
        summary="Can calls be created",
    )
    async def readyz() -> Response:
        parts = {name: await _check(check) for name, check in checks().items()}
        ready = all(state == "ok" for state in parts.values())
        body = {"status": "ok" if ready else "failing", "parts": parts}
        return JSONResponse(body, 200 if ready else 503)

    _describe_keys(app)
    return app


def _answer(decision: Decision) -> Answer:
    call = decision.call
    return {
        "call_ref": call.call_ref,
        "contact_ref": call.contact_ref,
        "agent": call.extension,
        "callee": call.number,
        "dial_number": call.dial_number,
    }


async def _check(check: Callable[[], Awaitable[None]]) -> str:
    try:
        await check()
    except Exception as error:
        return str(error) or type(error).__name__
    return "ok"


def _describe_keys(app: FastAPI) -> None:
    """Say in OpenAPI that keys are bearer tokens."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = describe()
            schema.setdefault("components", {})["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"}
            }
        return app.openapi_schema or schema

    app.openapi = openapi  # type: ignore[method-assign]
