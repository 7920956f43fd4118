"""Webhooks: every notification is posted, signed, in order, until it is taken or given up."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from click2dial_agi import __version__
from click2dial_agi.app import webhooks
from click2dial_agi.app.notifiers import Notifiers
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.integrators import Webhook
from click2dial_agi.domain.webhooks import gives_up, pause, sign
from click2dial_agi.exceptions import NotificationError, StartupError
from click2dial_agi.io import webhook_client
from click2dial_agi.io.journal import Journal, read_waiting
from click2dial_agi.io.webhook_client import WebhookClient, trust_of
from sandbox.redis import RedisServer
from tests.app.test_list_queue import put_in_force
from tests.certificates import certificate
from tests.domain.examples import ACME, integrator
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
    notifiers = Notifiers(configured)
    put_in_force(notifiers, configured)
    try:
        yield lambda number: notifiers.by_name["acme"].notify(note(number))
    finally:
        await notifiers.close()


def queued(directory: Path) -> dict[str, int]:
    """Return how many notifications wait, by queue."""
    return {one.queue: one.records for one in read_waiting(directory / "journal.db")}


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


@pytest.mark.case("C25")
@pytest.mark.parametrize("drop", [b"X-Drop: 1\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_that_never_ends_is_no_answer(
    redis: RedisServer,
    client: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    drop: bytes,
) -> None:
    """Each byte comes in time, the answer never."""
    monkeypatch.setattr(webhook_client, "_TIMEOUT", 1.0)

    trickling = set[asyncio.StreamWriter]()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trickling.add(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" if drop.startswith(b"X-") else b"")
        while not reader.at_eof():
            writer.write(drop)
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(reader.read(1000), 0.05)
        writer.close()
        trickling.discard(writer)

    async def scenario() -> None:
        server = await asyncio.start_server(trickle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/calls"
        async with delivering(config(redis, tmp_path, url)) as store:
            assert await store(1)
            await eventually(lambda: "trying again: no answer within 1 s" in caplog.text)
        await eventually(lambda: not trickling)
        server.close()

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


@pytest.mark.case("C72")
def test_a_name_that_none_can_be_is_told(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Punycode with a part missing, which httpx refuses by an exception of another library's."""

    async def scenario() -> None:
        async with delivering(config(redis, tmp_path, "http://xn--.example/calls")) as store:
            await store(1)
            await eventually(lambda: "trying again" in caplog.text)

    run(scenario())
    assert queued(tmp_path) == {"acme/webhook-1": 1}


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
            await eventually(lambda: queued(tmp_path) == {"acme/webhook-1": 5})

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
            notifiers = Notifiers(configured)
            put_in_force(notifiers, configured)
            await notifiers.by_name["acme"].notify(note(1))
            await eventually(lambda: len(receiver.bodies) > 0)
            put_in_force(notifiers, config(redis, tmp_path))
            await eventually(lambda: "is configured again" in caplog.text)
            tried = len(receiver.bodies)
            receiver.answer = OK
            put_in_force(notifiers, configured)
            await eventually(lambda: len(receiver.bodies) == tried + 1)
            await notifiers.close()

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
    assert client.llen(note(0).list_name) == 1  # the PBX keeps it, and offers it again


@pytest.mark.case("A9")
def test_a_dead_webhook_fills_its_own_queue_and_nothing_else(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with receiving(Receiver()) as alive, receiving(Receiver()) as dead:
            dead.silent = True
            configured = config(redis, tmp_path, dead.url, alive.url)
            configured = configured.model_copy(update={"journal_max_records": 5})
            async with delivering(configured) as store:
                for number in range(20):
                    assert await store(number)
                    await eventually(lambda: len(alive.bodies) == number + 1)  # noqa: B023
                assert queued(tmp_path)["acme/webhook-1"] == 5

    run(scenario())
    assert client.llen(note(0).list_name) == 20
    full = "journal: it holds 5 records, its most, for acme/webhook-1"
    assert caplog.text.count(full) == 1


@pytest.mark.case("K4")
@pytest.mark.parametrize("how", ["another url", "the name that 0.1 gave"])
def test_a_queue_outlives_its_url(
    redis: RedisServer, client: Redis, tmp_path: Path, how: str
) -> None:
    async def scenario() -> None:
        gone = "http://user:s3cret@127.0.0.1:1/calls?key=s3cret"
        async with receiving(Receiver()) as receiver:
            if how == "another url":
                async with delivering(config(redis, tmp_path, gone)) as store:
                    await store(1)
            else:
                journal = Journal(tmp_path / "journal.db")
                await journal.append(f"acme -> {receiver.url}", note(1))
                await journal.close()
            async with delivering(config(redis, tmp_path, receiver.url)):
                await eventually(lambda: receiver.bodies == [note(1).body])
                await eventually(lambda: queued(tmp_path) == {})

    run(scenario())


@pytest.mark.case("K4")
@pytest.mark.case("A11")
def test_nothing_of_a_webhooks_url_but_its_host_is_shown(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = "http://user:s3cret@127.0.0.1:1/s3cret?key=s3cret"

    async def scenario() -> None:
        async with delivering(config(redis, tmp_path, url)) as store:
            await store(1)
            await eventually(lambda: "trying again" in caplog.text)
        journal = Journal(tmp_path / "journal.db")
        await journal.append(f"gone -> {url}", note(1))
        await journal.close()
        async with delivering(config(redis, tmp_path)):
            await eventually(lambda: "until gone -> " in caplog.text)

    with caplog.at_level("DEBUG"):
        run(scenario())
    assert "acme/webhook-1 (http://127.0.0.1:1)" in caplog.text
    assert "until gone -> http://127.0.0.1:1 is configured again" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.case("C15")
def test_of_two_servers_on_one_journal_one_posts_and_the_other_takes_over(
    redis: RedisServer, client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_TAKE_OVER", 0.05)
    monkeypatch.setattr("click2dial_agi.io.journal._LOOK_EVERY", 0.05)

    async def scenario() -> None:
        async with receiving(Receiver()) as receiver:
            configured = config(redis, tmp_path, receiver.url)
            async with delivering(configured) as one:
                await one(0)
                await eventually(lambda: queued(tmp_path) == {})
                async with delivering(configured) as other:
                    for number in range(1, 20):
                        await (one, other)[number % 2](number)
                    await eventually(lambda: queued(tmp_path) == {})
                    assert sorted(receiver.bodies) == sorted(note(n).body for n in range(20))
            holder = await holding(tmp_path)
            async with delivering(configured) as other:
                await other(20)
                await asyncio.sleep(0.3)  # time enough to post, if it would
                assert len(receiver.bodies) == 20
                holder.kill()
                await holder.wait()
                await eventually(lambda: len(receiver.bodies) == 21)

    run(scenario())


async def holding(directory: Path) -> asyncio.subprocess.Process:
    """Start a process that holds the queue, as a server that posts from it does."""
    program = (
        "import sys, time; from pathlib import Path; "
        "from click2dial_agi.io.queue_lock import QueueLock; "
        "lock = QueueLock(Path(sys.argv[1]), 'acme/webhook-1')\n"
        "while not lock.acquire(): time.sleep(0.01)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(directory)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


@pytest.mark.case("C6")
@pytest.mark.parametrize("trusted", ["ca", "system", "nobody"])
def test_https_with_an_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str
) -> None:
    """The system's store is what OpenSSL reads; SSL_CERT_FILE stands in for it."""
    files = certificate(tmp_path, "crm")
    if trusted == "system":
        monkeypatch.setenv("SSL_CERT_FILE", files["cert"])
    hook: dict[str, Any] = {"secret": SECRET}
    if trusted == "ca":
        hook["ca"] = files["cert"]

    async def scenario() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files["cert"], files["key"])
        receiver = Receiver()
        server = await asyncio.start_server(receiver, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        url = {"url": f"https://127.0.0.1:{port}/calls"}
        webhook = integrator(webhooks=[hook | url]).webhooks[0]
        client = WebhookClient(webhook, "acme/webhook-1")
        status, reason = await client.post(note(1))
        await client.close()
        server.close()
        if trusted == "nobody":
            assert (status, receiver.bodies) == (0, [])
            assert "CERTIFICATE_VERIFY_FAILED" in reason
        else:
            assert (status, receiver.bodies) == (200, [note(1).body])
            assert receiver.heads[0]["user-agent"] == f"click2dial-agi/{__version__}"

    run(scenario())


@pytest.mark.case("C6")
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    hook = {"url": "https://h/", "secret": SECRET, "ca": str(path)}
    with pytest.raises(StartupError, match=f"^integrators.acme/crm.ca: {path}: "):
        WebhookClient(integrator(webhooks=[hook]).webhooks[0], "integrators.acme/crm")


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


@pytest.mark.case("O29")
def test_authorities_are_loaded_once_and_again_when_they_are_others(tmp_path: Path) -> None:
    """Those of the system take 20 ms, at a start and at a reload for each webhook."""
    system = Webhook(url="https://crm.example/", secret=SECRET)
    assert trust_of(system, "first") is trust_of(system, "second")
    first = certificate(tmp_path / "first", "crm")
    other = certificate(tmp_path / "other", "another")
    own = Webhook(url="https://crm.example/", secret=SECRET, ca=Path(first["cert"]))
    before = trust_of(own, "own")
    assert before is not None
    assert before is trust_of(own, "own")
    Path(other["cert"]).replace(first["cert"])
    after = trust_of(own, "own")
    assert after is not None
    (authority,) = after.get_ca_certs()
    assert (("commonName", "another"),) in authority["subject"]
