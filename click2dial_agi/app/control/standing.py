"""How a call stands that is steered: its channels on the PBX say so themselves."""

from click2dial_agi.app.control import consulting, holding
from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.app.control.recording import pauses_of
from click2dial_agi.app.control.sound import is_muted
from click2dial_agi.domain.steering import Control

__all__ = ["control_of", "is_held"]


async def control_of(call: SteeredCall) -> Control:
    """Ask the PBX."""
    asked = await consulting.asked(call)
    pauses = await pauses_of(call)
    return Control(
        muted=await is_muted(call),
        held=await is_held(call),
        consult=asked.state if asked is not None else None,
        recording_paused=pauses.open_from is not None,
    )


async def is_held(call: SteeredCall) -> bool:
    """Tell whether the client hears music by the API, on hold or while a colleague is asked."""
    return await holding.is_held(call) or await consulting.is_under_way(call)
