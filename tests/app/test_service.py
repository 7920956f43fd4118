"""The service: its start, its reload and its stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from click2dial_agi import __version__
from click2dial_agi.app.http.api import CreateCallAPI
from click2dial_agi.app.http.doors import HTTPDoors
from click2dial_agi.app.service import Service
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import ConfigError
from click2dial_agi.io.agi_server import AGIServer
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import UNSEALED, Server
from sandbox.waiting import patience
from tests.app import serving
from tests.app.serving import ASKED, ENDED, RECEIPT, mset
from tests.domain.examples import ACME
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


def is_closed(port: int) -> bool:
    """Tell whether nobody listens, without a connection that somebody would have to take."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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


def test_a_reload_takes_new_extensions_and_drops_no_session() -> None:
    port = ports.free_port()

    async def scenario() -> None:
        after = config(port, extensions=["2000-2999"])
        async with running(config(port), lambda: after) as service, FakeAsterisk(port) as open_one:
            assert [await verdict(port, agent) for agent in ("1000", "2000")] == ["dial", "refuse"]
            await open_one.ask("outbound", facts.encode(ASKED))
            assert await open_one.command()
            await service.reload()
            assert [await verdict(port, agent) for agent in ("1000", "2000")] == ["refuse", "dial"]
            await open_one.reply()
            assert await open_one.rest() == b""

    run(scenario())


@pytest.mark.case("C39")
def test_a_reload_says_what_the_new_configuration_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And not again what was said before."""
    port = ports.free_port()
    after = config(port, key_prefix="crm:")

    async def scenario() -> None:
        async with running(config(port), lambda: after) as service:
            caplog.clear()
            await service.reload()
            await service.reload()

    run(scenario())
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert len([line for line in told if "the list of records is crm::cdr" in line]) == 1
    assert "caller_ids.owned is empty" not in caplog.text


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
                    await service.reload()
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
            await service.reload()
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
            await service.reload()
            assert await verdict(port) == "dial"

    run(scenario())
    assert "configuration not reloaded: agi.listen: something else" in caplog.text


@pytest.mark.case("O29")
def test_calls_are_decided_while_a_configuration_is_read() -> None:
    """That of hundreds of integrators takes seconds."""
    port = ports.free_port()
    begun, enough = threading.Event(), threading.Event()

    def read() -> Config:
        begun.set()
        assert enough.wait(patience(10))
        return config(port, extensions=["2000-2999"])

    async def scenario() -> None:
        async with running(config(port), read) as service:
            reload = asyncio.create_task(service.reload())
            await eventually(begun.is_set)
            assert await verdict(port) == "dial"
            enough.set()
            await reload
            assert await verdict(port) == "refuse"

    run(scenario())


def test_another_address_is_not_taken_without_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    port, other = ports.free_port(), ports.free_port()

    async def scenario() -> None:
        async with running(config(port), lambda: config(other)) as service:
            await service.reload()
            assert await verdict(port) == "dial"
            assert not listens(other)

    run(scenario())
    assert "agi.listen changed; that takes a restart" in caplog.text


REDIS = "redis://127.0.0.1:1/0"


def whole(port: int, *integrators: dict[str, Any], **sections: Any) -> Config:
    """Return a configuration with sections and integrators as given."""
    return parse_config(
        {
            "agi": {"listen": f"127.0.0.1:{port}"},
            "asterisk": {"ari_url": "http://127.0.0.1:1/ari", "ari_password": "s3cret"},
            "integrators": [{"redis": REDIS, **one} for one in integrators],
            **sections,
        }
    )


def beta(**keys: Any) -> dict[str, Any]:
    return {"name": "beta", "extensions": ["2000-2999"], "key_prefix": "beta", **keys}


@contextlib.asynccontextmanager
async def reloading(begin: Config) -> AsyncIterator[Callable[[Config], Awaitable[None]]]:
    """Run a service; yield a function that reloads it with another configuration."""
    upcoming = [begin]
    async with running(begin, lambda: upcoming[0]) as service:

        async def reload(config: Config) -> None:
            upcoming[0] = config
            await service.reload()

        yield reload


async def health(port: int) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code


@pytest.mark.case("O7")
def test_a_reload_opens_moves_and_closes_listeners() -> None:
    port, first, second, metrics = (ports.free_port() for _ in range(4))

    async def scenario() -> None:
        async with reloading(whole(port, ACME)) as reload:
            await reload(whole(port, {**ACME, "http": f"127.0.0.1:{first}"}))
            assert await health(first) == 200
            listen = {"listen": f"127.0.0.1:{metrics}"}
            await reload(whole(port, {**ACME, "http": f"127.0.0.1:{second}"}, metrics=listen))
            assert await health(second) == 200
            assert not is_closed(metrics)
            await eventually(lambda: is_closed(first))
            await reload(whole(port, ACME))
            await eventually(lambda: is_closed(second) and is_closed(metrics))

    run(scenario())


@pytest.mark.case("O7")
def test_two_integrators_change_places() -> None:
    port, first, second = (ports.free_port() for _ in range(3))
    key = {"api_keys": ["key-of-beta"]}

    async def scenario() -> None:
        def placed(one: int, other: int) -> Config:
            acme = {**ACME, "http": f"127.0.0.1:{one}"}
            return whole(port, acme, beta(http=f"127.0.0.1:{other}", **key))

        async def is_betas(port: int) -> bool:
            headers = {"Authorization": "Bearer key-of-beta"}
            url = f"http://127.0.0.1:{port}/click2dial/calls"
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(url, headers=headers)).status_code != 401

        async with reloading(placed(first, second)) as reload:
            assert [await is_betas(one) for one in (first, second)] == [False, True]
            await reload(placed(second, first))
            await asyncio.sleep(0.1)  # the listeners before finish in their own time
            assert [await is_betas(one) for one in (first, second)] == [True, False]

    run(scenario())


@pytest.mark.case("C4")
@pytest.mark.case("O7")
@pytest.mark.parametrize("fault", ["taken port", "certificate", "webhook's ca", "our own fault"])
def test_a_reload_is_all_or_nothing(
    fault: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever goes wrong, and however late: nothing of the new configuration is in force."""
    port, first, second, taken = (ports.free_port() for _ in range(4))
    begin = whole(port, {**ACME, "http": f"127.0.0.1:{first}"})
    moved = {**ACME, "extensions": ["3000-3999"], "http": f"127.0.0.1:{second}"}
    wrong: dict[str, Any] = {}
    if fault == "taken port":
        wrong = {"http": f"127.0.0.1:{taken}"}
    elif fault == "certificate":
        tls = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
        wrong = {"http": f"127.0.0.1:{ports.free_port()}", "tls": tls}
    elif fault == "webhook's ca":
        hook = {"url": "https://h/", "secret": "s" * 16, "ca": str(tmp_path / "ca.pem")}
        wrong = {"webhooks": [hook]}

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", taken)):
            async with reloading(begin) as reload:
                if fault == "our own fault":

                    def broken(*_: object) -> None:
                        raise ZeroDivisionError

                    monkeypatch.setattr("click2dial_agi.app.service.HTTPDoors.prepare", broken)
                await reload(whole(port, moved, beta(**wrong)))
                verdicts = [await verdict(port, agent) for agent in ("1000", "2000", "3000")]
                assert verdicts == ["dial", "refuse", "refuse"]
                assert await health(first) == 200
                assert is_closed(second)
                monkeypatch.undo()
                await reload(whole(port, moved, beta()))
                verdicts = [await verdict(port, agent) for agent in ("1000", "2000", "3000")]
                assert verdicts == ["refuse", "dial", "dial"]
                assert await health(second) == 200

    run(scenario())
    assert caplog.text.count("configuration not reloaded: ") == 1


@pytest.mark.case("C4")
def test_a_session_keeps_the_configuration_that_it_began_with(
    redis: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis is frozen while a call ends, and its integrator is taken out: its record is pushed."""
    port = ports.free_port()

    async def scenario() -> None:
        async with reloading(whole(port, {**ACME, "redis": redis.url}, beta())) as reload:
            known = mset(await hold(port, "outbound", facts.encode(ASKED)))
            query = f"{known['C2D_FACTS']}&{facts.encode(ENDED)}"
            redis.pause()
            try:
                ending = asyncio.create_task(hold(port, "ended", query))
                await asyncio.sleep(0.3)  # it waits for Redis
                await reload(whole(port, beta()))
            finally:
                redis.resume()
            assert await ending == RECEIPT

    run(scenario())
    assert client.llen(LIST) == 1


def test_a_part_that_fails_to_stop_does_not_skip_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = ports.free_port()
    begin = whole(port, ACME)

    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        closed: list[str] = []
        stop = AGIServer.stop

        async def noted(self: AGIServer, grace: float) -> None:
            closed.append("agi")
            await stop(self, grace)

        monkeypatch.setattr(AGIServer, "stop", noted)
        monkeypatch.setattr(HTTPDoors, "start", fails)
        monkeypatch.setattr(CreateCallAPI, "stop", fails)
        task = asyncio.create_task(Service(begin, lambda: begin).run())
        with pytest.raises(ZeroDivisionError):
            await task
        assert closed == ["agi"]
        assert not listens(port)

    run(scenario())


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

    @pytest.mark.slow
    def test_sigterm_finishes_the_session_in_flight_and_exits_0(self) -> None:
        with Server("redis://127.0.0.1:1/0", agi=UNSEALED) as server:
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

    @pytest.mark.slow
    def test_sighup_takes_the_new_file_or_keeps_the_old(self) -> None:
        with Server("redis://127.0.0.1:1/0", agi=UNSEALED) as server:

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
