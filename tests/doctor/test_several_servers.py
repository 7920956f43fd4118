"""Several servers: what doctor says of them, and the errors of calls that another one refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from click2dial_agi import __version__
from click2dial_agi.app.doctor.dialplan import GLOBALS, check_dialplan
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.variables import SIP_DIALOG
from click2dial_agi.io.refusals import ErrorHeaders, Refusals
from sandbox.redis import RedisServer
from sandbox.server import UNSEALED, Server
from tests.app.serving import ASKED
from tests.domain.examples import ACME
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import run

PBXS = [
    {"name": name, "ari_url": f"http://{name}.invalid/ari", "ari_password": "s3cret"}
    for name in ("east", "west")
]


def made(**keys: object) -> Config:
    return parse_config({"integrators": [ACME], **keys})


def found(config: Config, servers: str, *, elsewhere: bool = False) -> set[str]:
    """Return the kinds of what is found of a dialplan that is else as it should be."""
    given = {
        **dict.fromkeys(GLOBALS, ""),
        "C2D_AGI": servers,
        "C2D_SPOOL": str(config.spool_path),
        "C2D_RECORDINGS": str(config.recordings_dir),
        "C2D_VERSION": __version__,
    }
    return {one.check for one in check_dialplan(config, given, elsewhere=elsewhere)}


@pytest.fixture
def other() -> Iterator[str]:
    """Another server, which listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"agi://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.case("S2")
def test_an_edge_that_other_servers_errors_do_not_reach(other: str) -> None:
    ours = "agi://127.0.0.1:4574"
    redis = {"redis": "redis://127.0.0.1:6379/1"}
    assert found(made(edge={}), f"{ours} {other}") == {"edge-alone"}
    assert found(made(edge=redis), f"{ours} {other}") == set()
    assert found(made(), f"{ours} {other}") == set()
    assert found(made(edge={}), ours) == set()


@pytest.mark.case("S2")
def test_check_config_tells_of_an_edge_and_several_pbxs() -> None:
    def told(**keys: object) -> bool:
        return any(one.startswith("edge.redis") for one in made(**keys).warnings())

    assert told(asterisk=PBXS, edge={})
    assert not told(asterisk=PBXS, edge={"redis": "redis://127.0.0.1:6379/1"})
    assert not told(asterisk=PBXS[0], edge={})


def test_a_pbx_elsewhere_has_a_server_of_its_own() -> None:
    assert found(made(), "agi://127.0.0.1:4574", elsewhere=True) == set()
    assert found(made(), "agi://127.0.0.1:1", elsewhere=True) == set()
    assert found(made(), "", elsewhere=True) == {"agi-elsewhere"}


@pytest.mark.case("S2")
def test_a_server_without_an_edge_leaves_errors_for_one_elsewhere(redis: RedisServer) -> None:
    async def refused(port: int) -> None:
        async with FakeAsterisk(port) as asterisk:
            await asterisk.ask("outbound", facts.encode({**ASKED, "callee": "!"}))
            assert await asterisk.command() == f'GET FULL VARIABLE "{SIP_DIALOG}"'
            await asterisk.reply("200 result=1 (the-dialog)")
            assert "refuse" in await asterisk.command()
            await asterisk.reply()

    with Server(redis.url, errors_redis=redis.url, agi=UNSEALED) as server:
        run(refused(server.port))
    errors = Refusals(redis.url)

    async def found() -> ErrorHeaders:
        try:
            return await errors.find("the-dialog", elsewhere=True)
        finally:
            await errors.close()

    ((name, message),) = run(found())
    assert name == "X-Teleforge-Error"
    assert message.startswith("callee: ")
