"""JSON in: bounded in size, depth and time, and read once."""

import asyncio
import json
import re
from typing import Any, NoReturn

from fastapi import Request
from starlette.requests import ClientDisconnect

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.domain.numbers import FieldError

__all__ = ["read_json"]

# The largest sensible body is under 1 KB; a contact reference may be longer than it is kept.
_MAX_BODY = 16 * 1024

# A body is one flat object, and what is nested in it a wrong value.  Python's decoder would recurse
# as deep as the text goes.
_MAX_BRACKETS = 100
# Those in strings do not count: a CRM may send what its template should have filled, {{agent}}.
# A string without an end goes to the end, so that nothing is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)

_NOT_PLAIN = Problem(415, (FieldError("content-encoding", "none: the body as it is"),))
_OTHER_TYPE = Problem(415, (FieldError("content-type", "application/json, and such a body"),))
_NOT_JSON = Problem(400, (FieldError("body", "a flat JSON object in UTF-8, each key once"),))
_BOM = b"\xef\xbb\xbf"

_TOO_LARGE = Problem(413, (FieldError("body", f"at most {_MAX_BODY} bytes"),))


async def read_json(request: Request, timeout: float, *, absent: Any = None) -> Any:
    """Return the decoded body, which must be there within ``timeout`` seconds.

    ``absent`` is returned where there is none, if none need be there.
    Raises :exc:`Problem` with 400, 408, 413, or 415 for what is JSON neither by its type nor by its
    content.  JSON under another type is taken, as ``curl -d`` sends it.
    """
    headers = dict(request.scope["headers"])  # the last of a name, which is as good as another
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise _NOT_PLAIN
    try:
        async with asyncio.timeout(timeout):
            body = await _read(request)
    except TimeoutError:
        error = FieldError("body", f"all of it within {timeout:g} seconds")
        raise Problem(408, (error,)) from None
    except ClientDisconnect:  # nobody hears the answer
        raise _NOT_JSON from None
    if absent is not None and not body.strip():
        return absent
    try:
        if _brackets(body) > _MAX_BRACKETS and _brackets(_STRING.sub(b"", body)) > _MAX_BRACKETS:
            raise ValueError("not flat")
        return _DECODER.decode(body.removeprefix(_BOM).decode("utf-8"))
    except ValueError:
        said = _says_json(headers.get(b"content-type", b""))
        raise (_NOT_JSON if said else _OTHER_TYPE) from None


def _brackets(text: bytes | bytearray) -> int:
    return text.count(b"[") + text.count(b"{")


def _says_json(content_type: bytes) -> bool:
    """Tell whether a body's type is JSON, or is not said."""
    essence = content_type.partition(b";")[0].strip().lower()
    return essence in (b"", b"application/json") or essence.endswith(b"+json")


async def _read(request: Request) -> bytearray:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise _TOO_LARGE
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a key comes twice")
    return decoded


def _integer(digits: str) -> int | str:
    """Return an integer, or its digits where they are more than Python makes one of."""
    try:
        return int(digits)
    except ValueError:
        return digits


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


# Made once: json.loads() with hooks would make one for each body.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer
)
