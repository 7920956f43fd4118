"""Servers and Redis that are away: the next server, or the spool file, gets the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from click2dial_agi.domain import facts
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.records import CallRecord
from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, Header, call
from sandbox.process import until
from sandbox.redis import RedisServer, redis_server
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk, servers
from tests.e2e.calls.standins import broken_server, nobody, server_behind_a_cut
from tests.e2e.records import CRM, Payload, expect, read_cdr

CONTACT_REF = ("X-Teleforge-Contact-Ref", "person-1")


class Spool:
    """The file to which the dialplan writes what no server took."""

    def __init__(self, pbx: Asterisk, server: Server) -> None:
        self._path = pbx.spool_file
        self._config = parse_config(server.config)

    def records(self, count: int) -> list[Payload]:
        """Wait for so many lines and return the record that a server will make of each."""
        return [self._record(line) for line in self.wait(count)]

    def wait(self, count: int) -> list[str]:
        """Wait for so many lines, no more, and return them."""

        def lines() -> list[str]:
            text = self._path.read_text("ascii") if self._path.exists() else ""
            return text.splitlines() if text.count("\n") >= count else []

        found = until(lines, 10, f"{count} lines in the spool")
        assert len(found) == count
        return found

    def _record(self, line: str) -> Payload:
        record = CallRecord.from_facts(facts.decode(line), self._config)
        integrator = self._config.integrator(record.call.integrator)
        assert integrator is not None
        return read_cdr(record.notification(integrator).body)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def is_empty(self) -> bool:
        return not self._path.exists()


@pytest.fixture
def spool(pbx: Asterisk, server: Server) -> Iterator[Spool]:
    spool = Spool(pbx, server)
    spool.clear()
    yield spool
    spool.clear()


@pytest.mark.parametrize("count", [1, 3])
def test_no_server_when_a_call_starts(desk: Desk, spool: Spool, count: int) -> None:
    number = desk.trunk.number()
    with servers(desk.pbx, *(nobody() for _ in range(count))):
        result = call(desk.pbx, callee=number, headers=[OUTBOUND_ID, CONTACT_REF])
        [record] = spool.records(1)
    assert [message.status for message in result.responses] == [100, 503]
    assert result.reason == "Q.850;cause=42"
    assert desk.trunk.invites(number) == []
    expect(record, result, number=number, contact_ref="person-1", end_reason="failed", end_code=42)


def test_hostile_values_in_the_spool(desk: Desk, spool: Spool) -> None:
    """They are one line, and judged by the rules when a server reads it."""
    hostile: list[Header] = [
        ("X-Teleforge-Outbound-ID", b'27820001234,"${EXTEN}\xff\\'),
        ("X-Teleforge-Contact-Ref", b"a&b=c%0a;$[1+1]) x\x0b"),
    ]
    with servers(desk.pbx, nobody()):
        result = call(desk.pbx, callee="0820000100,x", headers=hostile)
        [record] = spool.records(1)
    expect(
        record,
        result,
        number="",
        dial_number="",
        contact_ref="",
        end_reason="failed",
        end_code=42,
    )


@pytest.mark.parametrize("answer", [b"", b"200 result=0\n", b"nonsense\n"])
def test_first_server_does_not_do_its_work(
    desk: Desk, server: Server, spool: Spool, answer: bytes
) -> None:
    number = desk.trunk.number()
    with broken_server(answer) as broken, servers(desk.pbx, broken, server.agi_url):
        result, record = desk.call(number)
    assert [message.status for message in result.responses] == [100, 180, 200]
    expect(record, result, number=number, end_reason="hungup", end_code=16)
    assert spool.is_empty()


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_of_three_servers_is_there(
    desk: Desk, server: Server, spool: Spool, position: int
) -> None:
    number = desk.trunk.number()
    urls = [nobody(), nobody(), nobody()]
    urls[position] = server.agi_url
    with servers(desk.pbx, *urls):
        result, record = desk.call(number)
    assert [message.status for message in result.responses] == [100, 180, 200]
    expect(record, result, number=number, end_reason="hungup", end_code=16)
    assert spool.is_empty()


@pytest.mark.parametrize("end", [Server.stop, Server.kill], ids=["stopped", "killed"])
def test_server_away_when_a_call_ends(
    desk: Desk, redis: RedisServer, spool: Spool, end: Callable[[Server], int]
) -> None:
    number = desk.trunk.number()
    with Server(redis.url) as server, servers(desk.pbx, server.agi_url):
        with desk.place(number, [OUTBOUND_ID, CONTACT_REF], then=AwaitBye()) as placed:
            placed.wait_status(200)
            end(server)
            placed.hang_up()
            result = placed.result()
        [record] = spool.records(1)
    assert result.ended_by == "us"
    expect(record, result, number=number, contact_ref="person-1", end_reason="hungup", end_code=16)


def test_second_server_ends_the_call_of_the_first(
    desk: Desk, redis: RedisServer, server: Server, spool: Spool
) -> None:
    number = desk.trunk.number()
    with Server(redis.url) as first, servers(desk.pbx, first.agi_url, server.agi_url):
        with desk.place(number, then=AwaitBye()) as placed:
            placed.wait_status(200)
            first.kill()
            placed.hang_up()
            result = placed.result()
        record = desk.crm.pop()
        assert record["call_ref"] in first.log()
    expect(record, result, number=number, end_reason="hungup", end_code=16)
    assert f"{record['call_ref']} ended: " in server.log()
    assert spool.is_empty()


def test_record_is_stored_but_the_receipt_is_lost(desk: Desk, server: Server, spool: Spool) -> None:
    """The dialplan asks the next server, which finds the record in Redis and stores no second."""
    number = desk.trunk.number()
    with (
        server_behind_a_cut(server.agi_url, b"C2D_RECEIPT") as cut,
        servers(desk.pbx, cut, server.agi_url),
    ):
        result, record = desk.call(number)
        text = f"{record['call_ref']} ended: hungup, code 16, after "
        until(
            lambda: any(text in one and "recorded before" in one for one in lines(server)),
            5,
            "the second server's word on it",
        )
    expect(record, result, number=number, end_reason="hungup", end_code=16)
    assert spool.is_empty()


def lines(server: Server) -> list[str]:
    return server.log().splitlines()


@pytest.mark.parametrize(
    ("leave", "come_back"),
    [("stop", "start"), ("pause", "resume")],
    ids=["stopped", "frozen"],
)
def test_redis_away_when_a_call_ends(desk: Desk, spool: Spool, leave: str, come_back: str) -> None:
    """The record is in the server's journal before the channel is gone, and pushed later."""
    number = desk.trunk.number()
    with (
        redis_server() as redis,
        Server(redis.url) as server,
        servers(desk.pbx, server.agi_url),
        desk.place(number, then=AwaitBye()) as placed,
    ):
        placed.wait_status(200)
        getattr(redis, leave)()
        placed.hang_up()
        result = placed.result()
        until(lambda: " ended: " in server.log(), 10, "the record in the journal")
        warning = "WARNING Redis did not take 1 notifications: "
        until(lambda: warning in server.log(), 10, "the warning")
        getattr(redis, come_back)()
        with CRM(redis.url) as crm:
            record = crm.pop()
            assert crm.waiting() == 0
    assert spool.is_empty()
    expect(record, result, number=number, end_reason="hungup", end_code=16)


def test_redis_restarts_during_a_call(desk: Desk, spool: Spool) -> None:
    """The connection that the server holds is dead, which is no reason to lose a record."""
    first, second = desk.trunk.number(), desk.trunk.number()
    with (
        redis_server() as redis,
        Server(redis.url) as server,
        servers(desk.pbx, server.agi_url),
    ):
        desk.place(first).result()
        with CRM(redis.url) as crm:
            assert crm.pop()["number"] == first
        with desk.place(second, then=AwaitBye()) as placed:
            placed.wait_status(200)
            redis.stop()
            redis.start()
            placed.hang_up()
            result = placed.result()
        with CRM(redis.url) as crm:
            record = crm.pop()
    expect(record, result, number=second, end_reason="hungup", end_code=16)
    assert spool.is_empty()


def test_server_killed_and_started_again_while_calls_are_up(
    desk: Desk, redis: RedisServer, spool: Spool
) -> None:
    numbers = [desk.trunk.number() for _ in range(5)]
    with Server(redis.url) as server, servers(desk.pbx, server.agi_url):
        placed = [
            desk.place(number, agent=f"100{n}", then=AwaitBye()) for n, number in enumerate(numbers)
        ]
        for one in placed:
            one.wait_status(200)
        server.kill()
        assert "5 active calls" in desk.pbx.cli("core show channels count")
        server.start()
        for one in placed:
            one.hang_up()
        results = [one.result() for one in placed]
        records = {record["number"]: record for record in desk.crm.pop_many(5)}
    assert all(result.ended_by == "us" for result in results)
    for n, (number, result) in enumerate(zip(numbers, results, strict=True)):
        expect(
            records[number],
            result,
            number=number,
            extension=f"100{n}",
            end_reason="hungup",
            end_code=16,
        )
    assert spool.is_empty()
