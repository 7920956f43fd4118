"""Keeping the client of a call on hold: he hears music, his agent nothing.

Asterisk has no action for it.  A channel of its own gives music to both sides (``click2dial-hold``
of the dialplan), and what the agent's phone sends and is sent is turned down.  All of it hangs on
the agent's channel: so it ends with his part in the call, whoever ends that and how.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from click2dial_agi.agi import check_variables
from click2dial_agi.app.control import sound
from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.domain import variables
from click2dial_agi.domain.live.channels import hold_of
from click2dial_agi.exceptions import PBXUnreachable

__all__ = ["body", "end", "hold", "is_held", "play", "stop", "told", "unhold"]

# What runs on the channel that gives the music (app_chanspy.c).
_GIVES = "ChanSpy"

# Until the music begins, and until it has ended: looks, and the seconds between two.
_LOOKS = 100
_PAUSE = 0.02


async def is_held(call: SteeredCall) -> bool:
    """Tell whether the client is on hold."""
    return await call.pbx.ari.channel(_channel_id(call)) is not None


async def hold(call: SteeredCall) -> None:
    """Put the client on hold; of one who is, make sure that nobody hears the other."""
    # The music is ARI's, and the silence the manager's: without that one none begins, through which
    # the two would hear each other.
    await call.reach()
    await play(call, _channel_id(call), body("click2dial-hold", "held", told(call)))
    await sound.turn(call, held=True)


async def unhold(call: SteeredCall) -> None:
    """Let the two hear each other again; who is not on hold stays as he is."""
    # First what the two hear: if we die here, he is still on hold for who asks again.
    await sound.turn(call, held=False)
    await stop(call)


async def stop(call: SteeredCall) -> None:
    """End the music of a hold, and turn nothing up."""
    await end(call, _channel_id(call))


async def play(call: SteeredCall, channel_id: str, originated: Mapping[str, Any]) -> None:
    """Originate a channel that gives music, and return when it does; one that is there stays."""
    await call.pbx.ari.originate(channel_id, originated)
    for _ in range(_LOOKS):
        channel = await call.pbx.ari.channel(channel_id)
        if channel is None:
            break
        dialplan = channel.get("dialplan")
        if isinstance(dialplan, dict) and dialplan.get("app_name") == _GIVES:
            return
        await asyncio.sleep(_PAUSE)
    await call.pbx.ari.hang_up(channel_id)
    raise PBXUnreachable("no music began: is the PBX's dialplan as new as this server?")


async def end(call: SteeredCall, channel_id: str) -> None:
    """Hang such a channel up, and return when it has gone; if there is none, at once."""
    if not await call.pbx.ari.hang_up(channel_id):
        return
    for _ in range(_LOOKS):
        if await call.pbx.ari.channel(channel_id) is None:
            return
        await asyncio.sleep(_PAUSE)
    raise PBXUnreachable("the music did not end")


def told(call: SteeredCall) -> dict[str, str]:
    """Return the variables of a channel that gives music: the call, and who counts for how long."""
    recorders = dict.fromkeys((call.client_leg, call.recorder or call.client_leg))
    return {
        variables.SPIED: call.agent_leg.uniqueid,
        variables.HELD_ON: "&".join(leg.uniqueid for leg in recorders),
    }


def body(context: str, extension: str, variables_: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of ``POST /ari/channels/<id>`` for a channel that gives music."""
    check_variables(variables_)
    return {
        "endpoint": "Local/through@click2dial-hold/n",
        "context": context,
        "extension": extension,
        "priority": 1,
        "formats": "slin",
        "timeout": 5,
        "variables": {f"__{name}": value for name, value in variables_.items()},
    }


def _channel_id(call: SteeredCall) -> str:
    return hold_of(call.agent_leg.uniqueid)
