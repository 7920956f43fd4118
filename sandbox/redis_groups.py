"""Several Redis servers that belong together: a primary under Sentinels, and a cluster.

Always local redis-server processes: what they tell each other are addresses on loopback.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from redis import Redis

from sandbox.ports import free_port
from sandbox.process import Process, require, until

HOST = "127.0.0.1"
SERVICE = "mymaster"

#: After how long without an answer a Sentinel thinks of a failover: milliseconds.
DOWN_AFTER = 1000


class Node:
    """One redis-server process; `kill` and `start` keep its port and directory."""

    def __init__(self, directory: Path, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self._directory = directory / str(self.port)
        self._directory.mkdir()
        self._options = options
        self._process: Process | None = None

    def start(self) -> None:
        config = self._directory / "redis.conf"
        if not config.exists():  # a Sentinel writes into it
            lines = [f"port {self.port}", f"bind {HOST}", f"dir {self._directory}", *self._options]
            config.write_text("\n".join([*lines, ""]))
        program = require("redis-server", "redis-server")
        sentinel = ["--sentinel"] if any("sentinel" in one for one in self._options) else []
        process = self._process = Process(
            [program, str(config), *sentinel], output=self._directory / "redis.log"
        )

        def ready() -> bool:
            process.check_alive()
            with contextlib.suppress(Exception), self.client() as client:
                return bool(client.ping())
            return False

        until(ready, 10, "Redis's start")

    @property
    def pid(self) -> int:
        """Process id; RuntimeError while it is stopped."""
        if self._process is None:
            raise RuntimeError("Redis is stopped")
        return self._process.pid

    def client(self) -> Redis:
        return Redis(host=HOST, port=self.port, decode_responses=True, socket_timeout=1)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send(signal.SIGSTOP)


class Watched:
    """A primary and a replica under three Sentinels."""

    def __init__(self, servers: list[Node], sentinels: list[Node]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def primary(self) -> Node:
        """Return the server that the first Sentinel names."""
        return self._named_by(self.sentinels[0])

    def _named_by(self, sentinel: Node) -> Node:
        with sentinel.client() as client:
            _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(one for one in self.servers if one.port == int(port))

    def wait_failover(self, before: Node) -> Node:
        """Wait until another server is the primary, by its own word and that of all Sentinels.

        Nothing is kept on disk here: the one before may come back then, empty, and not sooner.  A
        Sentinel that has not heard of it yet would take it for the primary still.
        """

        def promoted() -> Node | None:
            now = self.primary()
            if now is before or any(self._named_by(one) is before for one in self.sentinels):
                return None
            with now.client() as client:
                return now if client.info("replication")["role"] == "master" else None

        return until(promoted, 20, "a failover")

    def wait_replica(self) -> None:
        """Wait until a replica follows the primary."""

        def follows() -> bool:
            with self.primary().client() as client:
                state = client.info("replication")
                return bool(state["connected_slaves"]) and state["slave0"]["state"] == "online"

        until(follows, 20, "a replica")


@contextlib.contextmanager
def watched() -> Iterator[Watched]:
    """Run a primary, a replica and three Sentinels."""
    with _directory() as directory, contextlib.ExitStack() as stack:
        quick = ("save ''", "repl-diskless-sync-delay 0", "appendonly no")
        primary = Node(directory, *quick)
        replica = Node(directory, *quick, f"replicaof {HOST} {primary.port}")
        sentinels = [
            Node(
                directory,
                f"sentinel monitor {SERVICE} {HOST} {primary.port} 2",
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}",
                f"sentinel failover-timeout {SERVICE} 3000",
            )
            for _ in range(3)
        ]
        for node in (primary, replica, *sentinels):
            stack.callback(node.kill)
            node.start()
        group = Watched([primary, replica], sentinels)
        group.wait_replica()

        def know_each_other() -> bool:
            with sentinels[0].client() as sentinel:
                [state] = sentinel.sentinel_masters().values()
            return (state["num-other-sentinels"], state["num-slaves"]) == (2, 1)

        until(know_each_other, 20, "the Sentinels' meeting")
        yield group


@contextlib.contextmanager
def cluster(primaries: int = 3) -> Iterator[list[Node]]:
    """Run a cluster; `redis+cluster://127.0.0.1:<port of any>` is its URL."""
    with _directory() as directory, contextlib.ExitStack() as stack:
        nodes = []
        for _ in range(primaries):
            options = ("cluster-enabled yes", "cluster-node-timeout 1000", "save ''")
            node = Node(directory, *options, port=_cluster_port())
            stack.callback(node.kill)
            node.start()
            nodes.append(node)
        hosts = [f"{HOST}:{node.port}" for node in nodes]
        argv = [require("redis-cli", "redis-tools"), "--cluster", "create", *hosts]
        subprocess.run([*argv, "--cluster-yes"], check=True, capture_output=True, timeout=60)

        def formed() -> bool:
            for node in nodes:
                with node.client() as client:
                    if client.cluster("INFO")["cluster_state"] != "ok":
                        return False
            return True

        until(formed, 20, "the cluster")
        yield nodes


def _cluster_port() -> int:
    """Return a free port whose cluster bus (10000 above) is a port too."""
    return until(lambda: next((p for p in (free_port(),) if p < 55000), None), 5, "a low port")


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="c2d-redis-", ignore_cleanup_errors=True) as name:
        yield Path(name)
