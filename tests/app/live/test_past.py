"""Which records a search of the history finds."""

from __future__ import annotations

import json
import time
from typing import Any

from click2dial_agi.app.live.past import Wanted, search
from click2dial_agi.domain.integrators import Integrator
from tests.domain.examples import integrator
from tests.http.live_rig import record
from tests.io.running import run


def found(acme: Integrator, wanted: Wanted, *entries: tuple[str, Any]) -> list[Any]:
    """Search entries, the newest first."""

    async def before(cursor: str, count: int) -> list[tuple[str, str]]:
        return [(entry, json.dumps({"payload": one})) for entry, one in entries]

    records, cursor = run(search(before, wanted, acme, "", 10))
    assert cursor == ""
    return records


def test_an_agent_is_found_however_the_record_writes_him() -> None:
    acme = integrator()
    far = "9999999999999-0"
    one, other = record(1, extension="0820000100"), record(2, extension="27820000100")
    colleague = record(3, extension="1000")
    entries = [(far, colleague), (far, other), (far, one)]
    assert found(acme, Wanted(agent=acme.agent_key("0820000100")), *entries) == [other, one]
    assert found(acme, Wanted(agent="1000"), *entries) == [colleague]


def test_what_is_older_than_the_days_is_not_shown() -> None:
    """Whatever Redis still has of it."""
    acme, now = integrator(history_days=2), time.time()
    entries = [
        (f"{int(now - age * 86_400) * 1000}-0", record(number))
        for number, age in enumerate((0, 1.99, 2.01, 30))
    ]
    kept = [one for _, one in entries[:2]]
    assert found(acme, Wanted(), *entries) == kept
    assert found(acme, Wanted(first=1.0), *entries) == kept
