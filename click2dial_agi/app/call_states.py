"""Where a call stands, as the REST API shows it."""

from collections.abc import Mapping
from typing import Any

from click2dial_agi.domain import facts
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.live.views import CallView
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.names import Fact
from click2dial_agi.domain.records import client_of
from click2dial_agi.domain.told import KnownCall
from click2dial_agi.exceptions import MalformedFacts

__all__ = ["CallState", "from_known", "from_live", "from_record", "with_view"]


def from_live(live: LiveCall, agent: str, state: CallState) -> dict[str, Any]:
    """Describe a call that was counted in and has no record yet; ``agent`` is who has it now."""
    return {
        "call_ref": live.call_ref,
        "contact_ref": live.contact_ref,
        "agent": agent,
        "callee": live.callee,
        "dial_number": live.dial_number,
        "direction": _direction_of(live),
        "state": state.value,
        **_times(int(live.at)),
        "recorded": _told(live).get(Fact.RECORDED) == "1",
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
        "direction": call.call_dir.value,
        "state": state.value,
        **_times(known.dialed_at),
        "recorded": known.recorded,
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
        "direction": record["call_dir"],
        "state": CallState.ENDED.value,
        **_times(record["dialed_at"], record.get("answered_at", 0)),
        "recorded": bool(record.get("recording_url")),
        "record": record,
    }


def with_view(shown: dict[str, Any], view: CallView | None) -> dict[str, Any]:
    """Add to a call what is known of it as it happens: whether it is held, and its times."""
    if view is None or shown["state"] == CallState.ENDED:
        return shown
    state = shown["state"]
    if state == CallState.UP and view.state is CallState.HELD:
        state = view.state.value
    since = view.since if view.state == state else 0
    return {**shown, "state": state, "since": since, "answered_at": view.answered_at}


def _times(dialed_at: int, answered_at: int = 0) -> dict[str, Any]:
    """Return them; 0 is what is not known, or was not."""
    return {"since": 0, "dialed_at": dialed_at, "answered_at": answered_at}


def _direction_of(live: LiveCall) -> str:
    return _told(live).get(Fact.CALL_DIR, CallDirection.OUTBOUND)


def _told(live: LiveCall) -> Mapping[str, str]:
    try:
        return facts.decode(live.facts)
    except MalformedFacts:
        return {}
