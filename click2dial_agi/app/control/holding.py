"""Keeping the client of a call on hold: he hears music, his agent nothing.

Asterisk has no action for it.  A channel of its own gives music to both sides (``click2dial-hold``
of the dialplan), and what the agent's phone sends and is sent is turned down.  All of it hangs on
the agent's channel: so it ends with his part in the call, whoever ends that and how.
"""

import asyncio
from typing import Any

from click2dial_agi.agi import check_variables
from click2dial_agi.app.control import sound
from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.domain import variables
from click2dial_agi.domain.live.channels import hold_of
from click2dial_agi.exceptions import PBXUnreachable

__all__ = ["hold", "is_held", "unhold"]

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
    await call.pbx.ari.originate(_channel_id(call), _channel(call))
    for _ in range(_LOOKS):
        channel = await call.pbx.ari.channel(_channel_id(call))
        if channel is None:
            break
        dialplan = channel.get("dialplan")
        if isinstance(dialplan, dict) and dialplan.get("app_name") == _GIVES:
            await sound.turn(call, held=True)
            return
        await asyncio.sleep(_PAUSE)
    await call.pbx.ari.hang_up(_channel_id(call))
    raise PBXUnreachable("no music began: is the PBX's dialplan as new as this server?")


async def unhold(call: SteeredCall) -> None:
    """Let the two hear each other again; who is not on hold stays as he is."""
    # First what the two hear: if we die here, he is still on hold for who asks again.
    await sound.turn(call, held=False)
    await call.pbx.ari.hang_up(_channel_id(call))
    for _ in range(_LOOKS):
        if not await is_held(call):
            return
        await asyncio.sleep(_PAUSE)
    raise PBXUnreachable("the music did not end")


def _channel_id(call: SteeredCall) -> str:
    return hold_of(call.agent_leg.uniqueid)


def _channel(call: SteeredCall) -> dict[str, Any]:
    """Return the body of ``POST /ari/channels/<id>``."""
    recorders = dict.fromkeys((call.client_leg, call.recorder or call.client_leg))
    told = {
        variables.SPIED: call.agent_leg.uniqueid,
        variables.HELD_ON: "&".join(leg.uniqueid for leg in recorders),
    }
    check_variables(told)
    return {
        "endpoint": "Local/through@click2dial-hold/n",
        "context": "click2dial-hold",
        "extension": "held",
        "priority": 1,
        "formats": "slin",
        "timeout": 5,
        "variables": {f"__{name}": value for name, value in told.items()},
    }
