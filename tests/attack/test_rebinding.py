"""DNS rebinding: a page from elsewhere whose name its owner lets point at this server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from sandbox import ports
from sandbox.redis import RedisServer
from tests.attack.target import CALLS, KEY, Target
from tests.edge.rig import FakeAsterisk, phone, run, running_edge

OURS = ["127.0.0.1", "localhost", "LOCALHOST."]
EVIL = [
    *("evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "127.1", "0", "2130706433"),
    *("0x7f.0.0.1", "0.0.0.0", "[::]", "192.0.2.1", "[::1]", "localhost..", "x-localhost"),
]
NETWORK: dict[str, Any] = {"allow_from": ["127.0.0.0/8"]}
SOFTPHONE: dict[str, Any] = {"softphone": True, "softphone_ws": "ws://127.0.0.1/ws"}
RECORDING = "/click2dial/recordings/bde674e2-eeaf-4355-b32c-664a82256e11.wav"
REFUSED = (400, 403, 421)


@pytest.mark.case("A1")
def test_a_network_gives_no_rights_to_a_page_from_elsewhere(redis: RedisServer) -> None:
    with Target.running(redis, **NETWORK, **SOFTPHONE) as target, target.client() as client:
        for host in OURS:
            named = {"Host": f"{host}:{target.port}"}
            for more in ({}, {"Origin": f"http://{host}:{target.port}"}):
                assert client.get(CALLS, headers=named | more).status_code == 200, (named, more)
            assert client.get("/softphone/config", headers=named).status_code == 200
        for host in EVIL:
            named = {"Host": f"{host}:{target.port}"}
            for more in (
                {},  # a browser sends no Origin with a GET to what it takes for the page's own host
                {"Origin": f"http://{host}:{target.port}", "Sec-Fetch-Site": "same-origin"},
            ):
                for method, path in (
                    *(("POST", CALLS), ("GET", CALLS), ("HEAD", CALLS), ("DELETE", f"{CALLS}/x")),
                    *(("GET", RECORDING), ("GET", "/softphone/events?extension=1100")),
                    *(("GET", "/softphone"), ("GET", "/softphone/config")),
                ):
                    answer = client.request(method, path, headers=named | more)
                    assert answer.status_code in REFUSED, (method, path, named, more)
            # A key is nothing that a page from elsewhere could make a browser send.
            key = {"Authorization": f"Bearer {KEY}"}
            if host != "localhost..":
                assert client.get(CALLS, headers=named | key).status_code == 200, host


@pytest.mark.case("A1")
@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ""])
def test_a_page_from_elsewhere_asks_this_host(redis: RedisServer, site: str) -> None:
    with Target.running(redis, **NETWORK) as target, target.client() as client:
        assert client.get(CALLS, headers={"Sec-Fetch-Site": site}).status_code == 403
        assert client.get(CALLS, headers={"Sec-Fetch-Site": "none"}).status_code == 200


@pytest.mark.case("A1")
def test_metrics_are_for_hosts_of_ours(redis: RedisServer) -> None:
    listen = f"127.0.0.1:{ports.free_port()}"
    with Target.running(redis) as target, target.client() as client:
        target.server.stop()
        target.server.write(target.server.config | {"metrics": {"listen": listen}})
        target.server.start()
        assert client.get(f"http://{listen}/metrics").status_code == 200
        for host in ("evil.example", "[c:1]"):
            answer = client.get(f"http://{listen}/metrics", headers={"Host": host})
            assert answer.status_code in REFUSED


@pytest.mark.case("A1")
@pytest.mark.parametrize("host", EVIL)
def test_same_host_at_the_edge(host: str) -> None:
    async def test() -> int:
        async with FakeAsterisk() as asterisk, running_edge(asterisk.url) as edge:
            named = {"Host": f"{host}:{edge.port}"}
            try:
                async with phone(edge, origin=f"http://{host}", additional_headers=named):
                    return 101
            except InvalidStatus as refused:
                return refused.response.status_code

    # The client library adds a Host of its own: two are none, and refused whatever they say.
    assert run(test()) in REFUSED


@pytest.mark.case("A1")
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:1", "http://127.0.0.1", 101),
        ("pbx.example.com", "https://PBX.example.com:8300", 101),
        ("localhost", "http://localhost:8300", 101),
        ("evil.example", "http://evil.example", 403),
        ("evil.example", "", 101),  # no browser: the phone's password is what counts
        ("[c:1]", "http://[c:1]", 400),
        ("", "", 400),
    ],
)
def test_hosts_at_the_edge(host: str, origin: str, status: int) -> None:
    async def test() -> bytes:
        config: dict[str, Any] = {"hosts": ["pbx.example.com"]}
        async with FakeAsterisk() as asterisk, running_edge(asterisk.url, **config) as edge:
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            lines = [
                *("GET /ws HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade"),
                *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"),
                "Sec-WebSocket-Protocol: sip",
                *([f"Host: {host}"] if host else []),
                *([f"Origin: {origin}"] if origin else []),
            ]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            answer = await reader.readline()
            writer.transport.abort()
            return answer

    assert run(test()).startswith(b"HTTP/1.1 %d " % status)
