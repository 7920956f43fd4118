"""JSON in: bounded, and read once."""

import json
from typing import Any, NoReturn

from fastapi import Request

from click2dial_agi.app.created_calls import Refused
from click2dial_agi.domain.numbers import FieldError

__all__ = ["read_json"]

# The largest sensible body is under 1 KB; a contact reference may be longer than it is kept.
_MAX_BODY = 16 * 1024

# A body is one flat object.  Python's decoder would recurse as deep as the text goes.
_MAX_DEPTH = 8

_NOT_JSON = Refused(400, (FieldError("body", "JSON in UTF-8, each key once"),))
_TOO_LARGE = Refused(413, (FieldError("body", f"at most {_MAX_BODY} bytes"),))


async def read_json(request: Request) -> Any:
    """Return the decoded body; raise :exc:`Refused` with 400 or 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise _TOO_LARGE
    # Brackets inside strings count as well; no valid body comes near the limit.
    if body.count(b"[") + body.count(b"{") > _MAX_DEPTH:
        raise _NOT_JSON
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except ValueError:
        raise _NOT_JSON from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a key comes twice")
    return decoded


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
