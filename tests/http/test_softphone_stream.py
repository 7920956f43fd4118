"""The softphone's stream of records keeps its connection, and says that it lives."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest

from click2dial_agi.app.http import softphone
from click2dial_agi.io.cdr_feed import Event, Listener
from tests.io.running import run


class Busy:
    """A feed of which nothing is this agent's."""

    async def next(self) -> Event:
        await asyncio.sleep(0.01)
        return Event("cdr", json.dumps({"payload": {"extension": "1201", "number": "0820000100"}}))


@pytest.mark.case("L11")
def test_a_heartbeat_comes_whatever_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that hears nothing takes the connection for dead."""
    monkeypatch.setattr(softphone, "_HEARTBEAT", 0.1)

    async def test() -> None:
        stream = softphone._events(cast(Listener, Busy()), "1200")
        assert [await anext(stream) for _ in range(3)] == [":\n\n"] * 3

    run(test())
