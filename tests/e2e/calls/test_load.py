"""Many calls at once, and servers that come and go meanwhile: one record for each, none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from sandbox.load import LoadResult, load
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk, servers
from tests.e2e.records import CRM

AGENTS = [f"100{n}" for n in range(10)]
REFUSED = "12345"

#: What the caller saw, and what the record must say.
ENDINGS = {
    200: ("hungup", 16),
    403: ("reject", 21),
    404: ("error", 1),
    480: ("timeout", 19),
    484: ("error", 28),
    486: ("busy", 17),
    503: ("error", 34),
}


@pytest.fixture
def first(redis: RedisServer) -> Iterator[Server]:
    with Server(redis.url, integrator={"ring_timeout": 1}) as server:
        yield server


@pytest.fixture
def second(redis: RedisServer) -> Iterator[Server]:
    with Server(redis.url, integrator={"ring_timeout": 1}) as server:
        yield server


def numbers(desk: Desk) -> list[str]:
    """Return one number for each ending."""
    outcomes = ("answer", "busy", "decline", "unavailable", "unknown", "ring", "answer", "hang-up")
    return [*(desk.trunk.number(outcome) for outcome in outcomes), REFUSED]


def place(desk: Desk, callees: list[str], calls: int) -> LoadResult:
    return load(
        desk.pbx,
        calls=calls,
        rate=20,
        callees=callees,
        agents=AGENTS,
        headers=[OUTBOUND_ID, ("X-Teleforge-Contact-Ref", "{contact_ref}")],
        contact_ref="person-{n}",
        hang_up_after=0.3,
    )


def check(result: LoadResult, callees: list[str], crm: CRM) -> None:
    """Hold each record against what its caller saw; the crm fixture finds any that is left."""
    records = {record["contact_ref"]: record for record in crm.pop_many(len(result.calls))}
    assert len(records) == len(result.calls)
    assert len({record["call_ref"] for record in records.values()}) == len(records)
    for call, callee in zip(result.calls, cycle(callees), strict=False):
        record = records[call.contact_ref]
        assert call.callee == callee
        assert (record["end_reason"], record["end_code"]) == ENDINGS[call.status]
        assert record["number"] == ("" if callee == REFUSED else callee)
        assert (record["extension"], record["dial_number"]) == (call.agent, "27820001234")
    assert set(result.statuses) == set(ENDINGS)


def wait_logged(server: Server, text: str, times: int) -> None:
    until(lambda: server.log().count(text) >= times, 30, f"{times} times {text!r} in the log")


def all_ended(desk: Desk) -> None:
    """Wait until no hangup handler is under way, so that a second record would be there by now."""
    until(
        lambda: "0 active channels" in desk.pbx.cli("core show channels count"),
        10,
        "the end of all calls",
    )


@pytest.mark.usefixtures("quiet")
def test_200_calls(desk: Desk, first: Server) -> None:
    callees = numbers(desk)
    with servers(desk.pbx, first.agi_url):
        result = place(desk, callees, 200)
        all_ended(desk)
    assert result.retransmissions == 0
    check(result, callees, desk.crm)
    assert first.log().count(" WARNING ") == 1  # that any caller ID may be shown


def restart(server: Server) -> None:
    assert server.stop() == 0
    server.start()


def crash(server: Server) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("disturb", [restart, crash], ids=["SIGTERM", "SIGKILL"])
def test_server_ends_and_starts_under_load(
    desk: Desk, first: Server, second: Server, disturb: Callable[[Server], None]
) -> None:
    """No call is lost: what the first server does not finish, the second does."""
    callees = numbers(desk)
    with servers(desk.pbx, first.agi_url, second.agi_url), ThreadPoolExecutor(1) as pool:
        placing = pool.submit(place, desk, callees, 100)
        wait_logged(first, " ended: ", 20)
        disturb(first)
        result = placing.result()
        all_ended(desk)
    check(result, callees, desk.crm)
    assert second.log().count(" ended: ") > 0
    assert "AGI sessions dropped at stop" not in first.log()


@pytest.mark.usefixtures("quiet")
def test_configuration_reloaded_under_load(desk: Desk, first: Server) -> None:
    """With no second server: not one session may be cut."""
    callees = numbers(desk)
    with servers(desk.pbx, first.agi_url), ThreadPoolExecutor(1) as pool:
        placing = pool.submit(place, desk, callees, 60)
        for reloads in range(1, 6):
            wait_logged(first, " ended: ", 8 * reloads)
            first.reload()
            wait_logged(first, "configuration reloaded", reloads)
        result = placing.result()
        all_ended(desk)
    assert result.retransmissions == 0
    check(result, callees, desk.crm)
