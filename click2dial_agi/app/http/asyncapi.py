"""``/asyncapi.json``, made from the models of lists, channels, webhooks and events."""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response

from click2dial_agi import __version__
from click2dial_agi.app.http.events import EVENTS_PATH
from click2dial_agi.app.http.message_schemas import EVENT_DATA, any_of, schemas
from click2dial_agi.domain.live.models import AgentAnswer
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.payloads import PAYLOADS

__all__ = ["add_asyncapi", "document", "webhooks"]

_PREFIX = {
    "key_prefix": {
        "description": "The integrator's key_prefix, or one of its copies.",
        "default": "enigma:notifications",
    }
}
_SERVERS = {
    "redis": {
        "host": "{redis}",
        "protocol": "redis",
        "description": "The integrator's Redis. Consumers pop from the lists: docs/consumers.md.",
        "variables": {"redis": {"default": "127.0.0.1:6379"}},
    },
    "api": {
        "host": "{api}",
        "protocol": "http",
        "description": "The integrator's API: docs/events.md.",
        "variables": {"api": {"default": "127.0.0.1:8300"}},
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
    },
    "crm": {
        "host": "{crm}",
        "protocol": "https",
        "description": "Where a webhook's url leads: docs/webhooks.md.",
        "variables": {"crm": {"default": "crm.example.com"}},
    },
}
_WEBHOOK_HEADERS = {
    "Idempotency-Key": "The same however often a notification is posted.",
    "X-Click2Dial-Timestamp": "Unix time.",
    "X-Click2Dial-Signature": "sha256= and the HMAC of the time, a dot and the body.",
}


def add_asyncapi(app: FastAPI) -> None:
    """Serve it: for everybody, as ``/openapi.json``; it is the same for all integrators."""

    @app.get("/asyncapi.json", include_in_schema=False)
    async def asyncapi(_: Request) -> Response:
        return Response(_text(), media_type="application/json")


@cache
def _text() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


def document() -> dict[str, Any]:
    """Return the description."""
    messages: dict[str, Any] = {
        **{kind: _message(title, _envelope(kind)) for kind, (title, _) in PAYLOADS.items()},
        "agent-channel": _message("An agent, after any change.", any_of([AgentAnswer])),
        **{
            f"event-{name}": _message(f"A server-sent event `{name}`.", any_of(models))
            for name, models in EVENT_DATA.items()
        },
    }
    for kind in PAYLOADS:
        messages[f"webhook-{kind}"] = {**messages[kind], "headers": _headers()}
    channels: dict[str, Any] = {
        **{kind: _channel("redis", f"{{key_prefix}}:{kind}", [kind], _PREFIX) for kind in PAYLOADS},
        "agents": _channel(
            "redis",
            "{key_prefix}:agents:{extension}",
            ["agent-channel"],
            {**_PREFIX, "extension": {"description": "The agent's."}},
        ),
        "webhook": _channel("crm", None, [f"webhook-{kind}" for kind in PAYLOADS]),
        "events": _channel("api", EVENTS_PATH, [f"event-{name}" for name in EVENT_DATA]),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Click2Dial",
            "version": __version__,
            "description": "What is told of calls and agents. The API is in openapi.json.",
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": channels,
        "operations": {
            f"tell-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in channels
        },
        "components": {
            "schemas": schemas(),
            "messages": messages,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def webhooks() -> dict[str, Any]:
    """Return what OpenAPI says of them."""
    parameters = [
        {"name": name, "in": "header", "description": told, "schema": {"type": "string"}}
        for name, told in _WEBHOOK_HEADERS.items()
    ]
    return {
        kind: {
            "post": {
                "operationId": f"told{kind.capitalize()}",
                "summary": title,
                "parameters": parameters,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _envelope(kind)}},
                },
                "responses": {"2XX": {"description": "Taken; anything else is tried again."}},
            }
        }
        for kind, (title, _) in PAYLOADS.items()
    }


def _channel(
    server: str, address: str | None, messages: list[str], parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "address": address,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        **({"parameters": parameters} if parameters else {}),
    }


def _message(summary: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "payload": payload}


def _envelope(kind: NotificationKind) -> dict[str, Any]:
    _, models = PAYLOADS[kind]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "payload"],
        "properties": {"type": {"const": kind.type}, "payload": any_of(models)},
    }


def _headers() -> dict[str, Any]:
    told = {
        name: {"type": "string", "description": text} for name, text in _WEBHOOK_HEADERS.items()
    }
    return {"type": "object", "properties": told, "required": list(told)}
