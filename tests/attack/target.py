"""The server that is attacked, and what an honest client of it sees meanwhile."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.waiting import patience

KEY = "key-of-acme"
CALLS = "/click2dial/calls"

#: What nobody may be made to wait: a second, and four where other tests keep the machine busy.
#: A connection without a request may hold its place for five.
SOON = patience(1)


@dataclass
class Target:
    """A server process, whose ARI nobody answers: nothing here gets so far."""

    server: Server
    port: int
    tls: dict[str, str] | None

    @classmethod
    @contextlib.contextmanager
    def running(
        cls, redis: RedisServer, tls: dict[str, str] | None = None, **integrator: Any
    ) -> Iterator[Target]:
        """Run one; keys are the integrator's."""
        port = ports.free_port()
        integrator = {"http": f"127.0.0.1:{port}", "api_keys": [KEY], "tls": tls} | integrator
        login = {"ari_url": "http://127.0.0.1:1/ari", "ari_username": "u", "ari_password": "secret"}
        with Server(redis.url, integrator=integrator, asterisk=login) as server:
            yield cls(server, port, tls)

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """An honest client, on a connection of its own."""
        scheme = "https" if self.tls else "http"
        verify = ssl.create_default_context(cafile=self.tls["cert"]) if self.tls else False
        with httpx.Client(
            base_url=f"{scheme}://127.0.0.1:{self.port}", verify=verify, trust_env=False, timeout=10
        ) as client:
            yield client

    def check(self, within: float = SOON) -> float:
        """Fail unless health and a known key are served in time; return the slowest answer."""
        slowest = 0.0
        for path, headers in (("/healthz", {}), (CALLS, {"Authorization": f"Bearer {KEY}"})):
            with self.client() as client:
                began = time.monotonic()
                answer = client.get(path, headers=headers)
                slowest = max(slowest, time.monotonic() - began)
            assert answer.status_code == 200, (path, answer.text)
        assert slowest < within
        return slowest

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Open a plain socket, and send what is given."""
        opened = socket.create_connection(("127.0.0.1", self.port), 10)
        with contextlib.suppress(OSError):  # closed again already
            opened.sendall(sent)
        return opened


@contextlib.contextmanager
def held(count: int, connect: Callable[[], socket.socket]) -> Iterator[list[socket.socket]]:
    """Hold so many sockets open."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(connect())) for _ in range(count)]


def is_open(opened: socket.socket) -> bool:
    """Tell whether the other side has kept a socket; what it sent is thrown away."""
    opened.setblocking(False)
    try:
        while opened.recv(65536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
