"""What is written of one integrator: each change, or all anew where there are too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from click2dial_agi.app.ending import end
from click2dial_agi.app.live.desk import Desk
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.live.board import Board, Change
from click2dial_agi.io.live_store import Entry, LiveStore
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.io.running import run

CONFIG = parse_config(
    {
        "asterisk": {"ari_password": "p"},
        "integrators": [{"name": "acme", "extensions": ["20000-29999"]}],
    }
)
LIST = "enigma:notifications:cdr"


@pytest.mark.case("P15")
@pytest.mark.parametrize(("agents", "kind"), [(1000, "agent"), (1001, "look")])
def test_all_anew_where_too_much_has_changed(redis: RedisServer, agents: int, kind: str) -> None:
    """As when no Kamailio tells any more of phones."""
    endpoints = [str(20_000 + number) for number in range(agents)]
    board = Board(CONFIG, "one")
    board.seat(dict.fromkeys(endpoints, "online"), 1)
    changed = asyncio.Event()

    async def told(changes: Sequence[Change]) -> None:
        pass

    async def test() -> None:
        store = LiveStore(redis.url, LIST, "acme", ["one"])
        desk = Desk(store, "acme", "one", lambda: board, lambda: True, changed.set, told)
        tasks = [asyncio.create_task(work) for work in (desk.hold(), desk.write())]
        try:
            async with asyncio.timeout(patience(10)):
                await changed.wait()
                (first,) = await _after(store, "0-0")
                assert first.type == "look"
                board.changes()
                for endpoint in endpoints:
                    event = {"Device": f"PJSIP/{endpoint}", "State": "UNAVAILABLE"}
                    board.apply("DeviceStateChange", event, 2)
                desk.tell(board.changes())
                entries = await _after(store, first.id)
                assert {one.type for one in entries} == {kind}
                kept = (await store.read()).pbxs["one"].agents
                assert {view.state for view in kept.values()} == {"offline"}
                assert len(kept) == agents
        finally:
            await end(*tasks)
            await desk.give_up()
            await store.close()

    run(test())


async def _after(store: LiveStore, event_id: str) -> list[Entry]:
    while not (found := await store.after(event_id)):
        pass
    return found
