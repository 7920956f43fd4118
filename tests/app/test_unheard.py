"""Calls of whose end nobody told: each is told of once, unless another server has the record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from click2dial_agi.app.metrics import REGISTRY, show_integrators
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.app.unheard import tell
from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.exceptions import NotificationError
from tests.app.serving import config

REF = "0b4e6a3c-1f2d-4c5b-8a79-000000000001"


@dataclass
class Lists:
    """An integrator's way to Redis, as far as it is asked here."""

    known: set[str] = field(default_factory=set)
    away: bool = False
    failing: bool = False

    async def knows(self, list_name: str, call_ref: str) -> bool:
        if self.away:
            raise NotificationError("Redis: away")
        assert list_name == "enigma:notifications:cdr"
        return call_ref in self.known


def over(lists: Lists) -> Snapshot:
    """Return a configuration's state with one call that the PBX has no more."""
    settings = config()
    counts = Counts(lambda: 0.0)
    counts.watch(REF, Counted("acme", "1000", "PJSIP/1000-1"))
    counts.settle(counts.missing(counts.begin_look() + 1, ()), {}, {})
    notifier = Notifier(settings.integrators[0], cast(Any, lists))
    return Snapshot(settings, {"acme": notifier}, counts=counts)


def lost() -> float:
    show_integrators(["acme"])
    return REGISTRY.get_sample_value("click2dial_calls_lost_total", {"integrator": "acme"}) or 0.0


def told(current: Snapshot, caplog: pytest.LogCaptureFixture) -> int:
    """Look twice; return how often it was told of."""
    caplog.clear()
    before = lost()
    for _ in range(2):
        asyncio.run(tell(current, 0.0))
    lines = [one.message for one in caplog.records if REF in one.message]
    assert lost() - before == len(lines)
    return len(lines)


@pytest.mark.case("O6")
def test_a_call_without_a_record_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    assert told(over(Lists()), caplog) == 1
    assert "is over and has no record" in caplog.text
    assert "click2dial-agi doctor" in caplog.text


def test_what_another_server_has_recorded_is_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    current = over(Lists(known={REF}))
    assert told(current, caplog) == 0
    assert current.counts.unheard(0) == []


@pytest.mark.parametrize("lists", [Lists(away=True), Lists(failing=True)])
def test_while_redis_is_away_nobody_knows(lists: Lists, caplog: pytest.LogCaptureFixture) -> None:
    current = over(lists)
    assert told(current, caplog) == 0
    lists.away = lists.failing = False
    assert told(current, caplog) == 1


def test_an_integrator_that_is_configured_no_more(caplog: pytest.LogCaptureFixture) -> None:
    current = over(Lists())
    assert told(Snapshot(current.config, {}, counts=current.counts), caplog) == 1
