"""Every answer that is not a success has one shape: ``{"errors": [{"field", "message"}]}``."""

import json
import logging
from collections.abc import Iterable

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Scope

from click2dial_agi.app.created_calls import Refused
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import NotificationError, PBXUnreachable

__all__ = ["add_error_handlers", "error_body", "error_response", "refusal"]

log = logging.getLogger(__name__)

_PBX = FieldError("pbx", "reachable; try again later")
_REDIS = FieldError("redis", "reachable; try again later")
_OURS = FieldError("server", "without faults; this one is logged")
_RETRY_LATER = 5

# By status, what the router says: nothing here, or not with this method.
_HTTP_ERRORS = {
    404: FieldError("path", "one of those at /docs"),
    405: FieldError("method", "one that /docs names for this path"),
}
_OTHER_HTTP_ERROR = FieldError("request", "what /docs describes")


def error_body(errors: Iterable[FieldError]) -> bytes:
    """Return the JSON text for one or more errors."""
    shown = [{"field": error.field, "message": error.message} for error in errors]
    return json.dumps({"errors": shown}, separators=(",", ":")).encode()


def error_response(
    status: int, errors: Iterable[FieldError], headers: dict[str, str] | None = None
) -> Response:
    """Return the answer for one or more errors."""
    return Response(error_body(errors), status, headers, "application/json")


def refusal(refused: Refused) -> Response:
    """Return the answer for a request that is refused."""
    headers = {}
    if refused.retry_after:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return error_response(refused.status, refused.errors, headers)


def _methods(app: FastAPI, scope: Scope) -> set[str]:
    """Return the methods that a path has."""
    return {
        method
        for route in app.routes
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


def add_error_handlers(app: FastAPI) -> None:
    """Give every error of an application the one shape."""

    @app.exception_handler(Refused)
    async def _refused(_: Request, refused: Refused) -> Response:
        return refusal(refused)

    @app.exception_handler(PBXUnreachable)
    async def _no_pbx(_: Request, error: PBXUnreachable) -> Response:
        log.warning("request not served: %s", error)
        return error_response(503, [_PBX], {"Retry-After": str(_RETRY_LATER)})

    @app.exception_handler(NotificationError)
    async def _no_redis(_: Request, error: NotificationError) -> Response:
        log.warning("request not served: %s", error)
        return error_response(503, [_REDIS], {"Retry-After": str(_RETRY_LATER)})

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        shown = _HTTP_ERRORS.get(error.status_code, _OTHER_HTTP_ERROR)
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of one route only
            methods = _methods(app, request.scope)
            if "GET" in methods:  # Front turns one into the other
                methods.add("HEAD")
            headers["Allow"] = ", ".join(sorted(methods))
        return error_response(error.status_code, [shown], headers)

    @app.exception_handler(Exception)
    async def _fault(_: Request, error: Exception) -> Response:
        # Starlette raises it again, and Front logs it.
        return error_response(500, [_OURS])
