"""What phones saw of their calls against the records of them: nothing lost, doubled or wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster_calls import Placed

Record = Mapping[str, Any]

#: What a caller saw, and what the record may say of it.
_ENDINGS = {
    200: {("hungup", 16)},
    404: {("error", 1)},
    480: {("timeout", 19)},
    486: {("busy", 17)},
    487: {("cancel", 16)},
    503: {("error", 34), ("failed", 42)},
}


#: For so many seconds after its last message a call may still be in its hangup handler.
_HANDLER = 1.0

#: What a new call may take, whatever dies: seconds.
SOON = 2.5


@dataclass
class Trouble:
    """What was away, and from when to when; `pbx` is an Asterisk's number, `node` a Kamailio."""

    began: float
    ended: float
    pbx: int | None = None
    node: str = ""

    def touches(self, call: Placed) -> bool:
        """Tell whether a call may have been there when it went away, or while it was away."""
        if call.began > self.ended or call.ended < self.began - _HANDLER:
            return False
        if self.pbx is not None:
            # One that was not seen outside may have been anywhere.
            return self.pbx in call.pbxs or (not call.pbxs and call.began < self.began)
        return call.node == self.node or call.created


@dataclass
class Ledger:
    """The comparison; `died` are calls that went with an Asterisk or a Kamailio."""

    lost: list[Placed] = field(default_factory=list)
    doubled: list[tuple[Placed, list[Record]]] = field(default_factory=list)
    wrong: list[tuple[Placed, Record]] = field(default_factory=list)
    died: list[Placed] = field(default_factory=list)
    unanswered: list[Placed] = field(default_factory=list)
    strange: list[Record] = field(default_factory=list)
    slowest: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    recorded: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> list[object]:
        parts = (self.lost, self.doubled, self.wrong, self.unanswered, self.strange)
        return [one for part in parts for one in part]

    def __str__(self) -> str:
        counts: dict[str, Sequence[object]] = {
            "lost": self.lost,
            "doubled": self.doubled,
            "wrong": self.wrong,
            "unanswered": self.unanswered,
            "died with what was killed": self.died,
        }
        told = ", ".join(f"{len(calls)} {what}" for what, calls in counts.items())
        seen = f"{self.statuses.total()} calls {dict(self.statuses)}"
        return f"{seen}: {told}; slowest answer {self.slowest:.2f} s"


def compare(
    calls: Sequence[Placed], records: Sequence[Record], troubles: Sequence[Trouble]
) -> Ledger:
    """Hold each call against its records.

    A created call has one whatever happens.  A phone's that was in what went away has one or none.
    """
    ledger = Ledger()
    by_ref: dict[str, list[Record]] = {}
    for record in records:
        by_ref.setdefault(str(record["contact_ref"]), []).append(record)
    known = {call.number for call in calls}
    ledger.strange = [record for record in records if record["contact_ref"] not in known]
    for call in calls:
        found = by_ref.get(call.number, [])
        ledger.statuses[call.status] += 1
        ledger.recorded[call.number] = len(found)
        touched = any(trouble.touches(call) for trouble in troubles)
        if len(found) > 1:
            ledger.doubled.append((call, found))
        _judge(call, found, ledger, touched=touched)
    return ledger


def _judge(call: Placed, found: Sequence[Record], ledger: Ledger, *, touched: bool) -> None:
    if call.created:
        if call.status == 201 and not found:
            ledger.lost.append(call)
        elif call.status == 201 and not touched and _ending(found[0]) != ("hungup", 16):
            ledger.wrong.append((call, found[0]))
        return
    if touched and (not found or not call.status):
        ledger.died.append(call)
        return
    if not call.status:
        ledger.unanswered.append(call)
    elif not touched:
        ledger.slowest = max(ledger.slowest, call.seconds)
    if not found:
        ledger.lost.append(call)
    elif not touched and (
        _ending(found[0]) not in _ENDINGS.get(call.status, set())
        or (found[0]["number"], found[0]["extension"]) != (call.number, call.agent)
    ):
        ledger.wrong.append((call, found[0]))


def _ending(record: Record) -> tuple[str, int]:
    return record["end_reason"], record["end_code"]
