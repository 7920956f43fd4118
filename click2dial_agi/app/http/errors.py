"""Every answer that is not a success has one shape: ``{"errors": [{"field", "message"}]}``."""

import json
import logging
from collections.abc import Iterable

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Scope

from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import JournalError, NotificationError, PBXUnreachable

__all__ = ["Problem", "add_error_handlers", "answer_to", "error_body", "error_response"]

log = logging.getLogger(__name__)

_PBX = FieldError("pbx", "reachable; try again later")
_REDIS = FieldError("redis", "reachable; try again later")
_JOURNAL = FieldError("journal", "writable, with room on its disk; try again later")
_OURS = FieldError("server", "without faults; this one is logged")
_RETRY_LATER = 5

_STATUS = {
    Why.WRONG: 422,
    Why.FORBIDDEN: 403,
    Why.NOT_THERE: 409,
    Why.BUSY: 429,
    Why.LIMIT: 429,
    Why.UNKNOWN: 404,
    Why.NOT_NOW: 409,
    Why.NOT_SET_UP: 501,
}

# By status, what the router says: nothing here, or not with this method.
_HTTP_ERRORS = {
    404: FieldError("path", "one of those at /docs"),
    405: FieldError("method", "one that /docs names for this path"),
}
_OTHER_HTTP_ERROR = FieldError("request", "what /docs describes")


class Problem(Exception):
    """A request that is not served: status, errors, and seconds to wait before the next try."""

    def __init__(
        self, status: int, errors: tuple[FieldError, ...], retry_after: int | None = None
    ) -> None:
        self.status = status
        self.errors = errors
        self.retry_after = retry_after
        super().__init__("; ".join(error.message for error in errors))

    @classmethod
    def of(cls, refused: CallRefused) -> "Problem":
        """Return what a call that is not placed is in HTTP."""
        return cls(_STATUS[refused.why], refused.errors, refused.retry_after)


def error_body(errors: Iterable[FieldError]) -> bytes:
    """Return the JSON text for one or more errors."""
    shown = [{"field": error.field, "message": error.message} for error in errors]
    return json.dumps({"errors": shown}, separators=(",", ":")).encode()


def error_response(
    status: int, errors: Iterable[FieldError], headers: dict[str, str] | None = None
) -> Response:
    """Return the answer for one or more errors."""
    return Response(error_body(errors), status, headers, "application/json")


def answer_to(problem: Problem) -> Response:
    """Return the answer for a request that is not served."""
    headers = {}
    if problem.retry_after:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return error_response(problem.status, problem.errors, headers)


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

    @app.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> Response:
        return answer_to(problem)

    @app.exception_handler(CallRefused)
    async def _refused(_: Request, refused: CallRefused) -> Response:
        return answer_to(Problem.of(refused))

    @app.exception_handler(PBXUnreachable)
    async def _no_pbx(_: Request, error: PBXUnreachable) -> Response:
        log.warning("request not served: %s", error)
        return error_response(503, [_PBX], {"Retry-After": str(_RETRY_LATER)})

    @app.exception_handler(NotificationError)
    async def _not_kept(_: Request, error: NotificationError) -> Response:
        log.warning("request not served: %s", error)
        shown = _JOURNAL if isinstance(error, JournalError) else _REDIS
        return error_response(503, [shown], {"Retry-After": str(_RETRY_LATER)})

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
