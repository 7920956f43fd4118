"""The ids next to an entry's, and that ranges name their ends, as Redis before 6.2 has to have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from click2dial_agi.io.history import History
from click2dial_agi.io.live_store import LiveStore
from click2dial_agi.io.stream_ids import id_after, id_before, place
from sandbox.redis import RedisServer
from tests.io.running import run

CDRS = "enigma:notifications:cdr"
LARGEST = 2**64 - 1
NUMBERS = st.one_of(st.sampled_from([0, 1, LARGEST]), st.integers(0, LARGEST))


@given(st.integers(0, 10**15), NUMBERS)
def test_nothing_lies_between_neighbours(milliseconds: int, number: int) -> None:
    entry = f"{milliseconds}-{number}"
    later = id_after(entry)
    assert place(later) > place(entry)
    assert id_before(later) == (entry if place(entry) > (0, 0) else "")
    assert number == LARGEST or place(later) == (milliseconds, number + 1)


def test_the_first_id_has_none_before() -> None:
    assert [id_before(entry) for entry in ("0-0", "0-1", "0-2", "1-0")] == [
        "", "", "0-1", f"0-{LARGEST}"
    ]  # fmt: skip


def test_ranges_name_their_ends(redis: RedisServer, client: Redis) -> None:
    history, events = f"{{{CDRS}}}:history", f"{{{CDRS}}}:live:events"
    ids = ["5-0", "5-1", "6-0", "7-0"]
    for key in (history, events):
        for entry in ids:
            client.xadd(key, {"data": entry}, id=entry)

    async def ranges() -> None:
        past = History(redis.url, CDRS)
        store = LiveStore(redis.url, CDRS, "acme", ("east",))
        assert [entry for entry, _ in await past.before("6-0", 9)] == ["5-1", "5-0"]
        assert [entry for entry, _ in await past.before("", 1)] == ["7-0"]
        assert await past.before("0-0", 9) == []
        found = await store.between("5-1", "7-0", 9)
        assert found is not None
        assert [entry.id for entry in found] == ["6-0", "7-0"]
        await past.close()
        await store.close()

    client.config_set("slowlog-log-slower-than", 0)
    client.slowlog_reset()
    try:
        run(ranges())
        asked = [str(one["command"]) for one in client.slowlog_get(64)]
    finally:
        client.config_set("slowlog-log-slower-than", 10_000)
    ranges_asked = [one for one in asked if "XRANGE" in one or "XREVRANGE" in one]
    assert len(ranges_asked) == 4
    assert not any("(" in one for one in ranges_asked)
