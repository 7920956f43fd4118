"""Sockets that say nothing, little, or too much; the others are served meanwhile."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.process import until
from sandbox.redis import RedisServer
from tests.attack.flood import reset
from tests.attack.target import CALLS, KEY, Target, held, is_open
from tests.certificates import certificate

HEAD = f"POST {CALLS} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
#: TLS as far as its first message, a ClientHello that promises 512 bytes.
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.mark.case("A3")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"\r\n",
        HEAD.encode(),
        f"{HEAD}Content-Length: 100\r\n\r\n{{".encode(),
        f"{HEAD}Authorization: Bearer wrong\r\nContent-Length: 100\r\n\r\n{{".encode(),
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(),
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20,
    ],
    ids=[
        *("nothing", "a byte", "a blank line", "half a head", "half a body", "a wrong key"),
        *("no chunk", "kept alive", "answers that nobody reads"),
    ],
)
def test_idle_sockets_keep_nobody_out(target: Target, sent: bytes) -> None:
    with held(1003, lambda: target.connect(sent)) as sockets:
        target.check()
        assert sum(map(is_open, sockets)) <= 250
        target.check()
    assert "Traceback" not in target.server.log()


@pytest.mark.case("A3")
@pytest.mark.parametrize("sent", [b"", b"\x16", HELLO], ids=["nothing", "a byte", "half a hello"])
def test_silent_tls_sockets_keep_nobody_out(
    redis: RedisServer, tmp_path: Path, sent: bytes
) -> None:
    tls = certificate(tmp_path / "tls", "x")
    with Target.running(redis, tls) as target:
        before = len(os.listdir(f"/proc/{target.server.pid}/fd"))
        with held(3000, lambda: target.connect(sent)):
            target.check()
            files = len(os.listdir(f"/proc/{target.server.pid}/fd"))
            assert files - before <= 300
            # Those that are left are not waited for longer than a handshake takes.
            until(lambda: _files(target) <= before + 5, 15, "the end of the handshakes")
        assert "Traceback" not in target.server.log()


@pytest.mark.case("A3")
def test_a_known_client_keeps_its_connection(target: Target) -> None:
    request = f"GET {CALLS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    with held(1, target.connect) as [known]:
        known.sendall(request.encode())
        until(lambda: b"calls" in known.recv(65536), 5, "the answer")
        with held(400, target.connect):
            target.check()
            assert is_open(known)


@pytest.mark.case("A8")
@pytest.mark.parametrize(
    "request_text",
    [
        "GET /healthz HTTP/1.1\r\n",
        f"GET {CALLS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n",
        "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n",
        "GET /softphone/events?extension=1100 HTTP/1.1\r\n" + f"Authorization: Bearer {KEY}\r\n",
        f"POST {CALLS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 2\r\n",
        "NONSENSE\r\n",
        "GET /no HTTP/1.1\r\n",
    ],
)
def test_clients_that_reset_leave_no_traceback(redis: RedisServer, request_text: str) -> None:
    keys: dict[str, Any] = {"softphone": True, "softphone_ws": "ws://127.0.0.1/ws"}
    with Target.running(redis, **keys) as target:
        sent = f"{request_text}Host: 127.0.0.1\r\n\r\n".encode()
        for number in range(200):
            opened = target.connect(sent * (1 + number % 3))
            if number % 4 == 0:
                time.sleep(0.002)  # some are being answered
            reset(opened)
        target.check()
        assert target.server.stop() == 0
        bad = [line for line in target.server.log().splitlines() if " INFO " not in line]
        assert [line for line in bad if "WARNING" not in line] == []


@pytest.mark.case("A13")
@pytest.mark.parametrize("path", ["/docs/swagger-ui-bundle.js", "/openapi.json", "/healthz", "/no"])
def test_a_pipelined_flood_delays_nobody(target: Target, path: str) -> None:
    command = [sys.executable, "-m", "tests.attack.flood", str(target.port), path, "4"]
    slowest = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
        while flood.poll() is None:
            slowest.append(target.check())
        assert flood.stdout is not None
        connections = int(flood.stdout.read())
    assert connections > 100
    target.check()
    assert "Traceback" not in target.server.log()
    print(f"{path}: {connections} connections, slowest answer {max(slowest) * 1000:.0f} ms")


def test_more_requests_than_answers_end_the_connection(target: Target) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with contextlib.closing(target.connect(request * 5000)) as opened:
        until(lambda: not is_open(opened), 5, "the end of the connection")
    target.check()


@pytest.mark.case("A7")
def test_hosts_that_are_none_fill_no_log(redis: RedisServer) -> None:
    keys: dict[str, Any] = {"softphone": True, "softphone_ws": "ws://127.0.0.1/ws"}
    with Target.running(redis, **keys) as target, target.client() as client:
        target.check()  # all is said of the start
        size = len(target.server.log())
        for path in ("/softphone/config", "/softphone", CALLS, "/docs", "/healthz"):
            for host in ("[c:1]", "[::1", "[", "a b", "x" * 300, "a:99999", "[::ffff:1.2.3.4.5]"):
                assert client.get(path, headers={"Host": host}).status_code == 400, (path, host)
        lines = target.server.log()[size:].splitlines()
        assert [line for line in lines if "ARI: " not in line] == []  # there is no PBX


def _files(target: Target) -> int:
    return len(os.listdir(f"/proc/{target.server.pid}/fd"))
