"""A server whose DNS does not answer, as after a power cut: a whole process."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox import ports
from sandbox.process import Process, Running, until
from sandbox.redis import RedisServer
from sandbox.server import HOST, Server

NAMESERVER = "127.0.0.53"


class ServerWithDNS(Server):
    """Asks the nameserver that a file names."""

    resolv_conf: Path

    def _run(self, arguments: list[str]) -> Running:
        mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        argv = ["unshare", "--mount", "sh", "-c", mount, str(self.resolv_conf)]
        argv += [sys.executable, "-m", "click2dial_agi", *arguments]
        return Process(argv, output=self.log_path)


@pytest.fixture
def silent_dns(tmp_path: Path) -> Iterator[Path]:
    """A nameserver that takes each question and answers none."""
    path = tmp_path / "resolv.conf"
    path.write_text(f"nameserver {NAMESERVER}\n", "utf-8")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind((NAMESERVER, 53))
        yield path


@pytest.mark.case("C71")
@pytest.mark.case("O71")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a process another resolv.conf")
def test_webhooks_of_names_that_nobody_answers_for(silent_dns: Path, redis: RedisServer) -> None:
    """They keep nobody from a Redis that has a name, and hold up no restart."""
    port = ports.free_port()
    integrator = {
        "http": f"{HOST}:{port}",
        "api_keys": ["a-key-of-these-tests"],
        "webhooks": [
            {"url": f"http://crm-{number}.example.com/", "secret": "a-secret-of-the-crm"}
            for number in range(4)
        ],
    }
    asterisk = {"ari_url": f"http://{HOST}:1/ari", "ari_username": "c2d", "ari_password": "none"}
    store = redis.url.replace("127.0.0.1", "localhost")
    server = ServerWithDNS(store, integrator=integrator, asterisk=asterisk)
    server.resolv_conf = silent_dns
    server.options = []  # doctor connects to them
    with server:
        told = "no answer of DNS within 3 s"
        until(lambda: server.log().count(told) == 4, 20, "what doctor says")
        assert server.log().count("getent hosts HOST") == 4
        assert "does not take records" not in server.log()
        parts = httpx.get(f"http://{HOST}:{port}/readyz").json()["parts"]
        assert parts["redis"] == "ok"
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 4
