"""Where an agent and a call stand (docs/contract.md, Live)."""

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["AgentState", "CallState", "most_telling", "of_device"]


class CallState(StrEnum):
    """Where a call stands.  It never goes back, but from ``held`` to ``up``."""

    RINGING_AGENT = "ringing-agent"
    RINGING_CALLEE = "ringing-callee"
    QUEUED = "queued"
    UP = "up"
    HELD = "held"
    ENDED = "ended"
    UNKNOWN = "unknown"  # its PBX does not answer, or is none of this server's


class AgentState(StrEnum):
    """Where an agent stands."""

    TALKING = "talking"  # or dialling: his phone is off the hook
    HOLD = "hold"  # all that he talks on is on hold
    RINGING = "ringing"
    UNKNOWN = "unknown"  # nobody can tell now: the PBX's manager is away
    PAUSED = "paused"  # idle, and paused in a queue
    IDLE = "idle"
    OFFLINE = "offline"


# Asterisk's device states (ast_devstate_str in devicestate.c).  ONHOLD is that of the party that
# was put on hold, and may not even hear it.
_BY_DEVICE = {
    "NOT_INUSE": AgentState.IDLE,
    "INUSE": AgentState.TALKING,
    "BUSY": AgentState.TALKING,
    "ONHOLD": AgentState.TALKING,
    "RINGINUSE": AgentState.TALKING,
    "RINGING": AgentState.RINGING,
    "UNAVAILABLE": AgentState.OFFLINE,
    "INVALID": AgentState.OFFLINE,
}

_ORDER = {state: place for place, state in enumerate(AgentState)}


def of_device(word: str) -> AgentState:
    """Return what a device state says of who has the device."""
    return _BY_DEVICE.get(word, AgentState.UNKNOWN)


def most_telling(states: Iterable[AgentState]) -> AgentState:
    """Return the state of an agent with several phones; ``unknown`` without any.

    Who talks on one talks.  Who is idle on one, while of another nobody knows, is not known to be
    idle.
    """
    return min(states, key=_ORDER.__getitem__, default=AgentState.UNKNOWN)
