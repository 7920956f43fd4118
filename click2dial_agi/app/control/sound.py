"""What the two sides of a call hear."""

from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.app.control.recording import pauses_of
from click2dial_agi.domain import variables
from click2dial_agi.domain.steering import Control

__all__ = ["control_of", "mute", "press"]

# What a channel sends into its call, as func_volume.c turns it down and back.  (MuteAudio stops the
# RTP altogether, which phones and trunks take for a call that is dead.)
_SENT = "VOLUME(RX)"
_SILENT, _AS_IT_IS = "-32000", "0"

# Milliseconds; shorter ones are lost on some networks.
_KEY_LENGTH = "120"


async def mute(call: SteeredCall, *, muted: bool) -> None:
    """Let the client hear the agent, or not."""
    leg = call.agent_leg
    await call.set(leg, _SENT, _SILENT if muted else _AS_IT_IS)
    await call.set(leg, leg.variable(variables.MUTED), "1" if muted else "")


async def press(call: SteeredCall, digit: str) -> None:
    """Press a key for the agent; Asterisk keeps the gap before the next one."""
    await call.act(
        "PlayDTMF",
        Channel=call.agent_leg.name,
        Digit=digit,
        Duration=_KEY_LENGTH,
        Receive="true",  # as if his phone had sent it
    )


async def control_of(call: SteeredCall) -> Control:
    """Return how a call stands, as its channels say."""
    muted = await call.get(call.agent_leg, call.agent_leg.variable(variables.MUTED))
    pauses = await pauses_of(call)
    return Control(muted=muted == "1", recording_paused=pauses.open_from is not None)
