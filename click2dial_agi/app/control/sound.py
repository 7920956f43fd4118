"""What the two sides of a call hear."""

from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.domain import variables

__all__ = ["is_muted", "mute", "open_to_agent", "press", "turn"]

# What a channel sends into its call and what it is sent, as func_volume.c turns them down and back.
# (MuteAudio stops the RTP altogether, which phones and trunks take for a call that is dead.)
_SENT, _GIVEN = "VOLUME(RX)", "VOLUME(TX)"
_SILENT, _AS_IT_IS = "-32000", "0"

# Milliseconds; shorter ones are lost on some networks.
_KEY_LENGTH = "120"


async def mute(call: SteeredCall, *, muted: bool, held: bool) -> None:
    """Let the client hear the agent, or not; one who is on hold (``held``) hears him afterwards."""
    leg = call.agent_leg
    await call.set(leg, _SENT, _SILENT if muted or held else _AS_IT_IS)
    await call.set(leg, leg.variable(variables.MUTED), "1" if muted else "")


async def turn(call: SteeredCall, *, held: bool) -> None:
    """Let neither side hear the other, or both; an agent who is muted stays so."""
    leg = call.agent_leg
    await call.set(leg, _SENT, _SILENT if held or await is_muted(call) else _AS_IT_IS)
    await call.set(leg, _GIVEN, _SILENT if held else _AS_IT_IS)


async def open_to_agent(call: SteeredCall) -> None:
    """Let the agent hear what his channel is sent, if he did not."""
    await call.set(call.agent_leg, _GIVEN, _AS_IT_IS)


async def is_muted(call: SteeredCall) -> bool:
    """Tell whether the agent is muted."""
    return await call.get(call.agent_leg, call.agent_leg.variable(variables.MUTED)) == "1"


async def press(call: SteeredCall, digit: str) -> None:
    """Press a key for the agent; Asterisk keeps the gap before the next one."""
    await call.act(
        "PlayDTMF",
        Channel=call.agent_leg.name,
        Digit=digit,
        Duration=_KEY_LENGTH,
        Receive="true",  # as if his phone had sent it
    )
