"""``POST /click2dial/tokens``: a key's holder gives one agent's browser a right of its own."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.auth import authorize
from click2dial_agi.app.http.bodies import read_json
from click2dial_agi.app.http.create_schema import text
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.query import read_query
from click2dial_agi.app.http.schemas import SECURED, errors
from click2dial_agi.domain.agent_tokens import DEFAULT_TTL, LONGEST, SHORTEST, read_wanted
from click2dial_agi.domain.record_models import AGENT_EXAMPLE, Integer

__all__ = ["TOKENS_PATH", "TokenAnswer", "add_tokens"]

TOKENS_PATH = "/click2dial/tokens"


class TokenAnswer(BaseModel):
    """A bearer token for one agent's browser: for that agent's calls, from pages of the origin."""

    token: str
    agent: str = Field(examples=[AGENT_EXAMPLE])
    origin: str = Field(examples=["https://crm.example.com"])
    expires_at: Integer = Field(description="Unix time.", examples=[1795447638])


def _body() -> dict[str, Any]:
    """Describe the body that asks for a token."""
    ttl = {"type": "integer", "format": "int64", "minimum": SHORTEST, "maximum": LONGEST}
    schema = {
        "title": "CreateToken",
        "type": "object",
        "additionalProperties": False,
        "required": ["agent", "origin"],
        "properties": {
            "agent": {"description": "One of your extensions.", **text("[0-9]{2,7}")},
            "origin": {"description": "One of your cors_origins.", "type": "string"},
            "ttl": {
                "description": f"Seconds until it runs out; {DEFAULT_TTL} if absent.",
                "anyOf": [ttl, {"type": "null"}],
            },
        },
    }
    example = {"agent": AGENT_EXAMPLE, "origin": "https://crm.example.com", "ttl": DEFAULT_TTL}
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


_CREATE: dict[str, Any] = {**SECURED, "requestBody": _body()}


def add_tokens(app: FastAPI, calls: Callable[[], CreatedCalls]) -> None:
    """Add the route."""

    @app.post(
        TOKENS_PATH,
        status_code=201,
        response_model=TokenAnswer,
        responses=errors(400, 401, 403, 408, 413, 415, 421, 422, 503),
        openapi_extra=_CREATE,
        operation_id="createToken",
        summary="Give one agent's browser a token",
    )
    async def create(request: Request) -> Response:
        current = calls()
        key = authorize(request, current.integrator)
        read_query(request)
        body = await read_json(request, current.times.body)
        wanted, ttl, wrong = read_wanted(body, current.integrator)
        if wrong:
            raise Problem(422, wrong)
        token = f"agent-{secrets.token_urlsafe(32)}"
        right = replace(wanted, expires_at=int(time.time()) + ttl, key=key)
        await current.store.keep_token(token, right, ttl)
        answer = TokenAnswer(
            token=token,
            agent=right.agent,
            origin=right.origin,
            expires_at=right.expires_at,
        )
        return JSONResponse(answer.model_dump(), 201, {"Cache-Control": "no-store"})
