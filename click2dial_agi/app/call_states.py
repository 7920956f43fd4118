"""Where a call stands, as the REST API shows it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.records import client_of
from click2dial_agi.domain.told import KnownCall

__all__ = ["CallState", "from_known", "from_live", "from_record"]


class CallState(StrEnum):
    """Where a call stands."""

    RINGING_AGENT = "ringing-agent"
    RINGING_CALLEE = "ringing-callee"
    QUEUED = "queued"
    UP = "up"
    ENDED = "ended"
    UNKNOWN = "unknown"  # its PBX does not answer, or is none of this server's


def from_live(live: LiveCall, state: CallState) -> dict[str, Any]:
    """Describe a call that was counted in and has no record yet."""
    return {
        "call_ref": live.call_ref,
        "contact_ref": live.contact_ref,
        "agent": live.agent,
        "callee": live.callee,
        "dial_number": live.dial_number,
        "state": state.value,
        "record": None,
    }


def from_known(known: KnownCall, agent: str, state: CallState) -> dict[str, Any]:
    """Describe a live call of a phone's, or from outside; ``agent`` is who has it now."""
    call = known.call
    return {
        "call_ref": call.call_ref,
        "contact_ref": call.contact_ref,
        "agent": agent,
        "callee": call.number,
        "dial_number": call.dial_number,
        "state": state.value,
        "record": None,
    }


def from_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a call that ended, from its cdr payload."""
    return {
        "call_ref": record["call_ref"],
        "contact_ref": record["contact_ref"],
        "agent": record["extension"],
        "callee": client_of(record),
        "dial_number": record["dial_number"],
        "state": CallState.ENDED.value,
        "record": record,
    }
