"""Softphones on the real Asterisk, through the edge and past it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from websockets.exceptions import ConnectionClosed

from sandbox import astconf, ports
from sandbox.asterisk import Asterisk
from sandbox.process import Process, until
from sandbox.redis import RedisServer, redis_server
from sandbox.server import ACME, Server
from sandbox.trunk import Trunk
from tests.e2e.webphone import WebPhone, web_phone

DIALPLAN = Path(__file__).parents[2] / "dialplan/click2dial.conf"

TELEFORGE = "X-Teleforge-Outbound-ID: 27820001234"
PLATFORMA = "X-Platforma-Outbound-ID: 27820001234"
CALLEE = (
    "callee: 3-4 digits, 10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
)
OUTBOUND_ID = (
    "outbound_id: random, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27"
)
CONTACT_REF = "contact_ref: letters, digits and . - _ ~ only"
TOO_LONG = [
    f"{field}: a header of at most 4000 characters" for field in ("outbound_id", "contact_ref")
]


class Desk:
    """A PBX, a server with its edge on `edge_url`, and Redis."""

    def __init__(self, pbx: Asterisk, server: Server, edge_url: str) -> None:
        self.pbx = pbx
        self.server = server
        self.edge_url = edge_url


@pytest.fixture(scope="module")
def desk(tree: Path, trunk: Trunk, redis: RedisServer) -> Iterator[Desk]:
    """The usual shape: the server runs the edge too."""
    server = Server(redis.url)
    pbx = Asterisk(tree, include=DIALPLAN, c2d_agi=server.agi_url, trunk_port=trunk.port)
    edge = {"listen": f"127.0.0.1:{ports.free_port()}", "upstream": pbx.ws_url}
    server.write(server.config | {"edge": edge})
    with pbx, server:
        yield Desk(pbx, server, f"ws://{edge['listen']}/ws")


@pytest.mark.case("C28")
@pytest.mark.parametrize(
    ("callee", "lines", "teleforge", "platforma"),
    [
        ("12", [TELEFORGE], [CALLEE], []),
        ("12", [PLATFORMA], [], [CALLEE]),
        ("12", [TELEFORGE, PLATFORMA], [CALLEE], [CALLEE]),
        ("0820000100", [], [OUTBOUND_ID], []),
        # As the original's snippet sends it for a page that has no caller ID.
        ("0820000100", ["X-Platforma-Outbound-ID:"], [], [OUTBOUND_ID]),
        # Too long for Asterisk, which lists no header then.
        ("0820000100", [f"X-Platforma-Outbound-ID: {'2' * 4090}"], TOO_LONG, TOO_LONG),
        (
            "12",
            ["X-Platforma-Outbound-ID: nonsense", "X-Platforma-Call-Ref: no blanks"],
            [],
            [CALLEE, OUTBOUND_ID, CONTACT_REF],
        ),
    ],
)
def test_a_refused_call_lists_its_errors(
    desk: Desk, callee: str, lines: list[str], teleforge: list[str], platforma: list[str]
) -> None:
    with web_phone(desk.edge_url) as phone:
        response = phone.invite(callee, *lines)
    assert (response.status, response.header("Reason")) == (484, "Q.850;cause=28")
    assert response.header_all("X-Teleforge-Error") == teleforge
    assert response.header_all("X-Platforma-Error") == platforma
    assert response.headers[-1][0] == "Content-Length"


@pytest.mark.parametrize(
    "call_id",
    [
        "a)b(c",
        '%41+${C2D_AGI},"x\\\'y\\"',
        "{}[]<>?/*'`!~",
        "é日本",
        "x" * 200,
        "a=1 (b)".replace(" ", ""),
    ],
)
def test_any_call_id_is_found(desk: Desk, call_id: str) -> None:
    with web_phone(desk.edge_url) as phone:
        response = phone.invite("12", TELEFORGE, call_id=call_id)
    assert response.call_id == call_id
    assert response.header_all("X-Teleforge-Error") == [CALLEE]


def test_past_the_edge_there_is_the_cause_only(desk: Desk) -> None:
    with web_phone(desk.pbx.ws_url) as phone:
        response = phone.invite("12", TELEFORGE)
    assert (response.status, response.header("Reason")) == (484, "Q.850;cause=28")
    assert [name for name, _ in response.headers if name.startswith("X-")] == []


def test_a_good_call_goes_through(desk: Desk, trunk: Trunk) -> None:
    number = trunk.number("busy")
    with web_phone(desk.edge_url) as phone:
        response = phone.invite(number, TELEFORGE)
    assert (response.status, response.header_all("X-Teleforge-Error")) == (486, [])
    assert trunk.wait_invite(number).from_user == "27820001234"


def test_a_message_of_64_kib_costs_nobody_else_anything(desk: Desk) -> None:
    with web_phone(desk.edge_url) as greedy, web_phone(desk.edge_url) as other:
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            greedy.websocket.send("OPTIONS sip:x SIP/2.0\r\nX-Long: " + "a" * 60_000 + "\r\n\r\n")
            greedy.websocket.send("a" * 70_000)
        assert other.options().status == 200
        assert _end(greedy)[0] in (1009, 1013)


def test_asterisk_restarts_under_a_hundred_phones(desk: Desk) -> None:
    with contextlib.ExitStack() as stack:
        phones = [stack.enter_context(web_phone(desk.edge_url)) for _ in range(100)]
        assert {phone.options().status for phone in phones} == {200}
        desk.pbx.kill()
        assert {_end(phone) for phone in phones} == {(1013, "Asterisk is away, try again")}
        with web_phone(desk.edge_url) as early:
            assert _end(early) == (1013, "Asterisk is away, try again")
        desk.pbx.start()
        phones = [stack.enter_context(web_phone(desk.edge_url)) for _ in range(100)]
        assert {phone.options().status for phone in phones} == {200}
        assert phones[0].invite("12", TELEFORGE).header_all("X-Teleforge-Error") == [CALLEE]


def test_the_server_stops_and_phones_come_back(desk: Desk) -> None:
    with web_phone(desk.edge_url) as phone:
        assert phone.options().status == 200
        assert desk.server.stop() == 0
        assert _end(phone) == (1012, "the server is stopping")
    desk.server.start()
    with web_phone(desk.edge_url) as phone:
        assert phone.invite("12", TELEFORGE).header_all("X-Teleforge-Error") == [CALLEE]


def test_an_edge_of_its_own_finds_the_errors_in_redis(
    tree: Path, trunk: Trunk, redis: RedisServer, tmp_path: Path
) -> None:
    agi, listen = f"127.0.0.1:{ports.free_port()}", f"127.0.0.1:{ports.free_port()}"
    pbx = Asterisk(tree, include=DIALPLAN, c2d_agi=f"agi://{agi}", trunk_port=trunk.port)
    with contextlib.ExitStack() as stack:
        # Not the integrator's: the record of a call waits longer for a Redis that hangs.
        between = stack.enter_context(redis_server())
        config = {
            "agi": {"listen": agi, "secret": astconf.SECRET},
            "edge": {"listen": listen, "upstream": pbx.ws_url, "redis": between.url},
            "spool_dir": str(tmp_path),
            "integrators": [{**ACME, "redis": redis.url}],
        }
        (tmp_path / "c2d.yaml").write_text(yaml.safe_dump(config))
        stack.enter_context(pbx)
        stack.enter_context(_command(tmp_path, "serve", "--no-edge"))
        process = stack.enter_context(_command(tmp_path, "edge"))
        phone = stack.enter_context(web_phone(f"ws://{listen}/ws"))
        response = phone.invite("12", TELEFORGE, PLATFORMA)
        assert response.header_all("X-Teleforge-Error") == [CALLEE]
        assert response.header_all("X-Platforma-Error") == [CALLEE]
        between.pause()
        try:
            held = phone.invite("12", TELEFORGE)
        finally:
            between.resume()
        # Refused as without an edge, after a deadline on each side.
        assert (held.status, held.header_all("X-Teleforge-Error")) == (484, [])
        assert held.at - response.at < 1.5
        process.send(signal.SIGHUP)
        assert phone.options().status == 200
        process.send(signal.SIGTERM)
        assert _end(phone) == (1012, "the server is stopping")
        assert process.wait(10) == 0


@contextlib.contextmanager
def _command(directory: Path, *arguments: str) -> Iterator[Process]:
    """Run a command of the product, with the configuration in a directory, once it is ready."""
    log = directory / f"{arguments[0]}.log"
    process = Process(
        [*(sys.executable, "-m", "click2dial_agi"), *arguments, "-c", str(directory / "c2d.yaml")],
        output=log,
    )

    def ready() -> bool:
        process.check_alive()
        return " on " in log.read_text()

    try:
        until(ready, 15, f"click2dial-agi {arguments[0]}")
        yield process
    finally:
        process.stop()


def _end(phone: WebPhone) -> tuple[int | None, str | None]:
    """Return code and reason with which the connection was closed."""
    try:
        while True:
            phone.websocket.recv(10)
    except ConnectionClosed:
        return phone.websocket.close_code, phone.websocket.close_reason
