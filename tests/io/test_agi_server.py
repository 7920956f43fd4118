"""Sessions with the FastAGI server, against a fake Asterisk."""

from __future__ import annotations

import asyncio
import logging

import pytest
from pystrix.agi import core

from click2dial_agi.exceptions import (
    ApplicationFailed,
    DeadChannel,
    InvalidCommand,
    SessionClosed,
    UsageError,
)
from click2dial_agi.io.agi_server import AGISession
from tests.agi.wire import environment
from tests.io.agi_serving import Recorder, serving
from tests.io.conftest import Run
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import eventually


def test_a_session(run: Run) -> None:
    handler = Recorder(core.GetVariable("DIALSTATUS"), core.Noop())

    async def scenario() -> None:
        async with serving(handler) as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("outbound")
            assert await asterisk.command() == 'GET VARIABLE "DIALSTATUS"'
            await asterisk.reply("200 result=1 (ANSWER)")
            assert await asterisk.command() == "NOOP"
            await asterisk.reply()
            assert await asterisk.rest() == b""

    run(scenario())
    assert handler.scripts == ["outbound"]
    assert handler.results[0] == "ANSWER"


def test_a_session_byte_by_byte(run: Run) -> None:
    handler = Recorder(core.GetVariable("X"))

    async def scenario() -> None:
        async with serving(handler) as server, FakeAsterisk(server.port) as asterisk:
            for byte in environment("outbound"):
                await asterisk.send(bytes([byte]))
            assert await asterisk.command() == 'GET VARIABLE "X"'
            for byte in b"HANGUP\n200 result=1 (hello)\n":
                await asterisk.send(bytes([byte]))
                await asyncio.sleep(0)
            assert await asterisk.rest() == b""

    run(scenario())
    assert handler.results == ["hello"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("510 Invalid or unknown command", InvalidCommand),
        ("511 Command Not Permitted on a dead channel or intercept routine", DeadChannel),
        pytest.param("200 result=-2", ApplicationFailed, marks=pytest.mark.case("K3")),
        ("520 Invalid command syntax.  Proper usage not available.", UsageError),
        ("520-Invalid command syntax.\nUsage\n520 End of proper usage.", UsageError),
    ],
)
def test_a_refused_command_raises_in_the_handler_and_the_session_goes_on(
    run: Run, reply: str, error: type[Exception]
) -> None:
    handler = Recorder(core.Exec("MSet", ["A=1"]), core.GetVariable("X"))

    async def scenario() -> None:
        async with serving(handler) as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("x")
            await asterisk.command()
            await asterisk.reply(reply)
            assert await asterisk.command() == 'GET VARIABLE "X"'
            await asterisk.reply("200 result=1 (still here)")
            assert await asterisk.rest() == b""

    run(scenario())
    assert [type(result) for result in handler.results] == [error, str]


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n\n\n", b"\x16\x03\x01\n\n", b"agi_a: 1\nagi_a: 2\n\n", b"x" * 70_000],
)
def test_garbage_is_dropped_and_no_handler_runs(
    run: Run, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Recorder()

    async def scenario() -> None:
        async with serving(handler) as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.send(garbage)
            assert await asterisk.rest() == b""
            await eventually(lambda: server.sessions == 0)

    run(scenario())
    assert handler.scripts == []
    assert "AGI session dropped: " in caplog.text


def test_garbage_in_place_of_a_reply_ends_the_handlers_wait(run: Run) -> None:
    handler = Recorder(core.Noop(), core.Noop())

    async def scenario() -> None:
        async with serving(handler) as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("x")
            await asterisk.command()
            await asterisk.send(b"what?\n")
            assert await asterisk.rest() == b""
            await eventually(lambda: handler.finished)

    run(scenario())
    assert [type(result) for result in handler.results] == [SessionClosed, SessionClosed]


def test_a_handler_runs_to_its_end_although_asterisk_vanished(run: Run) -> None:
    stored: list[str] = []

    async def scenario() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def handler(session: AGISession) -> None:
            begun.set()
            await go_on.wait()
            stored.append(session.environment.script)
            await session.execute(core.Noop())

        async with serving(handler) as server:
            async with FakeAsterisk(server.port) as asterisk:
                await asterisk.ask("ended")
                await begun.wait()
            assert server.sessions == 1
            go_on.set()
            await eventually(lambda: server.sessions == 0)

    run(scenario())
    assert stored == ["ended"]


def test_asterisk_vanishing_ends_the_wait_for_its_reply(run: Run) -> None:
    handler = Recorder(core.Noop())

    async def scenario() -> None:
        async with serving(handler) as server:
            async with FakeAsterisk(server.port) as asterisk:
                await asterisk.ask("x")
                await asterisk.command()
            await eventually(lambda: server.sessions == 0)

    run(scenario())
    assert [type(result) for result in handler.results] == [SessionClosed]


@pytest.mark.parametrize(
    ("error", "level", "line"),
    [
        (SessionClosed("gone"), logging.WARNING, "AGI x on PJSIP/1000-00000001: gone"),
        (KeyError("oops"), logging.ERROR, "AGI x on PJSIP/1000-00000001 failed"),
    ],
)
def test_a_handler_that_fails_closes_its_session_and_is_logged(
    run: Run, error: Exception, level: int, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(session: AGISession) -> None:
        raise error

    async def scenario() -> None:
        async with serving(handler) as server:
            for _ in range(2):  # the server goes on
                async with FakeAsterisk(server.port) as asterisk:
                    await asterisk.ask("x")
                    assert await asterisk.rest() == b""

    run(scenario())
    logged = [(record.levelno, record.message) for record in caplog.records]
    assert logged.count((level, line)) == 2


@pytest.mark.parametrize(
    ("reply", "done", "line"),
    [
        ("200 result=0", ["done"], None),
        (
            "511 Command Not Permitted on a dead channel or intercept routine",
            [],
            "AGI x on PJSIP/1000-00000001: 511 Command Not Permitted on a dead channel or "
            "intercept routine",
        ),
        (None, [], "AGI x on PJSIP/1000-00000001: Asterisk closed the AGI session"),
    ],
)
def test_a_handler_may_finish_without_waiting(
    run: Run,
    reply: str | None,
    done: list[str],
    line: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """``done`` runs only if Asterisk says yes; the session ends whatever it says."""
    ran: list[str] = []

    def handler(session: AGISession) -> None:
        session.finish(core.Noop(), lambda: ran.append("done"))

    async def scenario() -> None:
        async with serving(handler) as server:
            async with FakeAsterisk(server.port) as asterisk:
                await asterisk.ask("x")
                assert await asterisk.command() == "NOOP"
                if reply is not None:
                    await asterisk.reply(reply)
                    assert await asterisk.rest() == b""
            await eventually(lambda: server.sessions == 0)

    run(scenario())
    assert ran == done
    assert [record.message for record in caplog.records] == ([line] if line else [])


def test_a_handler_that_fails_before_it_waits_is_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(session: AGISession) -> None:
        raise KeyError("oops")

    async def scenario() -> None:
        async with serving(handler) as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("x")
            assert await asterisk.rest() == b""
            await eventually(lambda: server.sessions == 0)

    run(scenario())
    assert [record.message for record in caplog.records] == ["AGI x on PJSIP/1000-00000001 failed"]
