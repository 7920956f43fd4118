"""Webhooks: every notification is posted, signed, in order, until it is taken or given up."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from click2dial_agi.app import webhooks
from click2dial_agi.app.delivery import Deliveries
from click2dial_agi.app.notify import notify
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.webhooks import gives_up, pause, sign
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import read_waiting
from sandbox.redis import RedisServer
from tests.domain.examples import ACME
from tests.io.running import eventually, run
from tests.io.test_journal import note

SECRET = "a-secret-of-the-crm"
DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ERROR = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
BAD = b"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Receiver:
    """Answers each POST with `answer`; None closes the connection, `silent` says nothing."""

    answer: bytes | None = OK
    silent: bool = False
    port: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/calls"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = text.split("\r\n")
                assert lines[0] == "POST /calls HTTP/1.1"
                head = dict(line.lower().split(": ", 1) for line in lines[1:-2])
                body = (await reader.readexactly(int(head["content-length"]))).decode()
                self.heads.append(head)
                self.bodies.append(body)
                if self.silent:
                    await reader.read()
                if self.answer is None:
                    break
                writer.write(self.answer)
        writer.close()


@contextlib.asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    server = await asyncio.start_server(receiver, "127.0.0.1", receiver.port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def config(redis: RedisServer, directory: Path, *urls: str) -> Config:
    hooks = [{"url": url, "secret": SECRET} for url in urls]
    acme = {**ACME, "redis": redis.url, "webhooks": hooks}
    return parse_config({"spool_dir": str(directory), "integrators": [acme]})


@contextlib.asynccontextmanager
async def delivering(configured: Config) -> AsyncIterator[Callable[[int], Any]]:
    """Yield a function that stores the n-th notification as the handlers do."""
    deliveries = Deliveries(configured)
    deliveries.use(configured)
    integrator = configured.integrators[0]
    try:
        yield lambda number: notify(deliveries.by_name["acme"], note(number), integrator)
    finally:
        await deliveries.close()


def queued(directory: Path) -> dict[str, int]:
    """Return how many notifications wait, by queue."""
    return {one.integrator: one.records for one in read_waiting(directory / "journal.db")}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "pause", lambda tries, chance: 0.01)


def test_each_is_posted_in_order_and_signed(
    redis: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with receiving(Receiver()) as receiver:
            async with delivering(config(redis, tmp_path, receiver.url)) as store:
                for number in range(20):
                    assert await store(number)
                await eventually(lambda: len(receiver.bodies) == 20)
                await eventually(lambda: queued(tmp_path) == {})
            assert receiver.bodies == [note(number).body for number in range(20)]
            for head, body in zip(receiver.heads, receiver.bodies, strict=True):
                timestamp = int(head["x-click2dial-timestamp"])
                assert head["x-click2dial-signature"] == sign(SECRET, timestamp, body)
                assert head["content-type"] == "application/json"
            assert len({head["idempotency-key"] for head in receiver.heads}) == 20

    run(scenario())
    assert client.llen(note(0).list_name) == 20


@pytest.mark.parametrize("answer", [ERROR, None, b"\x16\x03 no HTTP\r\n\r\n", BAD])
def test_what_is_not_taken_comes_again_and_redis_does_not_wait(
    redis: RedisServer, client: Redis, tmp_path: Path, answer: bytes | None
) -> None:
    async def scenario() -> None:
        async with (
            receiving(Receiver(answer)) as receiver,
            delivering(config(redis, tmp_path, receiver.url)) as store,
        ):
            assert await store(1)
            assert await store(2)
            assert client.llen(note(0).list_name) == 2
            await eventually(lambda: len(receiver.bodies) >= 3)
            assert set(receiver.bodies) == {note(1).body}
            receiver.answer = OK
            await eventually(lambda: receiver.bodies[-1] == note(2).body)

    run(scenario())


def test_a_redirect_is_not_followed(redis: RedisServer, client: Redis, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with receiving(Receiver()) as elsewhere:
            moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
            async with (
                receiving(Receiver(moved.encode())) as receiver,
                delivering(config(redis, tmp_path, receiver.url)) as store,
            ):
                await store(1)
                await eventually(lambda: len(receiver.bodies) > 2)
            assert elsewhere.bodies == []

    run(scenario())


def test_what_is_refused_again_and_again_is_given_up(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with receiving(Receiver(BAD)) as receiver:
            async with delivering(config(redis, tmp_path, receiver.url)) as store:
                await store(1)
                await store(2)
                await eventually(lambda: len(receiver.bodies) == 20)
                await eventually(lambda: queued(tmp_path) == {})
            assert receiver.bodies == [note(1).body] * 10 + [note(2).body] * 10

    run(scenario())
    assert f"{note(1).call_ref} is given up: it answered 422" in caplog.text
    assert caplog.text.count("trying again") == 1


def test_a_slow_webhook_holds_up_nobody_else(
    redis: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            receiving(Receiver(silent=True)) as slow,
            receiving(Receiver()) as quick,
            delivering(config(redis, tmp_path, slow.url, quick.url)) as store,
        ):
            for number in range(5):
                await store(number)
            await eventually(lambda: len(quick.bodies) == 5)
            assert len(slow.bodies) == 1
            await eventually(lambda: queued(tmp_path) == {f"acme -> {slow.url}": 5})

    run(scenario())
    assert client.llen(note(0).list_name) == 5


def test_after_a_restart_it_goes_on(redis: RedisServer, client: Redis, tmp_path: Path) -> None:
    async def scenario() -> None:
        receiver = Receiver()
        async with receiving(receiver):
            pass  # the port is free again: nobody is there
        configured = config(redis, tmp_path, receiver.url)
        async with delivering(configured) as store:
            await store(1)
            await store(2)
        async with receiving(receiver), delivering(configured):
            await eventually(lambda: len(receiver.bodies) == 2)

    run(scenario())


def test_a_webhook_that_is_taken_out_keeps_its_queue_until_it_is_back(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with receiving(Receiver(ERROR)) as receiver:
            configured = config(redis, tmp_path, receiver.url)
            deliveries = Deliveries(configured)
            deliveries.use(configured)
            await notify(deliveries.by_name["acme"], note(1), configured.integrators[0])
            await eventually(lambda: len(receiver.bodies) > 0)
            deliveries.use(config(redis, tmp_path))
            await eventually(lambda: "is configured again" in caplog.text)
            tried = len(receiver.bodies)
            receiver.answer = OK
            deliveries.use(configured)
            await eventually(lambda: len(receiver.bodies) == tried + 1)
            await deliveries.close()

    run(scenario())


def test_a_disk_that_takes_nothing_is_no_receipt(
    redis: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with receiving(Receiver()) as receiver:
            (tmp_path / "file").write_text("not a directory")
            async with delivering(config(redis, tmp_path / "file", receiver.url)) as store:
                with pytest.raises(NotificationError):
                    await store(1)

    run(scenario())
    assert client.llen(note(0).list_name) == 0  # the PBX keeps it, and offers it again


def test_the_documented_check_takes_ours_and_no_others() -> None:
    code = re.findall(
        r"<!-- verify.py -->\n```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(code[0], names)
    genuine, now = names["is_genuine"], int(names["time"].time())
    signature = sign(SECRET, now, "{}")
    assert genuine(SECRET, str(now), signature, b"{}")
    assert not genuine(SECRET, str(now), signature, b"{ }")
    assert not genuine("another", str(now), signature, b"{}")
    assert not genuine(SECRET, str(now + 1), signature, b"{}")
    assert not genuine(SECRET, str(now - 600), sign(SECRET, now - 600, "{}"), b"{}")
    assert not genuine(SECRET, "soon", signature, b"{}")


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_five_minutes(tries: int, chance: float) -> None:
    assert 0.5 <= pause(tries, chance) <= 300
    assert pause(tries + 1, 1.0) >= pause(tries, 1.0)
    assert pause(1, 1.0) == 1.0


@pytest.mark.parametrize(
    ("status", "tries", "age", "given_up"),
    [
        (0, 1000, 72 * 3600, False),
        (0, 1, 72 * 3600 + 1, True),
        (500, 1000, 0, False),
        (422, 9, 0, False),
        (422, 10, 0, True),
        (429, 1000, 0, False),
        (408, 1000, 0, False),
        (307, 1000, 0, False),
    ],
)
def test_when_it_is_given_up(status: int, tries: int, age: float, given_up: bool) -> None:
    assert gives_up(status, tries, age) is given_up
