"""A server that does not answer is asked last for a while, and then again."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.load import load
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.result import CallResult
from sandbox.server import Server
from tests.e2e.calls.desk import OUTBOUND_ID, Desk, globals_of, servers
from tests.e2e.calls.standins import black_hole, broken_server, nobody

#: Seconds after which Asterisk gives up a connection (MAX_AGI_CONNECT in res_agi.c).
CONNECT = 2.0
AGENTS = [str(agent) for agent in range(1000, 1020)]


def delay(result: CallResult) -> float:
    """Return the seconds from the INVITE to the ringing."""
    assert result.ringing_at is not None
    return result.ringing_at - result.invited_at


def over(desk: Desk) -> None:
    """Wait until no channel is left."""
    until(lambda: "0 active channels" in desk.pbx.cli("core show channels count"), 10, "no channel")


@pytest.mark.case("O3")
def test_one_call_pays_for_a_black_hole(desk: Desk, server: Server) -> None:
    number = desk.trunk.number()
    with black_hole() as hole, servers(desk.pbx, hole, server.agi_url):
        first, _ = desk.call(number)
        others = [desk.call(number)[0] for _ in range(3)]
    assert delay(first) >= CONNECT
    assert max(map(delay, others)) < CONNECT / 2


@pytest.mark.case("O3")
def test_it_is_asked_again_by_a_call_that_is_over(desk: Desk, server: Server) -> None:
    number = desk.trunk.number()
    asked: list[str] = []
    with broken_server(b"", asked) as broken, servers(desk.pbx, broken, server.agi_url):
        desk.call(number)
        assert asked == ["outbound"]
        desk.pbx.cli(
            "dialplan reload"
        )  # which sets C2D_AGI as the file has it, and forgets nothing
        desk.pbx.cli(f'dialplan set global C2D_AGI "{broken} {server.agi_url}"')
        desk.call(number)
        assert asked == ["outbound"]
        away = int(globals_of(desk.pbx)["C2D_AWAY_1"])
        assert 0 < away - time.time() <= 60
        desk.pbx.cli("dialplan set global C2D_AWAY_1 1")
        desk.call(number)
        over(desk)
        assert asked == ["outbound", "ended"]
        assert int(globals_of(desk.pbx)["C2D_AWAY_1"]) >= away


@pytest.mark.case("O3")
def test_one_that_is_back_is_the_first_again(desk: Desk, server: Server) -> None:
    number = desk.trunk.number()
    asked: list[str] = []
    with broken_server(b"", asked) as second, servers(desk.pbx, server.agi_url, second):
        desk.pbx.cli("dialplan set global C2D_AWAY_1 1")
        desk.call(number)
        over(desk)
        assert asked == ["outbound"]
        assert globals_of(desk.pbx)["C2D_AWAY_1"] == ""
        desk.call(number)
        assert asked == ["outbound"]


@pytest.mark.case("T43")
def test_a_clock_that_is_set_back_makes_no_server_wait_longer(
    desk: Desk, redis: RedisServer, server: Server
) -> None:
    with Server(redis.url) as second, servers(desk.pbx, server.agi_url, second.agi_url):
        desk.pbx.cli(f"dialplan set global C2D_AWAY_1 {int(time.time()) + 3600}")
        desk.call(desk.trunk.number())
        over(desk)
        assert globals_of(desk.pbx)["C2D_AWAY_1"] == ""


@pytest.mark.case("O3")
def test_all_are_asked_where_all_have_failed(desk: Desk, server: Server) -> None:
    number = desk.trunk.number()
    asked: list[str] = []
    later = int(time.time()) + 60
    with broken_server(b"", asked) as broken, servers(desk.pbx, broken, nobody(), server.agi_url):
        for place in (1, 2, 3):
            desk.pbx.cli(f"dialplan set global C2D_AWAY_{place} {later}")
        result, _ = desk.call(number)
        assert result.status == 200
        assert asked == ["outbound"]
        assert globals_of(desk.pbx)["C2D_AWAY_3"] == ""


@pytest.mark.case("O3")
def test_a_frozen_server_holds_a_call_for_two_seconds(
    desk: Desk, redis: RedisServer, server: Server
) -> None:
    """Then it is killed, and the next is asked; what it had not begun with, its successor takes."""
    number = desk.trunk.number()
    began = time.monotonic()
    with (
        Server(redis.url, supervised=True) as first,
        servers(desk.pbx, first.agi_url, server.agi_url),
        ThreadPoolExecutor(1) as beside,
    ):
        start = time.monotonic() - began
        calling = beside.submit(
            load,
            desk.pbx,
            calls=40,
            rate=10,
            callees=[number],
            agents=AGENTS,
            headers=[OUTBOUND_ID],
        )
        until(lambda: first.log().count(" ended: ") >= 10, 10, "calls that have ended")
        os.kill(first.supervised_pid, signal.SIGSTOP)
        result = calling.result()
        over(desk)
        records = desk.crm.pop_many(40)
        assert "the server has stood still; killed" in first.log()
    print(f"slowest {result.percentile(100):.2f} s, a start takes {start:.2f} s")
    assert result.statuses == {200: 40}
    assert result.percentile(100) < 2.5 + 2 * start
    assert len({record["call_ref"] for record in records}) == 40


@pytest.mark.case("O3")
def test_many_calls_at_once_and_a_black_hole(desk: Desk, server: Server) -> None:
    """Those that came before the first had waited wait with it; each has its record."""
    number = desk.trunk.number()
    with black_hole() as hole, servers(desk.pbx, hole, server.agi_url):
        result = load(
            desk.pbx,
            calls=60,
            rate=15,
            callees=[number],
            agents=AGENTS,
            headers=[OUTBOUND_ID],
        )
        over(desk)
        records = desk.crm.pop_many(60)
    assert result.statuses == {200: 60}
    assert len({record["call_ref"] for record in records}) == 60
    assert result.percentile(10) < CONNECT / 2
    assert result.percentile(100) < 2 * CONNECT
