"""Every answer that is not a success has one shape: ``{"errors": [{"field", "message"}]}``."""

import logging
from collections.abc import Iterable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from click2dial_agi.app.created_calls import Refused
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import NotificationError, PBXUnreachable

__all__ = ["add_error_handlers", "error_response"]

log = logging.getLogger(__name__)

_PBX = FieldError("pbx", "reachable; try again later")
_REDIS = FieldError("redis", "reachable; try again later")
_RETRY_LATER = 5


def error_response(
    status: int, errors: Iterable[FieldError], headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return the answer for one or more errors."""
    body = {"errors": [{"field": error.field, "message": error.message} for error in errors]}
    return JSONResponse(body, status, headers)


def refusal(refused: Refused) -> JSONResponse:
    """Return the answer for a call that was not created."""
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return error_response(refused.status, refused.errors, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Give every error of an application the one shape."""

    @app.exception_handler(Refused)
    async def _refused(_: Request, error: Refused) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(PBXUnreachable)
    async def _no_pbx(_: Request, error: PBXUnreachable) -> JSONResponse:
        log.warning("call not created: %s", error)
        return error_response(503, [_PBX], {"Retry-After": str(_RETRY_LATER)})

    @app.exception_handler(NotificationError)
    async def _no_redis(_: Request, error: NotificationError) -> JSONResponse:
        log.warning("call not created: %s", error)
        return error_response(503, [_REDIS], {"Retry-After": str(_RETRY_LATER)})

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        field = {404: "path", 405: "method"}.get(error.status_code, "request")
        message = {404: "one of those at /docs", 405: "one that /docs names for this path"}
        allowed = message.get(error.status_code, "what /docs describes")
        return error_response(
            error.status_code, [FieldError(field, allowed)], dict(error.headers or {})
        )
