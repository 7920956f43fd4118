"""The PBX's spool on its way to the integrators: each call once, whatever breaks off."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import re
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from click2dial_agi.app.drain import Drain, drain_forever
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.redis import RedisServer
from tests.app.serving import ASKED, ENDED, config, snapshot
from tests.domain.examples import ACME
from tests.io.running import eventually, run

LIST = "enigma:notifications:cdr"


def ref(number: int) -> str:
    return str(UUID(int=number))


def line(number: int, **changed: str) -> str:
    """Return what the dialplan writes of a call that no server decided on."""
    return facts.encode({**ASKED, "call_ref": ref(number), **ENDED, **changed}) + "\n"


LINES = [line(number)[:-1].encode() for number in range(3)]


class Taking(RedisLists):
    """Lists that take all there is."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0", "left")
        self.taken: list[str] = []

    async def push(self, notification: Notification) -> bool:
        self.taken.append(notification.call_ref)
        return True


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

    async def look_at_all(self, times: int) -> int:
        """Look, with lists of each integrator's own."""
        current = snapshot(self.config)
        try:
            return sum([await self.drain.look(current) for _ in range(times)])
        finally:
            for notifier in current.notifiers.values():
                await cast(RedisLists, notifier.lists).close()

    async def look(self, times: int = 2, lists: RedisLists | None = None) -> int:
        lists = lists or RedisLists(self.url, "left", 0.3)
        try:
            current = snapshot(self.config, lists)
            return sum([await self.drain.look(current) for _ in range(times)])
        finally:
            await lists.close()

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


class Breaking(RedisLists):
    """A lists with which the process ends at the n-th push, before it or after it."""

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
        lists = Breaking(redis.url, at, after)
        with contextlib.suppress(Stopped):
            for _ in range(2):
                await spooled.drain.look(snapshot(spooled.config, lists))
        await lists.close()

    run(stopped())
    spooled.drain = Drain(spooled.path)  # the next process
    run(spooled.look())
    assert sorted(refs(client)) == [ref(number) for number in range(5)]
    assert spooled.files() == ["rejected"]


@pytest.mark.parametrize("broken", ["keep", "reject"])
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

    class Defective(RedisLists):
        async def push(self, notification: Notification) -> bool:
            if broken:
                raise ZeroDivisionError
            return await super().push(notification)

    broken = True

    async def scenario() -> None:
        nonlocal broken
        lists = Defective(spooled.url, "left")
        draining = asyncio.create_task(
            drain_forever(spooled.path, lambda: snapshot(spooled.config, lists))
        )
        spooled.write(line(1))
        await eventually(lambda: "ZeroDivisionError" in caplog.text)
        broken = False
        await eventually(lambda: spooled.files() == [])
        draining.cancel()
        await asyncio.wait([draining])
        await lists.close()

    run(scenario())
    assert refs(client) == [ref(1)]


def test_a_missing_directory_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing = Spooled(tmp_path / "missing", "redis://127.0.0.1:1/0")
    assert run(missing.look()) == 0
    assert caplog.text == ""


def two(redis_url: str, away: str) -> Config:
    """Return a configuration of acme, whose Redis is there, and beta, whose is not."""
    beta = {**ACME, "name": "beta", "extensions": ["2000-2999"], "redis": away, "key_prefix": "b"}
    return parse_config({"integrators": [{**ACME, "redis": redis_url}, beta]})


@pytest.mark.case("O4")
def test_what_cannot_be_stored_holds_up_nothing_else(
    spooled: Spooled, client: Redis, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    spooled.config = two(redis.url, "redis://127.0.0.1:1/0")
    of_beta = {"channel": "PJSIP/2000-00000001"}
    spooled.write(line(1, **of_beta), line(2), line(3, **of_beta), b"torn\n", line(4))
    assert run(spooled.look_at_all(2)) == 2
    spooled.write(line(5), line(6, **of_beta))
    assert run(spooled.look_at_all(3)) == 1
    assert refs(client) == [ref(2), ref(4), ref(5)]
    left = [path.read_text() for path in sorted(spooled.path.parent.glob("*.draining"))]
    assert left == [line(1, **of_beta) + line(3, **of_beta), line(6, **of_beta)]
    assert "spool: lines wait in" in caplog.text
    assert caplog.text.count("beta: Redis: 127.0.0.1:1/0: ") == 1
    spooled.config = two(redis.url, redis.url)
    assert run(spooled.look_at_all(1)) == 3
    assert refs(client, "b:cdr") == [ref(1), ref(3), ref(6)]
    assert spooled.files() == ["rejected"]


@pytest.mark.case("O4")
@pytest.mark.parametrize("broken", ["rejected", "piece"])
def test_a_file_that_cannot_be_used_holds_up_no_other(
    spooled: Spooled, client: Redis, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As root every file can be written; a directory of its name can not."""
    if broken == "rejected":
        (spooled.path.parent / "calls.spool.rejected").mkdir()
    else:
        (spooled.path.parent / "calls.spool.00000000000000000000.draining").mkdir()
    spooled.write(line(1), b"torn\n", line(2))
    assert run(spooled.look(3)) == 2
    assert refs(client) == [ref(1), ref(2)]
    aside = [path for path in spooled.path.parent.glob("*.rejected*") if path.is_file()]
    assert [path.read_bytes() for path in aside] == [b"torn\n"]
    assert (broken == "piece") is ("lines wait in" in caplog.text)


@pytest.mark.case("O4")
def test_a_full_disk_costs_no_line_and_pushes_none_again(
    spooled: Spooled, client: Redis, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of a file cannot be written, so it stays whole; this process knows the rest."""
    spooled.config = two(redis.url, "redis://127.0.0.1:1/0")
    spooled.write(line(1), line(2, channel="PJSIP/2000-00000001"), b"torn\n")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("click2dial_agi.io.spool._append", full)
        assert run(spooled.look_at_all(4)) == 1
        assert refs(client) == [ref(1)]
        client.flushall()  # nobody would know it as pushed
        assert run(spooled.look_at_all(2)) == 0
    spooled.config = two(redis.url, redis.url)
    assert run(spooled.look_at_all(1)) == 1
    assert (refs(client), refs(client, "b:cdr")) == ([], [ref(2)])
    assert spooled.files() == ["rejected"]


@pytest.mark.case("A11")
def test_the_log_of_a_bad_line_shows_nobodys_number(
    spooled: Spooled, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {"ended_at": "soon", "callee": "0821234567", "teleforge_contact_ref": "jane@example.com"}
    spooled.write(line(1, **bad), line(2, **bad)[:-9])
    run(spooled.look())
    assert f"spool: no record: ended_at: a whole number (call_ref {ref(1)})" in caplog.text
    assert not re.search("821234567|jane", caplog.text)


@pytest.mark.case("O13")
def test_what_the_spool_leaves_is_for_its_user_and_group_alone(spooled: Spooled) -> None:
    spooled.write(b"torn\n")
    run(spooled.look())
    aside = spooled.path.with_name("calls.spool.rejected")
    assert aside.stat().st_mode & 0o777 & ~0o640 == 0


@given(st.lists(st.binary(max_size=80) | st.sampled_from(LINES), max_size=12))
def test_any_bytes_are_stored_or_put_aside(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Whatever stands in the file, the look ends, and nothing of it is left to wait."""
    directory = tmp_path_factory.mktemp("any")
    spooled = Spooled(directory, "redis://127.0.0.1:1/0")
    spooled.write(*(one + b"\n" for one in lines))
    lists = Taking()
    run(spooled.look(2, lists))
    whole = [one for one in lines if one in LINES]
    assert set(lists.taken) >= {ref(LINES.index(one)) for one in whole}
    assert not list(directory.glob("*.draining"))
