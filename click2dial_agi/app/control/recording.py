"""Pausing the recording of a call, and going on with it.

The recording keeps its length: what is said in a pause is silence in it.
"""

import contextlib

from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.domain import variables
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.pauses import MAX_PAUSES, Pauses

__all__ = ["pause", "pauses_of", "resume"]

_NOT_RECORDED = CallRefused(
    Why.NOT_NOW, (FieldError("call_ref", "a call that is recorded (record)"),)
)
_TOO_MANY = CallRefused(
    Why.NOT_NOW, (FieldError("call_ref", f"a recording of at most {MAX_PAUSES} pauses"),)
)


_PAUSES = variables.PAUSES


async def pauses_of(call: SteeredCall) -> Pauses:
    """Return the pauses of a call's recording so far."""
    if not call.known.recorded:
        return Pauses()
    return Pauses.parse(await call.get(call.client_leg, call.client_leg.variable(_PAUSES)))


async def pause(call: SteeredCall) -> Pauses:
    """Record silence from now on."""
    if not call.known.recorded:
        raise _NOT_RECORDED
    before = await pauses_of(call)
    if before.is_full:
        raise _TOO_MANY
    now = await _position(call)
    # First what counts; if we die here, who asks again finds no mark, and does all of it.
    await _silence(call, "1")
    return await _keep(call, before.pause(now))


async def resume(call: SteeredCall) -> Pauses:
    """Record what is said from now on."""
    if not call.known.recorded:
        raise _NOT_RECORDED
    before = await pauses_of(call)
    await _silence(call, "0")
    if before.open_from is None:
        return before
    return await _keep(call, before.resume(await _position(call)))


async def _silence(call: SteeredCall, state: str) -> None:
    name = call.client_leg.name
    await call.act("MixMonitorMute", Channel=name, Direction="both", State=state)


async def _keep(call: SteeredCall, pauses: Pauses) -> Pauses:
    """Leave the pauses with each channel that may make the record."""
    client, recorder = call.client_leg, call.recorder
    await call.set(client, client.variable(_PAUSES), pauses.text())
    if recorder is not None and recorder != client:
        # One that has gone, with the agent who sent the client on, makes no record any more.
        with contextlib.suppress(CallRefused):
            await call.set(recorder, recorder.variable(_PAUSES), pauses.text())
    return pauses


async def _position(call: SteeredCall) -> int:
    """Return where the recording is, in ms, by the PBX's clock."""
    leg = call.client_leg
    told = await call.get(leg, leg.variable(variables.RECORDED_FROM))
    now = await call.get(leg, variables.NOW)
    if not (told.isdecimal() and now.isdecimal()):  # an older dialplan
        return 0
    return max(int(now) - int(told), 0)
