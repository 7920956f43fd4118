"""What a server makes of the PBX's answers about its endpoints, whatever they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping

import pytest

from click2dial_agi.app.named_agents import NamedAgents
from click2dial_agi.app.service import Service
from click2dial_agi.domain.config import Config, parse_config
from tests.domain.examples import ACME
from tests.io.running import eventually, run

LIST = "/ari/endpoints/PJSIP"
ALICE = "/ari/asterisk/config/dynamic/res_pjsip/endpoint/alice"
ENDPOINTS = json.dumps([{"resource": "alice", "state": "online"}, {"resource": "1000"}]).encode()
OPTIONS = json.dumps([{"attribute": "C2D_EXTENSION", "value": "1050"}]).encode()

pytestmark = pytest.mark.case("T11")


@contextlib.asynccontextmanager
async def pbx(bodies: Mapping[str, bytes]) -> AsyncIterator[tuple[Config, list[str]]]:
    """Answer with these bodies by path; yield a configuration and what is asked for."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                body = bodies.get(path)
                asked.append(path)
                status = b"404 Not Found" if body is None else b"200 OK"
                body = body or b"{}"
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
                writer.write(body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asterisk = {"ari_url": f"http://127.0.0.1:{port}/ari", "ari_password": "a-secret-of-the-test"}
    integrator = {**ACME, "extensions": ["1000-1999"]}
    try:
        yield parse_config({"asterisk": asterisk, "integrators": [integrator]}), asked
    finally:
        server.close()


@contextlib.asynccontextmanager
async def looking(config: Config, adopted: list[Config]) -> AsyncIterator[NamedAgents]:
    agents = NamedAgents(lambda: config, adopted.append)
    task = asyncio.create_task(agents.run())
    try:
        yield agents
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])


def test_an_agent_is_found_and_taken_once() -> None:
    async def scenario() -> None:
        adopted: list[Config] = []
        bodies = {LIST: ENDPOINTS, ALICE: OPTIONS}
        async with pbx(bodies) as (config, asked), looking(config, adopted) as agents:
            await eventually(lambda: bool(adopted))
            assert agents.merge(config) == adopted[0]
            agents.look_soon()
            await eventually(lambda: len(asked) == 4)
        assert asked == [LIST, ALICE] * 2  # 1000 is an agent of that name
        (named,) = adopted
        assert named.integrators[0].endpoints == {"1050": "alice"}

    run(scenario())


def test_many_are_asked_about_once_and_then_in_turn() -> None:
    """A question is 0.8 ms of the PBX, and this goes on every minute."""

    async def scenario() -> None:
        adopted: list[Config] = []
        names = [f"phone{number}" for number in range(300)]
        options = {name: ALICE.replace("alice", name) for name in names}
        bodies: dict[str, bytes] = dict.fromkeys(options.values(), b"[]")
        bodies[LIST] = json.dumps([{"resource": name} for name in names]).encode()
        async with pbx(bodies) as (config, asked), looking(config, adopted) as agents:
            await eventually(lambda: len(asked) == 301)
            looks = []
            for look in range(11):
                if look == 5:  # the operator adds one, and changes one
                    bodies[LIST] = json.dumps(
                        [{"resource": name} for name in ["alice", *names]]
                    ).encode()
                    bodies[ALICE] = OPTIONS
                    bodies[options["phone299"]] = OPTIONS.replace(b"1050", b"1051")
                asked.clear()
                agents.look_soon()
                await eventually(lambda: len(asked) >= 31 + (look == 5))  # noqa: B023
                await asyncio.sleep(0.01)
                looks.append(len(asked))
                assert look != 5 or adopted[0].integrators[0].endpoints == {"1050": "alice"}
            assert looks == [31] * 5 + [32] + [31] * 5
        assert adopted[-1].integrators[0].endpoints == {"1050": "alice", "1051": "phone299"}

    run(scenario())


@pytest.mark.parametrize(
    "bodies",
    [
        {},
        {LIST: b"not json"},
        {LIST: b"[" * 200_000},
        {LIST: b'[{"resource": ["alice"]}, 7, null, {"resource": 5}]'},
        {LIST: b'{"resource": "alice"}'},
        {LIST: ENDPOINTS},
        {LIST: ENDPOINTS, ALICE: b'"C2D_EXTENSION"'},
        {LIST: ENDPOINTS, ALICE: b'[{"attribute": "C2D_EXTENSION", "value": {"1050": 1050}}]'},
        {LIST: ENDPOINTS, ALICE: b'[{"attribute": "C2D_EXTENSION", "value": null}]'},
        {LIST: ENDPOINTS, ALICE: OPTIONS.replace(b"1050", b"1050&PJSIP/x")},
        {LIST: ENDPOINTS, ALICE: OPTIONS.replace(b"1050", b"1" * 1_000_000)},
        {LIST: ENDPOINTS, ALICE: b"[" + b"1" * 5000 + b"]"},
    ],
)
def test_what_is_no_answer_changes_nothing(bodies: Mapping[str, bytes]) -> None:
    async def scenario() -> None:
        adopted: list[Config] = []
        async with pbx(bodies) as (config, asked), looking(config, adopted) as agents:
            await eventually(lambda: bool(asked))
            agents.look_soon()
            await eventually(lambda: asked.count(LIST) > 1)
            await asyncio.sleep(0)
            assert adopted == []
            assert agents.merge(config) == config

    run(scenario())


def test_what_fails_is_told_once_with_the_cure(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with pbx({LIST: b"not json"}) as (config, asked), looking(config, []) as agents:
            await eventually(lambda: bool(caplog.messages))
            agents.look_soon()
            await eventually(lambda: len(asked) == 2)
        (message,) = caplog.messages
        assert "integrators" in message
        assert "endpoints" in message

    run(scenario())


def test_a_server_asks_before_it_takes_calls() -> None:
    """Its first call may be one for such an agent."""

    async def scenario() -> None:
        async with pbx({LIST: ENDPOINTS, ALICE: OPTIONS}) as (config, asked):
            adopted: list[Config] = []
            agents = NamedAgents(lambda: config, adopted.append)
            first = await agents.first(5)
            assert first.extensions_by_endpoint == {"alice": "1050"}
            task = asyncio.create_task(agents.run())
            await eventually(lambda: asked.count(LIST) == 2)
            task.cancel()
            await asyncio.wait([task])
            assert adopted == []

    run(scenario())


def test_a_start_waits_a_moment_only_for_a_pbx_that_hangs() -> None:
    async def scenario() -> None:
        async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)

        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        asterisk = {"ari_url": f"http://127.0.0.1:{port}/ari", "ari_password": "a-secret-of-it"}
        config = parse_config({"asterisk": asterisk, "integrators": [ACME]})
        try:
            adopted: list[Config] = []
            assert await NamedAgents(lambda: config, adopted.append).first(0.1) == config
            assert writers
        finally:
            for writer in writers:
                writer.close()
            server.close()

    run(scenario())


def test_a_reload_keeps_the_agents_that_are_known() -> None:
    """From the reload on, before the PBX has been asked again."""

    async def scenario() -> None:
        bodies = {LIST: ENDPOINTS, ALICE: OPTIONS}
        async with pbx(bodies) as (config, _):
            agi = config.agi.model_copy(update={"listen": type(config.agi.listen)("127.0.0.1", 0)})
            config = config.model_copy(update={"agi": agi})
            service = Service(config, lambda: config.model_copy())
            task = asyncio.create_task(service.run())
            try:
                await eventually(lambda: bool(service.current.config.extensions_by_endpoint))
                before = service.current
                await service.reload()
                assert service.current is not before
                assert service.current.config.extensions_by_endpoint == {"alice": "1050"}
                (integrator,) = service.current.config.integrators
                assert service.current.notifiers["acme"].integrator is integrator
            finally:
                task.cancel()
                await asyncio.wait([task])

    run(scenario())
