"""Where a created call stands, as the REST API shows it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

__all__ = ["CallState", "from_live", "from_record"]


class CallState(StrEnum):
    """Where a created call stands."""

    RINGING_AGENT = "ringing-agent"
    RINGING_CALLEE = "ringing-callee"
    UP = "up"
    ENDED = "ended"

    @classmethod
    def of(cls, channel: Mapping[str, Any] | None, *, joined: bool) -> "CallState":
        """Tell it from the agent's channel, as ARI describes it, and whether it is joined."""
        if channel is None:
            return cls.ENDED
        if channel.get("state") != "Up":
            return cls.RINGING_AGENT
        return cls.UP if joined else cls.RINGING_CALLEE


def from_live(live: Mapping[str, Any], state: CallState) -> dict[str, Any]:
    """Describe a call that was counted in and has no record yet."""
    shown = {
        key: live[key] for key in ("call_ref", "contact_ref", "agent", "callee", "dial_number")
    }
    return {**shown, "state": state.value, "record": None}


def from_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a call that ended, from its cdr payload."""
    return {
        "call_ref": record["call_ref"],
        "contact_ref": record["contact_ref"],
        "agent": record["extension"],
        # Before version 3 the client's number is in ref.
        "callee": record.get("number", record["ref"]),
        "dial_number": record["dial_number"],
        "state": CallState.ENDED.value,
        "record": record,
    }
