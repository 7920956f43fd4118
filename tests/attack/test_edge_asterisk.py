"""WebSockets that attack the edge, in front of the real Asterisk."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sandbox import astconf, ports
from sandbox.asterisk import Asterisk
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.sip import Message
from sandbox.trunk import Trunk
from sandbox.waiting import patience
from tests.e2e.test_edge import CALLEE, DIALPLAN, TELEFORGE
from tests.e2e.webphone import WebPhone, web_phone

PATIENCE = 3.0  # register_timeout


@dataclass
class Desk:
    pbx: Asterisk
    server: Server
    url: str


@pytest.fixture(scope="module")
def desk(tree: Path, trunk: Trunk, running_redis: RedisServer) -> Iterator[Desk]:
    """A PBX behind an edge; half of Asterisk's sessions are the edge's."""
    server = Server(running_redis.url)
    pbx = Asterisk(tree, include=DIALPLAN, c2d_agi=server.agi_url, trunk_port=trunk.port)
    edge = {
        **{"listen": f"127.0.0.1:{ports.free_port()}", "upstream": pbx.ws_url},
        **{"register_timeout": PATIENCE, "connections_per_minute": 100_000},
    }
    server.write(server.config | {"edge": edge})
    with pbx, server:
        yield Desk(pbx, server, f"ws://{edge['listen']}/ws")


def ari(pbx: Asterisk) -> int:
    """Ask for something, as the server would; return the status."""
    answer = httpx.get(
        f"{pbx.ari_url}/asterisk/ping",
        auth=(pbx.ari_username, pbx.ari_password),
        trust_env=False,
        timeout=5,
    )
    return answer.status_code


def register(phone: WebPhone, agent: str, password: str | None = None) -> Message:
    """Send REGISTER, with digest where it is asked for; return the last response."""
    call_id = secrets.token_hex(8)
    phone.send("REGISTER", agent, call_id, lines=["Expires: 60"])
    answer = phone.final("REGISTER")
    if answer.status != 401 or password is None:
        return answer
    asked = answer.header("WWW-Authenticate") or ""
    fields = dict(part.strip().split("=", 1) for part in asked.removeprefix("Digest ").split(","))
    realm, nonce = (fields[name].strip('"') for name in ("realm", "nonce"))
    uri = f"sip:{agent}@pbx.invalid"
    one = hashlib.md5(f"{agent}:{realm}:{password}".encode()).hexdigest()
    two = hashlib.md5(f"REGISTER:{uri}".encode()).hexdigest()
    response = hashlib.md5(f"{one}:{nonce}:00000001:c:auth:{two}".encode()).hexdigest()
    line = (
        f'Authorization: Digest username="{agent}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
    )
    if "opaque" in fields:
        line += f", opaque={fields['opaque']}"
    phone.send("REGISTER", agent, call_id, cseq=2, lines=["Expires: 60", line])
    return phone.final("REGISTER")


@contextlib.contextmanager
def stranger(url: str, source: str = "127.0.0.1") -> Iterator[ClientConnection]:
    """Open a WebSocket that sends one OPTIONS."""
    with connect(
        url,
        subprotocols=[Subprotocol("sip")],
        compression=None,
        proxy=None,
        close_timeout=1,
        ping_interval=None,
        source_address=(source, 0),
    ) as websocket:
        WebPhone(websocket, "nobody").send("OPTIONS", "1000", secrets.token_hex(8))
        yield websocket


@pytest.mark.case("A4")
def test_strangers_take_neither_ari_nor_the_phones(desk: Desk) -> None:
    with contextlib.ExitStack() as stack:
        phone = stack.enter_context(web_phone(desk.url, agent="1000"))
        assert register(phone, "1000").status == 200
        opened = []
        for number in range(1000):
            with contextlib.suppress(WebSocketException, OSError, EOFError):  # told to go already
                opened.append(stack.enter_context(stranger(desk.url, f"127.0.0.{9 + number % 2}")))
            if number % 250 == 0:
                assert ari(desk.pbx) == 200
        assert ari(desk.pbx) == 200
        assert phone.options().status == 200
        other = stack.enter_context(web_phone(desk.url, agent="1001"))
        assert register(other, "1001").status == 200
        # After its time each has been told to go, and those who registered have not.
        ends = [_end(websocket) for websocket in opened]
        assert set(ends) <= {(1008, "register first"), (1006, "")}
        assert (1008, "register first") in ends
        assert phone.options().status == 200
        assert other.options().status == 200


@pytest.mark.case("A4")
@pytest.mark.parametrize("agent", ["1100", "nobody"])
def test_one_that_never_gets_in_is_told_to_go(desk: Desk, agent: str) -> None:
    """Whatever it sends meanwhile."""
    with web_phone(desk.url, agent=agent) as phone:
        began = time.monotonic()
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            while True:
                phone.send("INVITE", "0820000100", secrets.token_hex(8))
                phone.send("OPTIONS", "1000", secrets.token_hex(8))
                assert register(phone, agent, "wrong").status in (401, 403)
                time.sleep(0.1)
        assert _end(phone.websocket) == (1008, "register first")
        assert time.monotonic() - began < PATIENCE + patience(2)


@pytest.mark.case("A4")
def test_phones_that_register_or_call_stay(desk: Desk, trunk: Trunk) -> None:
    with (
        web_phone(desk.url, agent="1100") as registered,
        web_phone(desk.url, agent="1002") as calling,
    ):
        password = astconf.agent_password("1100")
        assert register(registered, "1100", password).status == 200
        number = trunk.number("ring")
        calling.send("INVITE", number, secrets.token_hex(8), lines=[TELEFORGE])
        trunk.wait_invite(number)
        time.sleep(PATIENCE + 1)
        assert registered.options().status == 401  # without a password: the link is there
        assert calling.options().status == 200


@pytest.mark.case("A12")
@pytest.mark.parametrize("agent", ["1001", "1100"])
def test_the_errors_of_a_call_are_for_its_own_response(desk: Desk, agent: str) -> None:
    """Neither one who is let in nor one who is not gets another's, or takes them away."""
    for _ in range(5):
        call_id = secrets.token_hex(8)
        with web_phone(desk.url) as victim, web_phone(desk.url, agent=agent) as thief:
            for phone in (thief, victim, thief):
                lines = [TELEFORGE] if phone is victim else ["X-Teleforge-Outbound-ID: nonsense"]
                phone.send("INVITE", "12", call_id, lines=lines)
            assert victim.final("INVITE").header_all("X-Teleforge-Error") == [CALLEE]
            for _ in range(2 if agent == "1100" else 1):
                answer = thief.final("INVITE")
                errors = answer.header_all("X-Teleforge-Error")
                if answer.status == 484:  # its own
                    assert len(errors) == 2
                else:
                    assert errors == [], answer.status


@pytest.mark.case("A4")
def test_too_few_sessions_are_named_in_the_log(tree: Path, running_redis: RedisServer) -> None:
    server = Server(running_redis.url)
    edge = {"listen": f"127.0.0.1:{ports.free_port()}"}
    with Asterisk(tree, c2d_agi=server.agi_url) as pbx, contextlib.ExitStack() as stack:
        http = pbx.etc / "http.conf"
        http.write_text(http.read_text().replace("sessionlimit = 1000", "sessionlimit = 2"))
        pbx.cli("module reload http")
        server.write(server.config | {"edge": edge | {"upstream": pbx.ws_url}})
        stack.enter_context(server)
        phones = [stack.enter_context(web_phone(f"ws://{edge['listen']}/ws")) for _ in range(3)]
        assert {_end(phone.websocket)[0] for phone in phones[2:]} == {1013}
        said = "is http.conf's sessionlimit (100 by default) above edge.max_conn"
        until(lambda: said in server.log(), 10, "the line that says so")


def _end(websocket: object) -> tuple[int | None, str | None]:
    """Return code and reason with which a connection was closed."""
    assert hasattr(websocket, "recv")
    try:
        while True:
            websocket.recv(10)
    except ConnectionClosed:
        assert hasattr(websocket, "close_code")
        return websocket.close_code, websocket.close_reason  # type: ignore[attr-defined]
