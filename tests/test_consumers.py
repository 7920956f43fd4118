"""docs/consumers.md: its examples, run as they stand there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.process import require, until
from sandbox.redis import RedisServer
from sandbox.redis_groups import watched

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[1] / "docs/consumers.md"
LIST = "enigma:notifications:cdr"
TAKEN = "{enigma:notifications:cdr}:taken:crm"
EXAMPLES = dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL))


def notification(number: int) -> str:
    payload = {"call_ref": f"call-{number}", "end_reason": "hungup", "contact_ref": 'é "x" \\'}
    return json.dumps({"type": "cdr", "payload": payload})


@pytest.mark.parametrize("name", ["simple.py", "safe.py", "safe.sh"])
def test_each_comes_once_in_order_and_after_a_crash_too(
    redis: RedisServer, client: Redis, tmp_path: Path, name: str
) -> None:
    script, output = tmp_path / name, tmp_path / "output"
    script.write_text(EXAMPLES[name], "utf-8")
    if name.endswith("sh"):
        require("redis-cli", "redis-tools")
    program = [sys.executable] if name.endswith("py") else ["sh"]
    left = 0
    if name.startswith("safe"):  # what it had taken when it crashed, newest first
        left = client.lpush(TAKEN, notification(0), notification(1))
    client.lpush(LIST, *(notification(number) for number in range(left, 5)))
    with (
        output.open("w") as sink,
        subprocess.Popen(
            [*program, script, redis.url, "crm"], stdout=sink, start_new_session=True
        ) as consumer,
    ):
        try:
            until(lambda: output.read_text().count("\n") == 5, 20, "five")
            client.lpush(LIST, notification(5))
            until(lambda: output.read_text().count("\n") == 6, 20, "one more")
            until(lambda: client.llen(TAKEN) == 0, 20, "the acknowledgement")
        finally:
            os.killpg(consumer.pid, signal.SIGKILL)  # the shell's redis-cli too
    assert re.findall(r"call-\d", output.read_text()) == [f"call-{number}" for number in range(6)]
    assert client.llen(LIST) == 0


@pytest.mark.case("C5")
@pytest.mark.parametrize("name", ["simple.py", "safe.py", "safe.sh"])
def test_a_connection_that_dies_without_a_fin_is_given_up(
    redis: RedisServer, client: Redis, tmp_path: Path, name: str
) -> None:
    """A proxy that stops moving bytes, both ways, and closes nothing: as a firewall does."""
    text = EXAMPLES[name].replace("WAIT = 5", "WAIT = 1").replace("WAIT=5", "WAIT=1")
    with (
        BlackHole(client.connection_pool.connection_kwargs["port"]) as proxy,
        consuming(tmp_path, name, text, proxy.url) as output,
    ):
        client.lpush(LIST, notification(0))
        until(lambda: output().count("\n") == 1, 20, "the first")
        until(lambda: client.llen(TAKEN) == 0, 20, "its acknowledgement")
        proxy.swallow()
        if name == "simple.py":  # what a pop under way takes now is lost: hence the safe one
            until(lambda: not client.info("clients")["blocked_clients"], 20, "the end of its pop")
        client.lpush(LIST, notification(1))
        until(lambda: output().count("\n") >= 2, 30, "the next, over another connection")
        client.lpush(LIST, notification(2))
        until(lambda: output().count("\n") >= 3, 20, "one more")
        assert re.findall(r"call-\d", output()) == ["call-0", "call-1", "call-2"]


@pytest.mark.case("C5")
@pytest.mark.parametrize("name", ["simple.py", "safe.py", "safe.sh"])
def test_sentinels_are_asked_for_the_primary(tmp_path: Path, name: str) -> None:
    with watched() as group:
        url = group.url
        if name == "safe.sh":  # HOST:PORT/SERVICE of one of them
            hosts, service = url.removeprefix("redis+sentinel://").split("/")[:2]
            url = f"{hosts.split(',')[0]}/{service}"
        with Redis(port=group.primary().port, decode_responses=True) as primary:
            primary.lpush(LIST, notification(0))
        with consuming(tmp_path, name, EXAMPLES[name], url) as output:
            until(lambda: output().count("\n") == 1, 20, "the one")
            assert re.findall(r"call-\d", output()) == ["call-0"]


@contextlib.contextmanager
def consuming(directory: Path, name: str, text: str, url: str) -> Iterator[Callable[[], str]]:
    """Run a consumer; yield what tells its output."""
    script, output = directory / name, directory / "output"
    script.write_text(text, "utf-8")
    program = [sys.executable] if name.endswith("py") else ["sh"]
    with (
        output.open("w") as sink,
        subprocess.Popen(
            [*program, script, url, "crm"], stdout=sink, start_new_session=True
        ) as consumer,
    ):
        try:
            yield output.read_text
        finally:
            os.killpg(consumer.pid, signal.SIGKILL)


class BlackHole:
    """A proxy in front of a Redis whose connections of the moment can be made to say nothing."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._dead: list[socket.socket] = []
        self._live: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"

    def swallow(self) -> None:
        """Move nothing any more on the connections that there are; close none."""
        self._dead, self._live = [*self._dead, *self._live], []

    def __enter__(self) -> BlackHole:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # which wakes who waits in accept()
        self._thread.join()
        self._server.close()
        for one in (*self._dead, *self._live):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._live.append(client)
                redis = socket.create_connection(("127.0.0.1", self._to))
                self._live.append(redis)
                for source, sink in ((client, redis), (redis, client)):
                    threading.Thread(target=self._move, args=(source, sink), daemon=True).start()

    def _move(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source in self._dead:
                    return
                sink.sendall(data)
            if source not in self._dead:
                sink.shutdown(socket.SHUT_WR)
