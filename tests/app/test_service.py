"""The service: its start, its reload and its stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis import Redis

from click2dial_agi import __version__
from click2dial_agi.app.service import Service
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config
from click2dial_agi.exceptions import ConfigError, StartupError
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.app import serving
from tests.app.serving import ASKED, ENDED, RECEIPT, mset
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import eventually, run

LIST = "enigma:notifications:cdr"


def config(port: int, redis_url: str = "redis://127.0.0.1:1/0", **keys: Any) -> Config:
    made = serving.config(redis_url, **keys)
    listen = type(made.agi.listen)("127.0.0.1", port)
    return made.model_copy(update={"agi": made.agi.model_copy(update={"listen": listen})})


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.asynccontextmanager
async def running(begin: Config, reload: Callable[[], Config]) -> AsyncIterator[Service]:
    service = Service(begin, reload)
    task = asyncio.create_task(service.run())
    await eventually(lambda: task.done() or listens(begin.agi.listen.port))
    try:
        yield service
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def hold(port: int, script: str, text: str) -> str:
    """Hold a session; return the one command of it."""
    async with FakeAsterisk(port) as asterisk:
        await asterisk.ask(script, text)
        command = await asterisk.command()
        await asterisk.reply()
        return command


async def verdict(port: int, agent: str = "1000") -> str:
    asked = {**ASKED, "channel": f"PJSIP/{agent}-00000001"}
    return mset(await hold(port, "outbound", facts.encode(asked)))["C2D_VERDICT"]


async def end(port: int, call_ref: str) -> str:
    """Place and end a call; return the receipt."""
    known = mset(await hold(port, "outbound", facts.encode({**ASKED, "call_ref": call_ref})))
    return await hold(port, "ended", f"{known['C2D_FACTS']}&{facts.encode(ENDED)}")


def test_a_taken_port_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{port}"):
            run(Service(config(port), lambda: config(port)).run())


def test_a_reload_takes_new_extensions_and_drops_no_session() -> None:
    port = ports.free_port()

    async def scenario() -> None:
        after = config(port, extensions=["2000-2999"])
        async with running(config(port), lambda: after) as service, FakeAsterisk(port) as open_one:
            assert [await verdict(port, agent) for agent in ("1000", "2000")] == ["dial", "refuse"]
            await open_one.ask("outbound", facts.encode(ASKED))
            assert await open_one.command()
            service.reload()
            assert [await verdict(port, agent) for agent in ("1000", "2000")] == ["refuse", "dial"]
            await open_one.reply()
            assert await open_one.rest() == b""

    run(scenario())


REFS = [f"00000000-0000-0000-0000-00000000000{digit}" for digit in range(4)]


def test_a_reload_takes_another_list_and_another_redis(redis: RedisServer, client: Redis) -> None:
    port = ports.free_port()
    other = redis.url.removesuffix("/0") + "/1"
    steps = [
        config(port, redis.url),
        config(port, redis.url, key_prefix="moved"),
        config(port, redis.url, key_prefix="moved", push="right"),
        config(port, other),
    ]

    async def scenario() -> None:
        upcoming = iter(steps[1:])
        async with running(steps[0], lambda: next(upcoming)) as service:
            for number, call_ref in enumerate(REFS):
                if number:
                    service.reload()
                assert await end(port, call_ref) == RECEIPT

    run(scenario())
    assert [call_ref_of(client.rpop(LIST))] == REFS[:1]
    assert [call_ref_of(client.lpop("moved:cdr")) for _ in range(2)] == REFS[1:3]
    with Redis.from_url(other) as there:
        assert call_ref_of(there.rpop(LIST)) == REFS[3]


def call_ref_of(body: Any) -> str:
    return str(json.loads(body)["payload"]["call_ref"])


def test_a_reload_takes_other_networks() -> None:
    port = ports.free_port()
    begin = config(port)
    after = begin.model_copy(update={"agi": begin.agi.model_copy(update={"allow_from": ()})})

    async def scenario() -> None:
        async with running(begin, lambda: after) as service:
            assert await verdict(port) == "dial"
            service.reload()
            async with FakeAsterisk(port) as asterisk:
                assert await asterisk.is_turned_away()

    run(scenario())


def test_a_broken_configuration_leaves_everything_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = ports.free_port()

    def broken() -> Config:
        raise ConfigError("agi.listen", "something else")

    async def scenario() -> None:
        async with running(config(port), broken) as service:
            service.reload()
            assert await verdict(port) == "dial"

    run(scenario())
    assert "configuration not reloaded: agi.listen: something else" in caplog.text


def test_another_address_is_not_taken_without_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    port, other = ports.free_port(), ports.free_port()

    async def scenario() -> None:
        async with running(config(port), lambda: config(other)) as service:
            service.reload()
            assert await verdict(port) == "dial"
            assert not listens(other)

    run(scenario())
    assert "agi.listen changed; that takes a restart" in caplog.text


def test_the_start_tells_what_is_served(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "click2dial_agi")
    port = ports.free_port()

    async def scenario() -> None:
        async with running(config(port), lambda: config(port)):
            await eventually(lambda: "integrators.acme" in caplog.text)

    run(scenario())
    assert f"click2dial-agi {__version__}" in caplog.text
    assert f"FastAGI on 127.0.0.1:{port}" in caplog.text
    assert f"integrator acme: extensions 1000-1999, 300, notifications on {LIST}" in caplog.text
    assert "integrators.acme.caller_ids.owned is empty" in caplog.text


class TestProcess:
    """The same from outside, with signals."""

    def test_sigterm_finishes_the_session_in_flight_and_exits_0(self) -> None:
        with Server("redis://127.0.0.1:1/0") as server:
            statuses = []

            async def scenario() -> None:
                async with FakeAsterisk(server.port) as asterisk:
                    await asterisk.ask("outbound", facts.encode(ASKED))
                    assert await asterisk.command()
                    stopping = asyncio.create_task(asyncio.to_thread(server.stop))
                    await eventually(lambda: "stopping: 1 AGI sessions to finish" in server.log())
                    await asterisk.reply()
                    assert await asterisk.rest() == b""
                    statuses.append(await stopping)

            run(scenario())
            assert statuses == [0]
            assert server.log().endswith(" INFO stopped\n")

    def test_sighup_takes_the_new_file_or_keeps_the_old(self) -> None:
        with Server("redis://127.0.0.1:1/0") as server:

            async def scenario() -> None:
                good = server.config["integrators"][0]
                server.write({**server.config, "nonsense": 1})
                server.reload()
                await eventually(lambda: "not reloaded: nonsense: unknown key" in server.log())
                assert await verdict(server.port) == "dial"
                server.write({**server.config, "integrators": [{**good, "extensions": ["2000"]}]})
                server.reload()
                await eventually(lambda: "configuration reloaded" in server.log())
                assert await verdict(server.port) == "refuse"
                assert await verdict(server.port, "2000") == "dial"

            run(scenario())
