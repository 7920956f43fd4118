"""``GET /click2dial/recordings/{ref}``: what ``recording_url`` of a cdr refers to."""

import asyncio
import logging
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.auth import authorize
from click2dial_agi.app.http.errors import Problem, error_response
from click2dial_agi.app.http.query import read_query, ref_in_path
from click2dial_agi.app.http.schemas import ONE_RECORDING, errors, recorded
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.io.recordings import RecordingState, find, recording_path

__all__ = ["RECORDINGS_PATH", "add_recordings"]

log = logging.getLogger(__name__)

RECORDINGS_PATH = "/click2dial/recordings"

_UNKNOWN = Problem(404, (FieldError("ref", "the recording_url of one of this integrator's calls"),))
_NO_PART = FieldError("range", "a part that the recording has")
_WRITING = Problem(409, (FieldError("ref", "a recording that is finished; this call goes on"),))


def add_recordings(app: FastAPI, calls: Callable[[], CreatedCalls]) -> None:
    """Add the route, which also answers requests for parts of a recording (RFC 9110, Range)."""

    @app.get(
        f"{RECORDINGS_PATH}/{{ref}}",
        response_class=FileResponse,
        responses={**recorded(), **errors(401, 403, 404, 409, 421, 422, 503)},
        openapi_extra=ONE_RECORDING,
        operation_id="getRecording",
        summary="Fetch a recording",
    )
    async def recording(request: Request) -> Response:
        current, ref = calls(), ref_in_path(request, "ref")
        authorize(request, current.integrator)
        read_query(request)
        try:
            path = recording_path(current.config.recordings_dir, current.integrator.name, ref)
        except ValueError:
            raise _UNKNOWN from None
        try:
            state = await asyncio.to_thread(find, path, ended=False)
            if state is RecordingState.WRITING:
                ended = await current.store.record(ref) is not None
                state = await asyncio.to_thread(find, path, ended=ended)
        except OSError as error:
            log.error("recording %s: %s", ref, error)
            raise _UNKNOWN from error
        if state is RecordingState.MISSING:
            raise _UNKNOWN
        if state is RecordingState.WRITING:
            raise _WRITING
        return _Recording(path, media_type="audio/wav", filename=path.name)


class _NoPart(Exception):
    """There is no such part; ``status`` is Starlette's."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.headers = dict(headers)


class _Recording(FileResponse):
    """A recording, or the part that Range asks for.

    A Range that is none, or of another unit, asks for nothing (RFC 9110 section 14.2), which
    Starlette calls 400; and what it says of a part that is not there has no body.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def send_part(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                raise _NoPart(message["status"], message["headers"])
            await send(message)

        try:
            await super().__call__(scope, receive, send_part)
        except _NoPart as none:
            if none.status == 416:
                size = none.headers[b"content-range"].decode("latin-1")
                refused = error_response(416, [_NO_PART], {"Content-Range": size})
                await refused(scope, receive, send)
            else:
                headers = [one for one in scope["headers"] if one[0] != b"range"]
                await super().__call__({**scope, "headers": headers}, receive, send)
