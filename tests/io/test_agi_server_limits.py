"""Who may connect to the FastAGI server, for how long, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from pystrix.agi import core

from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.agi_server import AGIServer, AGISession
from tests.agi.wire import environment
from tests.io.agi_serving import Recorder, agi, idle, is_free, serving
from tests.io.conftest import Run
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import eventually


@pytest.mark.parametrize(
    "allow_from",
    [["127.0.0.0/8", "::1"], ["127.0.0.1"], ["192.0.2.7", "127.0.0.0/24"], ["0.0.0.0/0"]],
)
def test_a_connection_from_an_allowed_network_is_served(run: Run, allow_from: list[str]) -> None:
    async def scenario() -> None:
        serving_it = serving(Recorder(core.Noop()), allow_from=allow_from)
        async with serving_it as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("x")
            assert await asterisk.command() == "NOOP"

    run(scenario())


@pytest.mark.parametrize("allow_from", [["192.0.2.0/24"], ["::1"], ["127.0.0.2/31"], []])
def test_a_connection_from_another_network_is_closed_at_once(
    run: Run, allow_from: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    handler = Recorder()

    async def scenario() -> None:
        async with serving(handler, allow_from=allow_from) as server:
            async with FakeAsterisk(server.port) as asterisk:
                assert await asterisk.is_turned_away()
            assert server.sessions == 0

    run(scenario())
    assert handler.scripts == []
    assert "AGI connection from 127.0.0.1 refused: not in agi.allow_from" in caplog.text


def test_sessions_over_the_cap_are_closed_and_there_is_room_again_after(run: Run) -> None:
    handler = Recorder(core.Noop())

    async def scenario() -> None:
        async with (
            serving(handler, max_sessions=2) as server,
            FakeAsterisk(server.port) as first,
            FakeAsterisk(server.port) as second,
        ):
            for asterisk in (first, second):
                await asterisk.ask("x")
                assert await asterisk.command() == "NOOP"
            async with FakeAsterisk(server.port) as third:
                assert await third.is_turned_away()
            await first.reply()
            assert await first.rest() == b""
            async with FakeAsterisk(server.port) as fourth:
                await fourth.ask("x")
                assert await fourth.command() == "NOOP"

    run(scenario())


@pytest.mark.parametrize(
    "sent", [b"", b"agi_network: yes\n", environment("x"), environment("x") + b"HANGUP\n"]
)
def test_a_session_over_its_time_is_dropped(
    run: Run, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cancelled = []

    async def handler(session: AGISession) -> None:
        try:
            await session.execute(core.Noop())
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def scenario() -> None:
        limited = serving(handler, session_timeout=0.05)
        async with limited as server, FakeAsterisk(server.port) as asterisk:
            await asterisk.send(sent)
            await asterisk.rest()
            await eventually(lambda: server.sessions == 0)

    run(scenario())
    asked = sent.startswith(environment("x"))
    assert bool(cancelled) is asked
    told = "session over its 0.05 s dropped" if asked else "dropped: it asked for nothing in time"
    assert told in caplog.text


@pytest.mark.case("A3")
def test_who_says_nothing_makes_way(run: Run) -> None:
    """Ten thousand idle sockets of one process, and Asterisk is served meanwhile."""

    async def scenario() -> None:
        async with serving(Recorder(core.Noop())) as server, contextlib.AsyncExitStack() as stack:
            for _ in range(700):
                await stack.enter_async_context(FakeAsterisk(server.port))
            async with FakeAsterisk(server.port) as asterisk:
                await asterisk.ask("x")
                assert await asterisk.command() == "NOOP"
                assert server.sessions == 1

    run(scenario())


def test_the_deadline_holds_for_a_handler_whose_peer_is_gone(run: Run) -> None:
    async def forever(session: AGISession) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with serving(forever, session_timeout=0.05) as server:
            async with FakeAsterisk(server.port) as asterisk:
                await asterisk.ask("x")
                await eventually(lambda: server.sessions == 1)
            await eventually(lambda: server.sessions == 0)

    run(scenario())


def test_stop_lets_sessions_finish(run: Run) -> None:
    handler = Recorder(core.Noop())

    async def scenario() -> None:
        server = AGIServer(handler, agi())
        await server.start()
        async with FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("x")
            assert await asterisk.command() == "NOOP"
            port = server.port
            stopping = asyncio.create_task(server.stop(grace=10))
            await eventually(lambda: not server.is_listening)
            assert is_free(port)
            assert not stopping.done()
            await asterisk.reply()
            assert await asterisk.rest() == b""
            await stopping
        assert server.sessions == 0

    run(scenario())
    assert handler.finished


def test_stop_drops_what_is_over_the_grace(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    handler = Recorder(core.Noop())

    async def scenario() -> None:
        server = AGIServer(handler, agi())
        await server.start()
        async with FakeAsterisk(server.port) as asterisk:
            await asterisk.ask("x")
            await asterisk.command()
            await server.stop(0.05)
            assert await asterisk.rest() == b""
        await eventually(lambda: server.sessions == 0)

    run(scenario())
    assert not handler.finished
    assert "1 AGI sessions dropped at stop" in caplog.text


def test_a_taken_port_is_told_in_one_line(run: Run) -> None:
    async def scenario() -> None:
        async with serving(idle) as first:
            second = AGIServer(idle, agi(listen=f"127.0.0.1:{first.port}"))
            with pytest.raises(StartupError) as raised:
                await second.start()
            message = str(raised.value)
            assert message.startswith(f"agi.listen: cannot listen on 127.0.0.1:{first.port}: ")
            assert "\n" not in message

    run(scenario())


def test_many_sessions_at_once(run: Run) -> None:
    handler = Recorder(core.Noop())

    async def one(port: int) -> bytes:
        async with FakeAsterisk(port) as asterisk:
            await asterisk.ask("x")
            await asterisk.command()
            await asterisk.reply()
            return await asterisk.rest()

    async def scenario() -> None:
        async with serving(handler) as server:
            assert set(await asyncio.gather(*(one(server.port) for _ in range(200)))) == {b""}

    run(scenario())
    assert len(handler.scripts) == 200
