"""What a cell's records must say, and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.records import SLACK

Payload = dict[str, Any]
Ends = frozenset[tuple[str, int]]

#: Times are whole seconds, cut off, and phone and PBX see an event some ms apart.
SECOND = 1 + SLACK

CLIENT_HUNG_UP: Ends = frozenset({("callee_hungup", 16)})
AGENT_HUNG_UP: Ends = frozenset({("agent_hungup", 16)})
GIVEN_UP: Ends = frozenset({("agent_hungup", 16), ("agent_hungup", 0)})
BUSY: Ends = frozenset({("busy", 17)})
UNKNOWN: Ends = frozenset({("error", 1)})
ABSENT: Ends = frozenset({("error", 20), ("error", 3), ("error", 1)})  # no phone is registered


@dataclass(frozen=True)
class Expected:
    """One record. Times are Unix times as the phones saw them; `contact_ref` None is a made one."""

    what: str  # client's call, consultation, leg
    extension: str
    number: str
    dial_number: str
    contact_ref: str | None
    call_dir: str
    ends: Ends
    began: float
    ended: float
    held: float = 0.0
    #: For payload version 4.  When it was answered, 0.0: never, None: not known.
    answered: float | None = None
    call_type: str = ""  # "": any

    def problems(self, payload: Payload) -> list[str]:
        """Return what is wrong with a record, a line for each field."""
        told = {
            "extension": self.extension,
            "number": self.number,
            "dial_number": self.dial_number,
            "contact_ref": self.contact_ref or payload["call_ref"],
            "call_dir": self.call_dir,
            "recording_url": "",
            "ref": "click-dial",
        }
        wrong = [
            f"{self.what}: {key} is {payload[key]!r}, not {value!r}"
            for key, value in told.items()
            if payload[key] != value
        ]
        if self.call_type and payload.get("call_type", self.call_type) != self.call_type:
            wrong.append(f"{self.what}: call_type is {payload['call_type']}")
        end = (payload["end_reason"], payload["end_code"])
        if end not in self.ends:
            wrong.append(f"{self.what}: ended {end}, not {sorted(self.ends)}")
        times = {
            "dialed_at": self.began - 0.5,  # cut off: on average half a second early
            "call_time": self.ended - self.began,
            "hold_time": self.held,
        }
        if self.answered is not None and "answered_at" in payload:
            times["answered_at"] = self.answered and self.answered - 0.5
            times["talk_time"] = self.answered and self.ended - self.answered
        wrong += [
            f"{self.what}: {key} is {payload[key]}, not {value:.1f}"
            for key, value in times.items()
            if abs(payload[key] - value) > SECOND
        ]
        return wrong


def compare(expected: Sequence[Expected], payloads: Sequence[Payload]) -> list[str]:
    """Return all that is wrong: records lost, doubled, or wrong in a field."""
    wrong: list[str] = []
    left = list(payloads)
    for one in expected:
        found = next((payload for payload in left if payload["number"] == one.number), None)
        if found is None:
            wrong.append(f"{one.what}: no record of {one.number}")
            continue
        left.remove(found)
        wrong += one.problems(found)
    wrong += [f"one record too many: {brief(payload)}" for payload in left]
    wrong += _trail(expected, payloads)
    references = [payload["call_ref"] for payload in payloads]
    if len(set(references)) < len(references):
        wrong.append("two records with one call_ref")
    return wrong


def _trail(expected: Sequence[Expected], payloads: Sequence[Payload]) -> list[str]:
    """Compare what joins the legs of one client's call in version 4: the first one's call_ref."""
    joined = {one.number for one in expected if not one.what.startswith("consultation")}
    trail = [one for one in payloads if one["number"] in joined and "call_trail_ref" in one]
    if not trail:
        return []
    wrong = []
    first = next(one.number for one in expected if one.number in joined)
    [reference] = {one["call_ref"] for one in trail if one["number"] == first} or {""}
    if {one["call_trail_ref"] for one in trail} != {reference}:
        wrong.append("call_trail_ref is not the first call's call_ref")
    numbers = sorted(one["call_trail_number"] for one in trail)
    if numbers != list(range(1, len(trail) + 1)):
        wrong.append(f"call_trail_number counts {numbers}")
    return wrong


def brief(payload: Payload) -> str:
    """Return a record in one line."""
    keys = ("call_dir", "extension", "number", "dial_number", "contact_ref", "end_reason")
    times = f"{payload['end_code']} {payload['call_time']} s, held {payload['hold_time']} s"
    return f"{' '.join(str(payload[key]) for key in keys)} {times}"
