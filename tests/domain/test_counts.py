"""How many calls phones have, whatever is heard of them and in which order."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.domain.integrators import Limits

pytestmark = pytest.mark.case("A5")

REFS = [f"call-{number}" for number in range(8)]
FREE = Limits.model_validate({"agent": {"calls_per_minute": None, "concurrent_calls": None}})


class Clock:
    """Stands still until it is told to go on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counted(agent: str = "1000", channel: str = "", **more: Any) -> Counted:
    return Counted("acme", agent, channel or f"PJSIP/{agent}-1", **more)


def limits(**keys: Any) -> Limits:
    return Limits.model_validate(keys)


def admitted(counts: Counts, tries: int, allowed: Limits, agent: str = "1000") -> list[str]:
    """Try to place calls; return what was said to those that may not be."""
    said = (counts.admit(f"{agent}-{n}", counted(agent), allowed) for n in range(tries))
    return [error.message for error in said if error]


def test_one_agent_has_four_calls_at_once_unless_the_limit_says_otherwise() -> None:
    assert (
        admitted(Counts(Clock()), 60, Limits())
        == ["limits: at most 4 calls of an agent at once"] * 56
    )
    two = limits(agent={"concurrent_calls": 2})
    assert len(admitted(Counts(Clock()), 60, two)) == 58


def test_so_many_calls_a_minute() -> None:
    clock = Clock()
    counts = Counts(clock)
    allowed = limits(agent={"calls_per_minute": 3, "concurrent_calls": None})
    assert admitted(counts, 5, allowed) == ["limits: at most 3 calls of an agent a minute"] * 2
    assert len(admitted(counts, 5, allowed, "1001")) == 2  # each has his own
    for number in range(3):
        counts.leave(f"1000-{number}")  # that they have ended changes nothing
    assert len(admitted(counts, 5, allowed)) == 5
    clock.now += 60
    assert len(admitted(counts, 5, allowed)) == 2


def test_all_phones_of_an_integrator_together() -> None:
    counts = Counts(Clock())
    allowed = limits(phones={"concurrent_calls": 3})
    assert admitted(counts, 2, allowed, "1000") == []
    assert admitted(counts, 2, allowed, "1001") == ["limits: at most 3 calls from phones at once"]
    other = Counted("globex", "2000", "PJSIP/2000-1")
    assert counts.admit("theirs", other, allowed) is None
    minute = limits(phones={"calls_per_minute": 1})
    assert admitted(Counts(Clock()), 2, minute) == ["limits: at most 1 calls from phones a minute"]


def test_a_call_that_is_asked_about_twice_counts_once() -> None:
    counts, allowed = Counts(Clock()), limits(agent={"concurrent_calls": 1})
    for _ in range(3):
        assert counts.admit("call", counted(), allowed) is None
    counts.leave("call")
    assert not counts.has("acme", "1000")


def test_created_calls_count_for_their_agent_alone() -> None:
    counts = Counts(Clock())
    counts.enter("created", counted(created=True))
    counts.enter("created", counted(created=True))
    assert counts.has("acme", "1000")
    allowed = limits(agent={"concurrent_calls": 2}, phones={"concurrent_calls": 1})
    assert len(admitted(counts, 2, allowed)) == 1


def test_who_has_handed_a_call_over_is_free() -> None:
    counts, allowed = Counts(Clock()), limits(agent={"concurrent_calls": 1})
    assert counts.admit("call", counted(), allowed) is None
    counts.free_agent("call")
    counts.free_agent("call")
    assert "call" in counts
    assert counts.admit("next", counted(), allowed) is None
    assert len(counts) == 2


def test_a_look_at_the_pbx_finds_what_nobody_told() -> None:
    clock = Clock()
    counts = Counts(clock)
    for ref in ("goes-on", "lost", "handed-over", "ends"):
        assert counts.admit(ref, counted(ref, f"PJSIP/{ref}-1"), FREE) is None
    clock.now += 1
    began = counts.begin_look()
    assert counts.admit("begins", counted("begins"), FREE) is None
    gone = counts.missing(began, {"PJSIP/goes-on-1", "PJSIP/ends-1"})
    assert gone == ["lost", "handed-over"]
    counts.leave("ends")
    found = {
        "handed-over": counted("", "PJSIP/trunk-9"),
        "ends": counted("ends", "PJSIP/ends-1"),  # its channel was still there
        "from-before": counted("1001"),
    }
    counts.settle(gone, found)
    known = {ref for ref in ("goes-on", "lost", "handed-over", "ends", "begins") if ref in counts}
    assert known == {"goes-on", "handed-over", "begins"}
    assert counts.has("acme", "1001")
    assert not counts.has("acme", "handed-over")
    clock.now += 1
    assert counts.missing(counts.begin_look(), {"PJSIP/goes-on-1", "PJSIP/trunk-9"}) == [
        "begins",
        "from-before",
    ]


def test_without_a_pbx_a_call_is_believed_for_an_hour() -> None:
    clock = Clock()
    counts = Counts(clock)
    assert counts.admit("call", counted(), FREE) is None
    clock.now += 3599
    counts.forget_old()
    assert "call" in counts
    clock.now += 2
    counts.forget_old()
    assert len(counts) == 0
    assert not counts.has("acme", "1000")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["admit", "enter", "created"]), st.sampled_from(REFS)),
        st.tuples(st.sampled_from(["leave", "free"]), st.sampled_from(REFS)),
        st.tuples(st.just("look"), st.lists(st.sampled_from(REFS), unique=True)),
        st.tuples(st.just("wait"), st.sampled_from(["0.5", "61", "4000"])),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_the_sums_are_those_of_the_calls(steps: list[tuple[str, Any]]) -> None:
    """After any story: nobody is over his limit by admission, and all ends leave nothing."""
    clock = Clock()
    counts = Counts(clock)
    allowed = limits(
        agent={"concurrent_calls": 2, "calls_per_minute": 5}, phones={"concurrent_calls": 3}
    )
    for number, (step, what) in enumerate(steps):
        agent = f"100{number % 2}"
        match step:
            case "admit":
                before = _of(counts, agent)
                new = what not in counts
                if counts.admit(what, counted(agent), allowed) is None and new:
                    assert before < 2
            case "enter" | "created":
                counts.enter(what, counted(agent, created=step == "created"))
            case "leave":
                counts.leave(what)
            case "free":
                counts.free_agent(what)
            case "wait":
                clock.now += float(what)
                counts.forget_old()
            case _:
                began = counts.begin_look()
                found = {ref: counted(agent, f"PJSIP/{ref}") for ref in what}
                counts.settle(counts.missing(began, {"PJSIP/1000-1"}), found)
        calls = counts._calls.values()
        mine = Counter((call.integrator, call.agent) for call in calls if call.agent)
        assert dict(counts._of_agents) == dict(mine)
        assert counts._of_phones.get("acme", 0) == sum(not call.created for call in calls)
    for ref in itertools.chain(REFS):
        counts.leave(ref)
    assert len(counts) == 0
    assert not counts._of_agents
    assert counts._of_phones.get("acme", 0) == 0


def _of(counts: Counts, agent: str) -> int:
    return counts._of_agents.get(("acme", agent), 0)
