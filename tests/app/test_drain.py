"""The PBX's spool on its way to the integrators: each call once, whatever breaks off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from redis import Redis

from click2dial_agi.app.drain import Drain, drain_forever
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.records import Notification
from click2dial_agi.io.redis_writer import RedisWriter
from sandbox.redis import RedisServer
from tests.app.serving import ASKED, ENDED, config
from tests.io.running import eventually, run

LIST = "enigma:notifications:cdr"


def ref(number: int) -> str:
    return str(UUID(int=number))


def line(number: int, **changed: str) -> str:
    """Return what the dialplan writes of a call that no server decided on."""
    return facts.encode({**ASKED, "call_ref": ref(number), **ENDED, **changed}) + "\n"


class Spooled:
    """A spool in a directory, an integrator's Redis, and looks at the one for the other."""

    def __init__(self, directory: Path, url: str) -> None:
        self.path = directory / "calls.spool"
        self.config: Config = config(url)
        self.drain = Drain(self.path)
        self.url = url

    def write(self, *lines: str | bytes) -> None:
        with self.path.open("ab") as file:
            for text in lines:
                file.write(text if isinstance(text, bytes) else text.encode("ascii"))

    async def look(self, times: int = 2) -> int:
        writer = RedisWriter(self.url, "left", 0.3)
        try:
            return sum([await self.drain.look(self.config, {"acme": writer}) for _ in range(times)])
        finally:
            await writer.close()

    def files(self) -> list[str]:
        return sorted(path.name.split(".")[-1] for path in self.path.parent.iterdir())


@pytest.fixture
def spooled(tmp_path: Path, redis: RedisServer) -> Spooled:
    return Spooled(tmp_path, redis.url)


def refs(client: Redis, list_name: str = LIST) -> list[str]:
    """Pop all and return the call_refs, oldest first."""
    found = []
    while body := client.rpop(list_name):
        found.append(json.loads(cast(str, body))["payload"]["call_ref"])
    return found


def test_lines_become_records_and_the_file_goes(spooled: Spooled, client: Redis) -> None:
    spooled.write(*(line(number) for number in range(450)))
    assert run(spooled.look()) == 450
    assert refs(client) == [ref(number) for number in range(450)]
    assert spooled.files() == []
    assert spooled.drain.is_empty


def test_a_record_from_the_spool_is_the_one_that_a_server_makes(
    spooled: Spooled, client: Redis
) -> None:
    decided = {
        **{"integrator": "acme", "extension": "1000", "number": "0820000100"},
        **{"dial_number": "27820001234", "contact_ref": "ticket-7", "call_dir": "outbound"},
    }
    known = {"call_ref": ref(1), **decided, "dialed_at": "1700000000", **ENDED}
    spooled.write(facts.encode(known) + "\n")
    run(spooled.look())
    payload = json.loads(cast(str, client.rpop(LIST)))["payload"]
    assert (payload["number"], payload["end_reason"], payload["call_time"]) == (
        "0820000100",
        "hungup",
        65,
    )


def test_an_answer_and_an_end_are_two_notifications(spooled: Spooled, client: Redis) -> None:
    decided = {
        **{"integrator": "acme", "extension": "1000", "number": "0820000100"},
        **{"dial_number": "27820001234", "contact_ref": "ticket-7", "call_dir": "outbound"},
    }
    known = {"call_ref": ref(1), **decided, "dialed_at": "1700000000"}
    answered = facts.encode({**known, "joined_at": "1700000005"})
    spooled.write(f"{answered}\n", f"{facts.encode({**known, **ENDED})}\n", f"{answered}\n")
    run(spooled.look())
    assert refs(client, "enigma:notifications:c2d") == [ref(1)]
    assert refs(client) == [ref(1)]


def test_a_call_written_twice_is_one_record(spooled: Spooled, client: Redis) -> None:
    spooled.write(line(1), line(2), line(1))
    run(spooled.look())
    spooled.write(line(2))
    run(spooled.look())
    assert refs(client) == [ref(1), ref(2)]


def test_what_is_no_record_is_put_aside_and_holds_up_nothing(
    spooled: Spooled, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    torn = line(2)[:150]
    bad = [
        b"\0" * 100 + b"\n",
        torn.encode() + line(3).encode(),
        b"call_ref=no-uuid&ended_at=1\n",
        line(4, ended_at="").encode(),
        line(5, call_dir="outbound", integrator="gone", contact_ref="x").encode(),
        b"\xff\xfe\n",
        line(6)[:-1].encode(),
    ]
    spooled.write(line(1), *bad)
    assert run(spooled.look()) == 2
    assert refs(client) == [ref(1), ref(3)]
    aside = spooled.path.with_name("calls.spool.rejected").read_text("utf-8", "replace")
    for part in (torn, "no-uuid", ref(4), ref(5), line(6)[:-1]):
        assert part in aside
    assert "integrator: a configured one, not gone" in caplog.text
    assert "spool: 7 lines put aside in" in caplog.text
    assert spooled.files() == ["rejected"]


def test_while_redis_is_away_lines_stay_and_the_log_says_so_once(
    spooled: Spooled, client: Redis, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    spooled.write(line(1), line(2))
    redis.stop()
    try:
        assert run(spooled.look(4)) == 0
    finally:
        redis.start()
    assert spooled.files() == ["draining"]
    spooled.write(line(3))
    assert run(spooled.look()) == 3
    assert refs(client) == [ref(1), ref(2), ref(3)]
    assert caplog.text.count("spool: lines wait in") == 1
    assert caplog.text.count("spool: lines are taken again") == 1


def test_nobodys_call_is_told_of(
    spooled: Spooled, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    spooled.write(line(1, channel="PJSIP/2000-00000001"))
    run(spooled.look())
    assert f"{ref(1)} has no integrator, so no record is kept" in caplog.text
    assert spooled.files() == []


class Stopped(BaseException):
    """The process ends here."""


class Breaking(RedisWriter):
    """A writer with which the process ends at the n-th push, before it or after it."""

    def __init__(self, url: str, at: int, after: bool) -> None:
        super().__init__(url, "left")
        self._left, self._after = at, after

    async def push(self, notification: Notification) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Stopped
        new = await super().push(notification)
        if self._left == 0:
            raise Stopped
        return new


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 7))
def test_stopped_at_any_line_and_started_again(
    spooled: Spooled, client: Redis, redis: RedisServer, at: int, after: bool
) -> None:
    spooled.write(*(line(number) for number in range(5)), b"torn\n")

    async def stopped() -> None:
        writer = Breaking(redis.url, at, after)
        with contextlib.suppress(Stopped):
            for _ in range(2):
                await spooled.drain.look(spooled.config, {"acme": writer})
        await writer.close()

    run(stopped())
    spooled.drain = Drain(spooled.path)  # the next process
    run(spooled.look())
    assert sorted(refs(client)) == [ref(number) for number in range(5)]
    assert spooled.files() == ["rejected"]


@pytest.mark.parametrize("broken", ["remove", "reject"])
def test_stopped_between_the_last_push_and_the_end(
    spooled: Spooled, client: Redis, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    spooled.write(line(1), b"torn\n")

    def stop(*_: Any) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(f"click2dial_agi.io.spool.Spool.{broken}", stop)
        with pytest.raises(Stopped):
            run(spooled.look())
    spooled.drain = Drain(spooled.path)
    run(spooled.look())
    assert refs(client) == [ref(1)]
    assert b"torn\n" in spooled.path.with_name("calls.spool.rejected").read_bytes()
    assert spooled.files() == ["rejected"]


def test_a_defect_does_not_stop_the_lines_to_come(
    spooled: Spooled,
    client: Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("click2dial_agi.app.drain.DRAIN_EVERY", 0.01)

    class Defective(RedisWriter):
        async def push(self, notification: Notification) -> bool:
            if broken:
                raise ZeroDivisionError
            return await super().push(notification)

    broken = True

    async def scenario() -> None:
        nonlocal broken
        writer = Defective(spooled.url, "left")
        draining = asyncio.create_task(
            drain_forever(spooled.path, lambda: (spooled.config, {"acme": writer}))
        )
        spooled.write(line(1))
        await eventually(lambda: "ZeroDivisionError" in caplog.text)
        broken = False
        await eventually(lambda: spooled.files() == [])
        draining.cancel()
        await asyncio.wait([draining])
        await writer.close()

    run(scenario())
    assert refs(client) == [ref(1)]


def test_a_missing_directory_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing = Spooled(tmp_path / "missing", "redis://127.0.0.1:1/0")
    assert run(missing.look()) == 0
    assert caplog.text == ""
