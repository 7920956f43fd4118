"""The table: which way in, which move, to which target."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest

case = pytest.mark.case


class Origin(StrEnum):
    """How agent and client came together."""

    PHONE = "phone"  # the agent dialled
    CREATED = "created"  # the CRM created the call
    DID = "did"  # the client dialled a number that rings the agent
    QUEUE = "queue"  # or one that leads to a queue

    @property
    def inbound(self) -> bool:
        return self in (Origin.DID, Origin.QUEUE)


class Move(StrEnum):
    """What happens to the call then."""

    NONE = "none"
    BLIND = "blind"  # REFER
    EARLY = "early"  # REFER with Replaces of a call that still rings
    EARLY_DECLINED = "early-declined"  # and then the target declines
    ATTENDED = "attended"  # REFER with Replaces of a call that is answered
    ATTENDED_LEFT = "attended-left"  # and then the target hangs up, not the client
    ATTENDED_AT_ONCE = "attended-at-once"  # in the moment in which the target answers
    TWICE = "twice"  # REFER to a colleague, who sends the client on
    PICKUP = "pickup"  # a colleague takes the call while the agent's phone rings
    REPLACES = "replaces"  # a colleague takes the call that the agent talks on
    REDIRECT = "redirect"  # a panel moves the client's channel
    FORWARD = "forward"  # the agent's phone answers 302


class Target(StrEnum):
    """Where to."""

    COLLEAGUE = "colleague"
    OUTSIDE = "outside"
    LOCAL = "local"  # a colleague; all phones, and the trunk, behind Local channels
    LOCAL_OUTSIDE = "local-outside"
    UNKNOWN = "unknown"
    BUSY = "busy"
    LOCAL_BUSY = "local-busy"
    SILENT = "silent"  # rings and does not answer
    DESERTED = "deserted"  # busy, and so is the agent by then
    REPLACES = "replaces"  # pickup by INVITE with Replaces
    #: Forwards: what the integrator's `forwarding` says, and where the phone points.
    NONE_COLLEAGUE = "none-colleague"
    NONE_OUTSIDE = "none-outside"
    INTERNAL_COLLEAGUE = "internal-colleague"
    INTERNAL_OUTSIDE = "internal-outside"
    INTERNAL_UNKNOWN = "internal-unknown"
    INTERNAL_BUSY = "internal-busy"
    ALLOWED_COLLEAGUE = "allowed-colleague"
    ALLOWED_OUTSIDE = "allowed-outside"

    @property
    def local(self) -> bool:
        return self.value.startswith("local")

    @property
    def outside(self) -> bool:
        return self.value.endswith("outside")


#: Targets of a blind transfer that do not take the client.
NOT_ANSWERED = (
    Target.UNKNOWN,
    Target.BUSY,
    Target.LOCAL_BUSY,
    Target.SILENT,
    Target.DESERTED,
)

_PLANS = {"none": "acme", "internal": "inside", "allowed": "open"}


@dataclass(frozen=True)
class Cell:
    """One cell; `str` is its name in pytest and in the table."""

    origin: Origin
    move: Move
    target: Target

    def __str__(self) -> str:
        return f"{self.origin}-{self.move}-{self.target}"

    @property
    def integrator(self) -> str:
        """The integrator whose configuration the cell needs."""
        if self.move is Move.FORWARD:
            return _PLANS[self.target.partition("-")[0]]
        return "through" if self.target.local else "acme"

    @property
    def cases(self) -> tuple[pytest.MarkDecorator, ...]:
        """The cases of docs/cases.md that it holds."""
        found = list(_CASES[self.move])
        if self.origin is Origin.CREATED and self.move is not Move.NONE:
            found.append(case("T51" if self.move is Move.PICKUP else "T2"))
        if self.target.local:
            found.append(case("T9") if self.target is Target.LOCAL_BUSY else case("T10"))
        if self.move in (Move.BLIND, Move.TWICE) and self.target.outside:
            found.append(case("T4"))
        if self.move is Move.BLIND and self.target in NOT_ANSWERED:
            found.append(case("T15"))
        if self.move is Move.ATTENDED and self.target.outside:
            found.append(case("T3"))
        if (self.origin, self.move, self.target) == (Origin.QUEUE, Move.NONE, Target.BUSY):
            found.append(case("T16"))
        if self.move is Move.FORWARD and self.target is Target.ALLOWED_OUTSIDE:
            found.append(case("T44"))
        return tuple(found)


_CASES: dict[Move, tuple[pytest.MarkDecorator, ...]] = {
    Move.NONE: (),
    Move.BLIND: (),
    Move.EARLY: (case("T1"),),
    Move.EARLY_DECLINED: (case("T1"), case("T15")),
    Move.ATTENDED: (),
    Move.ATTENDED_LEFT: (),
    Move.ATTENDED_AT_ONCE: (case("T67"),),
    Move.TWICE: (),
    Move.PICKUP: (case("T13"),),
    Move.REPLACES: (case("T13"),),
    Move.REDIRECT: (case("T13"),),
    Move.FORWARD: (case("T5"), case("T6")),
}

_ALL = tuple(Origin)
_WAYS = (Target.COLLEAGUE, Target.OUTSIDE, Target.LOCAL, Target.LOCAL_OUTSIDE)
_FORWARDS = tuple(target for target in Target if target.value.startswith(("none-", "int", "all")))

_TABLE: tuple[tuple[tuple[Origin, ...], Move, tuple[Target, ...]], ...] = (
    (_ALL, Move.NONE, (Target.COLLEAGUE, Target.LOCAL, Target.BUSY)),
    ((Origin.PHONE, Origin.CREATED), Move.NONE, (Target.UNKNOWN, Target.LOCAL_BUSY)),
    (_ALL, Move.BLIND, (*_WAYS, *NOT_ANSWERED)),
    (_ALL, Move.TWICE, (Target.COLLEAGUE, Target.OUTSIDE)),
    (_ALL, Move.EARLY, (Target.COLLEAGUE, Target.OUTSIDE, Target.LOCAL_OUTSIDE)),
    # Where the agent is behind a Local channel, too, Asterisk does not tell who talks in the end.
    ((Origin.PHONE,), Move.EARLY, (Target.LOCAL,)),
    (_ALL, Move.EARLY_DECLINED, _WAYS),
    (_ALL, Move.ATTENDED, _WAYS),
    (_ALL, Move.ATTENDED_LEFT, _WAYS),
    (_ALL, Move.ATTENDED_AT_ONCE, _WAYS),
    (
        (Origin.CREATED, Origin.DID, Origin.QUEUE),
        Move.PICKUP,
        (Target.COLLEAGUE, Target.REPLACES),
    ),
    (_ALL, Move.REPLACES, (Target.COLLEAGUE,)),
    ((Origin.PHONE,), Move.REPLACES, (Target.LOCAL,)),
    (_ALL, Move.REDIRECT, (Target.COLLEAGUE, Target.BUSY)),
    ((Origin.DID, Origin.QUEUE), Move.REDIRECT, (Target.LOCAL,)),
    (_ALL, Move.FORWARD, _FORWARDS),
)

CELLS = tuple(
    Cell(origin, move, target)
    for origins, move, targets in _TABLE
    for target in targets
    for origin in origins
)
