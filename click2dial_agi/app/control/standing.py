"""How a call stands that is steered: its channels on the PBX say so themselves."""

from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.app.control.holding import is_held
from click2dial_agi.app.control.recording import pauses_of
from click2dial_agi.app.control.sound import is_muted
from click2dial_agi.domain.steering import Control

__all__ = ["control_of"]


async def control_of(call: SteeredCall) -> Control:
    """Ask the PBX."""
    pauses = await pauses_of(call)
    return Control(
        muted=await is_muted(call),
        held=await is_held(call),
        recording_paused=pauses.open_from is not None,
    )
