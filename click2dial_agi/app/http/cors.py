"""Cross-origin requests (Fetch standard): pages of other servers that an integrator lets call.

What they are let do is read the answer; the right to ask is the key's.  Cookies and the like are
never asked for, so ``Access-Control-Allow-Credentials`` is never said.
"""

from collections.abc import Set

from fastapi import Response
from starlette.types import Message, Scope, Send

__all__ = ["preflight", "readable", "readable_headers"]

_METHODS = "GET, HEAD, POST, DELETE"
_REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, Range, Last-Event-ID"
_EXPOSED = b"Location, Retry-After, Content-Disposition, Content-Range, WWW-Authenticate"

# How long a browser need not ask again.
_MAX_AGE = "600"


def preflight(scope: Scope, origin: str | None, allowed: Set[str]) -> Response | None:
    """Return the answer to a browser's question whether a page may call, None if it is none."""
    if scope["method"] != "OPTIONS" or origin is None:
        return None
    asked = dict(scope["headers"])
    if b"access-control-request-method" not in asked:
        return None
    headers = {"Vary": "Origin"}
    if origin in allowed:
        headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            "Access-Control-Max-Age": _MAX_AGE,
        }
        if asked.get(b"access-control-request-private-network") == b"true":
            headers["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=headers)


def readable_headers(origin: str | None, allowed: Set[str]) -> list[tuple[bytes, bytes]]:
    """Return what lets an allowed page read an answer; caches keep them apart."""
    added = [(b"vary", b"Origin")]
    if origin is not None and origin in allowed:
        added += [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED),
        ]
    return added


def readable(send: Send, origin: str | None, allowed: Set[str]) -> Send:
    """Return a ``send`` that lets an allowed page read the answer."""
    added = readable_headers(origin, allowed)

    async def send_readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *added]
        await send(message)

    return send_readable
