"""A supervisor's phone in an agent's call: it hears both, and is heard by nobody, one or both."""

from typing import Any

from click2dial_agi.agi import check_variables
from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.app.control.phones import check_free
from click2dial_agi.domain import variables
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.live.channels import listen_of
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.steering import Listening, ListenMode
from click2dial_agi.io.ari import Created

__all__ = ["OWNED", "check", "is_there", "ring"]

# Of ChanSpy() (app_chanspy.c): u the channel is named by its uniqueid, q no beep, E it ends with
# the channel.  No d: by that a supervisor's keys would change the mode, and nobody would be told.
_OPTIONS = {ListenMode.LISTEN: "uqE", ListenMode.WHISPER: "uqEw", ListenMode.BARGE: "uqEB"}

# Seconds.
_RING = 30

#: Whose phone may be rung.
OWNED = FieldError("extension", "an extension of this integrator")
_ANOTHER = FieldError("extension", "somebody else than the agent")
_REGISTERED = FieldError("extension", "a supervisor whose phone is registered")
_FREE = FieldError("extension", "a supervisor who has no call already (call_waiting)")


async def is_there(call: SteeredCall, extension: str, integrator: Integrator) -> bool:
    """Tell whether a supervisor hears a call already, or his phone rings for it."""
    if await call.pbx.ari.channel(_channel_id(call, extension)) is not None:
        return True
    uniqueid = call.agent_leg.uniqueid
    heard = {f"{uniqueid},{options}" for options in _OPTIONS.values()}
    _, _, name = integrator.dial_agent(extension).partition("/")
    for channel in (await call.pbx.ari.channels()).values():
        dialplan = channel.get("dialplan")
        runs = dialplan if isinstance(dialplan, dict) else {}
        spies = runs.get("app_name") == "ChanSpy"
        on_it = runs.get("app_data") in heard
        if spies and on_it and str(channel.get("name", "")).startswith(f"PJSIP/{name}-"):
            return True
    return False


async def check(call: SteeredCall, extension: str, integrator: Integrator) -> None:
    """Raise :exc:`CallRefused` unless a supervisor's phone may be rung."""
    if not integrator.owns(extension):
        raise CallRefused(Why.WRONG, (OWNED,))
    if extension == call.agent:
        raise CallRefused(Why.WRONG, (_ANOTHER,))
    await check_free(call.pbx, extension, integrator, _REGISTERED, _FREE)


async def ring(call: SteeredCall, listening: Listening, integrator: Integrator) -> None:
    """Ring a supervisor's phone; when it answers it hears the call."""
    body = _channel(call, listening, integrator)
    created = await call.pbx.ari.originate(_channel_id(call, listening.extension), body)
    if created is Created.REFUSED:
        raise CallRefused(Why.NOT_THERE, (_REGISTERED,))


def _channel_id(call: SteeredCall, extension: str) -> str:
    return listen_of(call.call_ref, extension)


def _channel(call: SteeredCall, listening: Listening, integrator: Integrator) -> dict[str, Any]:
    """Return the body of ``POST /ari/channels/<id>``; as of a created call, Dial() rings."""
    told = {
        variables.AGENT_DIAL: integrator.dial_agent(listening.extension),
        variables.TO_SHOW: call.agent,
        variables.RING_TIMEOUT: str(_RING),
        variables.SPIED: call.agent_leg.uniqueid,
        variables.SPYING: _OPTIONS[listening.mode],
    }
    check_variables(told)
    return {
        "endpoint": "Local/ring@click2dial-listen/n",
        "context": "click2dial-listen",
        "extension": "over",
        "priority": 1,
        "formats": "ulaw,alaw",
        "timeout": _RING + 5,
        "variables": {f"__{name}": value for name, value in told.items()},
    }
