"""Waits: one factor stretches them all, so that a busy machine fails no test."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from sandbox import waiting
from sandbox.ladder import Ladder
from sandbox.notifications import Notifications
from sandbox.process import Process, until
from sandbox.waiting import patience

pytestmark = pytest.mark.case("K6")

ROOT = Path(__file__).parents[1]


def test_what_comes_late_is_awaited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(waiting, "FACTOR", 50)
    began = time.monotonic()

    async def late() -> bool:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.1, event.set)
        await Ladder("1000").happened(event, "anything", 0.01)
        return event.is_set()

    assert until(lambda: time.monotonic() - began > 0.1, 0.01, "a tenth of a second")
    assert asyncio.run(late())
    assert Process(["sleep", "0.1"], output=tmp_path / "output").wait(0.01) == 0


def test_what_never_comes_is_named_with_the_time_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FACTOR", 3)
    assert patience(2) == 6
    with pytest.raises(TimeoutError, match=re.escape("the end of time: not within 0.06 s")):
        until(lambda: None, 0.02, "the end of time")
    lists = Notifications("redis://127.0.0.1:1/0", [])
    assert not asyncio.run(lists.wait(lambda _: True, 1, timeout=0.01))


def test_a_look_that_takes_long_leaves_time_to_what_it_looks_at() -> None:
    looks: list[float] = []

    def look() -> bool:
        looks.append(time.monotonic())
        time.sleep(0.05)
        return len(looks) == 3

    began = time.monotonic()
    until(look, 1, "the third look")
    assert time.monotonic() - began >= 3 * 0.05 + 2 * 0.1


def test_nobody_has_a_deadline_of_his_own() -> None:
    """Whole seconds are a deadline; how long nothing may come is a fraction, or has its name."""
    own = re.compile(r"(?:asyncio\.timeout|settimeout)\([1-9][0-9]*\)")
    tests = (ROOT / "tests").rglob("*.py")
    assert [path for path in tests if own.search(path.read_text("utf-8"))] == []
