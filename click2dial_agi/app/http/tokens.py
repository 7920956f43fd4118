"""``POST /click2dial/tokens``: a key's holder gives one agent's browser a right of its own."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.auth import authorize
from click2dial_agi.app.http.bodies import read_json
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.query import read_query
from click2dial_agi.app.http.schemas import CREATE_TOKEN, TokenAnswer, errors
from click2dial_agi.domain.agent_tokens import read_wanted

__all__ = ["TOKENS_PATH", "add_tokens"]

TOKENS_PATH = "/click2dial/tokens"


def add_tokens(app: FastAPI, calls: Callable[[], CreatedCalls]) -> None:
    """Add the route."""

    @app.post(
        TOKENS_PATH,
        status_code=201,
        response_model=TokenAnswer,
        responses=errors(400, 401, 403, 408, 413, 415, 421, 422, 503),
        openapi_extra=CREATE_TOKEN,
        operation_id="createToken",
        summary="Give one agent's browser a token",
    )
    async def create(request: Request) -> Response:
        current = calls()
        authorize(request, current.integrator)
        read_query(request)
        body = await read_json(request, current.times.body)
        wanted, ttl, wrong = read_wanted(body, current.integrator)
        if wrong:
            raise Problem(422, wrong)
        token = f"agent-{secrets.token_urlsafe(32)}"
        right = replace(wanted, expires_at=int(time.time()) + ttl)
        await current.store.keep_token(token, right, ttl)
        answer = TokenAnswer(
            token=token,
            agent=right.agent,
            origin=right.origin,
            expires_at=right.expires_at,
        )
        return JSONResponse(answer.model_dump(), 201, {"Cache-Control": "no-store"})
