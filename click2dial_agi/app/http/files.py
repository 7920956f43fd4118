"""Files of the package: scripts, styles and pages that anybody may fetch."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.domain.numbers import FieldError

__all__ = ["NOT_HERE", "SOFTPHONE_FILES", "StaticFile", "named"]

#: Where what browsers load is.
SOFTPHONE_FILES = Path(__file__).parents[2] / "softphone"

#: Of a page that is switched off, and of a file that it does not have.
NOT_HERE = Problem(404, (FieldError("path", "one of those at /docs"),))

# What is written at once before others have their turn.
_SLICE = 64 * 1024


class StaticFile:
    """One file, kept in memory until it is changed on disk.

    Files of up to 1.5 MB, for which forty bytes ask: opened and read for each request, in threads,
    a flood of requests held up all others for seconds.
    """

    def __init__(self, path: Path, media_type: str) -> None:
        self.path = path
        self._media_type = media_type
        self._read: tuple[int, int] | None = None
        self._content = b""
        self._etag = ""

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self.path.is_file()

    def response(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Return the file, or 304 to who has it.  Raises :exc:`OSError`."""
        found = self.path.stat()
        if self._read != (found.st_mtime_ns, found.st_size):
            self._content = self.path.read_bytes()
            self._etag = f'"{sha256(self._content).hexdigest()[:32]}"'
            self._read = found.st_mtime_ns, found.st_size
        headers = {**headers, "ETag": self._etag}
        if request.headers.get("if-none-match") == self._etag:
            return Response(status_code=304, headers=headers)
        return _Sliced(self._content, 200, headers, self._media_type)


class _Sliced(Response):
    """A response that lets others have their turn between its parts."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        body = memoryview(self.body)
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        for at in range(0, len(body), _SLICE):
            part = bytes(body[at : at + _SLICE])
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


def named(files: Mapping[str, StaticFile], request: Request) -> StaticFile:
    """Return the file that a path's ``name`` asks for.  Raises :exc:`Problem`, a 404."""
    found = files.get(request.path_params["name"])
    if found is None or not found.exists():
        raise NOT_HERE
    return found
