"""What is written of one integrator: each change, or all anew where there are too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from redis import Redis

from click2dial_agi.app.ending import end
from click2dial_agi.app.live.desk import Desk
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.live.board import Board, Change
from click2dial_agi.io.live_store import Entry, LiveStore, events_key
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


@pytest.mark.case("L15")
@pytest.mark.parametrize("taken_out", ["{enigma:notifications:cdr}:live:agents:one", "all"])
def test_what_an_operator_deletes_is_written_anew(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture, taken_out: str
) -> None:
    board = Board(CONFIG, "one")
    board.seat({"20000": "online"}, 1)

    async def told(changes: Sequence[Change]) -> None:
        pass

    async def test() -> None:
        store = LiveStore(redis.url, LIST, "acme", ["one"])
        desk = Desk(store, "acme", "one", lambda: board, lambda: True, lambda: None, told)
        tasks = [asyncio.create_task(work) for work in (desk.hold(), desk.write())]
        try:
            async with asyncio.timeout(patience(10)):
                await _after(store, "0-0")
                renewed = desk._renewed
                while desk._renewed == renewed:
                    await asyncio.sleep(0.01)
                assert client.xlen(events_key(LIST)) == 1  # what is whole is not written again
                if taken_out == "all":
                    client.flushdb()
                else:
                    client.delete(taken_out)
                while set((await store.read()).pbxs["one"].agents) != {"20000"}:
                    await asyncio.sleep(0.01)
                assert (await store.read()).pbxs["one"].fresh
        finally:
            await end(*tasks)
            await desk.give_up()
            await store.close()

    with caplog.at_level("WARNING"):
        run(test())
    if taken_out != "all":  # with all of it the lease goes, too
        assert "agents and calls on one were taken out of Redis by another" in caplog.text


async def _after(store: LiveStore, event_id: str) -> list[Entry]:
    while not (found := await store.after(event_id)):
        pass
    return found
