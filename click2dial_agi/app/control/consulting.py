"""Letting an agent ask somebody while the client waits, and giving that one the client.

Here it is a colleague; a number outside, in :mod:`click2dial_agi.app.control.outside`, is one, too.

The client hears music, and nobody hears him; the agent and the colleague hear each other.  Two
channels of the dialplan (``click2dial-consult``) do it: one gives the music and has turned down who
is not to be heard, the other rings the colleague.  All of it ends by itself with the agent's part
in the call, and with the colleague's: nothing of it is known here.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from click2dial_agi.agi import check_variables
from click2dial_agi.app.control import holding, sound
from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.app.control.phones import check_free
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.app.peer_dial import place_of
from click2dial_agi.domain import variables
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.live.channels import asked_of, consult_of
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.steering import Consult
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ari import Created

__all__ = [
    "Asked",
    "asked",
    "begin",
    "end",
    "give",
    "has_given",
    "is_asked",
    "is_under_way",
    "keep",
    "play",
    "ring",
    "silence",
]

# What the dialplan puts where nobody has answered.
_NOBODY = "-"

# How it stands with the colleague's channel (variables.KEPT).
_TALKS, _KEPT, _WAITS = "0", "1", "2"

# How long a colleague's phone rings, in seconds: the client waits meanwhile.
_RING = 30

_ANOTHER = CallRefused(
    Why.NOT_NOW, (FieldError("callee", "who is asked already (transfer/cancel ends that)"),)
)
_REGISTERED = FieldError("callee", "a colleague whose phone is registered")
_FREE = FieldError("callee", "a colleague who has no call already (call_waiting)")


class Asked(NamedTuple):
    """Whom an agent asks, as he was dialled; ``channel`` is his, empty while he is rung."""

    callee: str
    channel: str = ""

    @property
    def state(self) -> Consult:
        """In the word of the API."""
        return Consult.TALKING if self.channel else Consult.RINGING


async def is_under_way(call: SteeredCall) -> bool:
    """Tell whether the client waits for that, also if the colleague has just gone."""
    return await call.pbx.ari.channel(consult_of(call.agent_leg.uniqueid)) is not None


async def asked(call: SteeredCall) -> Asked | None:
    """Return whom the agent asks at this moment, None if nobody."""
    if not await is_under_way(call):
        return None
    ari, music = call.pbx.ari, consult_of(call.agent_leg.uniqueid)
    rings = await ari.channel(_ringing(call)) is not None
    callee = await ari.variable(music, variables.COLLEAGUE)
    # After the phone: its channel is left there before that has done ringing.
    channel = await ari.variable(music, variables.ASKED)
    if channel not in ("", _NOBODY):
        kept = await call.manager.action("Getvar", Channel=channel, Variable=variables.KEPT)
        if kept.succeeded:
            return Asked(callee, channel if kept.get("Value") else "")
    return Asked(callee) if rings else None


async def is_asked(call: SteeredCall, callee: str) -> bool:
    """Tell whether it is he who is asked; raises :exc:`CallRefused` if it is another."""
    already = await asked(call)
    if already is not None and already.callee != callee:
        raise _ANOTHER
    return already is not None


async def begin(
    call: SteeredCall, extension: str, integrator: Integrator, config: Config, pbxs: PBXs
) -> None:
    """Ring a colleague, unless it is he who is asked; the client hears music from now on.

    His phone may be registered at another PBX (``peer_dial``).  Raises :exc:`CallRefused` where it
    cannot be rung, or another colleague is asked.
    """
    if await is_asked(call, extension):
        return
    here = integrator.dial_agent(extension)
    there, dial = await place_of(extension, here, config, pbxs, call.pbx)
    await check_free(there, extension, integrator, _REGISTERED, _FREE)
    await play(call, extension)
    told = {
        variables.AGENT_DIAL: dial,
        variables.TO_SHOW: call.agent,
        variables.RING_TIMEOUT: str(_RING),
    }
    if there is not call.pbx:
        told[variables.EXTENSION] = variables.extension_at_peer(extension, dial)
    if not await ring(call, "ring", told, _RING):
        raise CallRefused(Why.NOT_THERE, (_REGISTERED,))


async def play(call: SteeredCall, callee: str) -> None:
    """Let the client hear music, and the agent whoever will be rung."""
    await end(call)  # whom he asked before may have gone a moment ago
    await holding.play(call, consult_of(call.agent_leg.uniqueid), _music(call, callee))
    await holding.stop(call)
    await sound.open_to_agent(call)


async def ring(call: SteeredCall, extension: str, told: Mapping[str, str], seconds: int) -> bool:
    """Have an extension of the dialplan ring somebody for so long; it is over if that is False."""
    told = {**told, variables.SPIED: call.agent_leg.uniqueid}
    check_variables(told)
    body = {
        "endpoint": f"Local/{extension}@click2dial-consult/n",
        "context": "click2dial-consult",
        "extension": "over",
        "priority": 1,
        "formats": "ulaw,alaw",
        "timeout": seconds + 5,
        "variables": {f"__{name.lstrip('_')}": value for name, value in told.items()},
    }
    if await call.pbx.ari.originate(_ringing(call), body) is not Created.REFUSED:
        return True
    await end(call)
    return False


async def end(call: SteeredCall) -> None:
    """Let the colleague go, if one is asked, and agent and client talk again."""
    colleague = await asked(call)
    if colleague is not None and colleague.channel:
        with contextlib.suppress(CallRefused):  # whom nobody has given the client after all
            await call.set_on(colleague.channel, variables.KEPT, _TALKS)
    await holding.end(call, consult_of(call.agent_leg.uniqueid))
    await holding.end(call, _ringing(call))  # else the next one is taken for it


async def silence(call: SteeredCall) -> None:
    """End the music of a client who has been given away, some tenths of a second sooner."""
    with contextlib.suppress(PBXUnreachable):  # it ends by itself
        await call.pbx.ari.hang_up(consult_of(call.agent_leg.uniqueid))


async def give(call: SteeredCall, colleague: Asked, target: str) -> None:
    """Have the colleague's channel wait for the client, who is sent to ``target`` now.

    One who has hung up meanwhile is rung then, as at any transfer.
    """
    with contextlib.suppress(CallRefused):
        await call.set_on(colleague.channel, variables.KEPT, _KEPT)
    takes = call.client_leg.variable(variables.TAKES)
    # As the dialplan writes what it is to dial: a number may begin with +.
    await call.set(call.client_leg, takes, f"{quote(target, safe='')}|{colleague.channel}")


async def keep(call: SteeredCall, colleague: Asked) -> None:
    """Undo :func:`give`: the client has not been sent."""
    with contextlib.suppress(CallRefused):
        await call.set_on(colleague.channel, variables.KEPT, _TALKS)
        await call.set(call.client_leg, call.client_leg.variable(variables.TAKES), "")


async def has_given(call: SteeredCall) -> bool:
    """Tell whether who talks to the client now was asked before, and was given him."""
    return await call.get(call.agent_leg, variables.KEPT) in (_KEPT, _WAITS)


def _ringing(call: SteeredCall) -> str:
    return asked_of(call.agent_leg.uniqueid)


def _music(call: SteeredCall, callee: str) -> dict[str, Any]:
    """Return the body of ``POST /ari/channels/<id>`` for what the client hears."""
    told = {
        **holding.told(call),
        variables.WAITS: call.client_leg.uniqueid,
        variables.COLLEAGUE: callee,
    }
    return holding.body("click2dial-consult", "wait", told)
