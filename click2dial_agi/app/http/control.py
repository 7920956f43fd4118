"""``POST /click2dial/calls/{call_ref}/…``: steering a call while it is up (docs/control.md)."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.control.steering import MaySee, Steering
from click2dial_agi.app.control.supervision import OWNED
from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.auth import asked, check_supervisor
from click2dial_agi.app.http.bodies import read_json
from click2dial_agi.app.http.control_schema import BODIES, ControlAnswer, operation
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.idempotency import read_key
from click2dial_agi.app.http.query import ref_in_path
from click2dial_agi.app.http.schemas import errors
from click2dial_agi.domain.calls import CallRequest
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.steering import (
    Control,
    Listening,
    Transfer,
    read_digits,
    read_listening,
    read_nothing,
    read_transfer,
)

__all__ = ["add_control"]

_ERRORS = (401, 403, 404, 409, 421, 422, 429, 501, 503)
_BODY_ERRORS = (400, 408, 413, 415)

_Act = Callable[[Steering, str, MaySee, Request], Awaitable[Control]]
_Errors = tuple[FieldError, ...]
_Read = Callable[[object], tuple[Any, _Errors]]


def add_control(
    app: FastAPI,
    path: str,
    calls: Callable[[], CreatedCalls],
    steering: Callable[[], Steering],
) -> None:
    """Add the routes, below the ``path`` of one call."""

    def route(action: str, name: str, summary: str, act: _Act) -> None:
        async def endpoint(request: Request) -> Response:
            current, steers = calls(), steering()
            asker, _ = await asked(request, current)
            steers.check()
            if action not in BODIES:
                await read(request, read_nothing)
            call_ref = ref_in_path(request, "call_ref")
            control = await act(steers, call_ref, asker.may_see, request)
            return JSONResponse({"call_ref": call_ref, **control._asdict()}, 202)

        app.add_api_route(
            f"{path}/{action}",
            endpoint,
            methods=["POST"],
            status_code=202,
            response_model=ControlAnswer,
            responses=errors(*_ERRORS, *_BODY_ERRORS),
            openapi_extra=operation(action),
            operation_id=name,
            summary=summary,
        )

    async def read(
        request: Request, reader: _Read, values: Callable[[Any], _Errors] = lambda _: ()
    ) -> Any:
        """Return what a body asks for; ``values`` tells what else is wrong with a wrong one."""
        absent: Any = {} if reader is read_nothing else None
        body = await read_json(request, calls().times.body, absent=absent)
        wanted, wrong = reader(body)
        if wrong:
            raise Problem(422, (*wrong, *values(wanted)) if isinstance(body, dict) else wrong)
        return wanted

    def wrong_callee(wanted: Transfer) -> _Errors:
        current = calls()
        if current.integrator.transfer_fallback is not None:  # which may take it
            return ()
        found = current.decide(CallRequest("", "", wanted.callee)).errors
        return tuple([error for error in found if error.field == "callee"])

    def wrong_extension(wanted: Listening) -> _Errors:
        return () if calls().integrator.owns(wanted.extension) else (OWNED,)

    async def press(steers: Steering, ref: str, may_see: MaySee, request: Request) -> Control:
        key = read_key(request.headers.getlist("idempotency-key"))
        return await steers.press(ref, may_see, await read(request, read_digits), key)

    async def mute(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.mute(ref, may_see, muted=True)

    async def unmute(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.mute(ref, may_see, muted=False)

    async def hold(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.hold(ref, may_see, held=True)

    async def unhold(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.hold(ref, may_see, held=False)

    async def pause(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.pause(ref, may_see)

    async def resume(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.resume(ref, may_see)

    async def transfer(steers: Steering, ref: str, may_see: MaySee, request: Request) -> Control:
        key = read_key(request.headers.getlist("idempotency-key"))
        wanted = await read(request, read_transfer, wrong_callee)
        if wanted.consult:
            return await steers.consult(ref, may_see, wanted.callee)
        return await steers.transfer(ref, may_see, wanted.callee, key)

    async def complete(steers: Steering, ref: str, may_see: MaySee, request: Request) -> Control:
        key = read_key(request.headers.getlist("idempotency-key"))
        return await steers.complete(ref, may_see, key)

    async def cancel(steers: Steering, ref: str, may_see: MaySee, _: Request) -> Control:
        return await steers.cancel(ref, may_see)

    async def listen(steers: Steering, ref: str, may_see: MaySee, request: Request) -> Control:
        check_supervisor(request, steers.integrator)
        wanted = await read(request, read_listening, wrong_extension)
        return await steers.listen(ref, wanted)

    route("mute", "muteCall", "Let the client not hear the agent", mute)
    route("unmute", "unmuteCall", "Let the client hear the agent again", unmute)
    route("hold", "holdCall", "Let the client hear music, and neither side the other", hold)
    route("unhold", "unholdCall", "Let both sides talk again", unhold)
    route("dtmf", "pressKeys", "Press keys for the agent", press)
    route("recording/pause", "pauseRecording", "Record silence", pause)
    route("recording/resume", "resumeRecording", "Record what is said again", resume)
    route("transfer", "transferCall", "Send the client elsewhere, or ask there first", transfer)
    route("transfer/complete", "completeTransfer", "Give the client to who was asked", complete)
    route("transfer/cancel", "cancelTransfer", "Let who is asked go, and take the client", cancel)
    route("listen", "listenToCall", "Let a supervisor's phone hear the call", listen)
