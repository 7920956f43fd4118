"""Metrics of a running server, as Prometheus fetches them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from click2dial_agi import __version__
from click2dial_agi.domain import facts
from click2dial_agi.domain.names import NotificationKind
from sandbox import ports
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import UNSEALED, Server
from tests.app.serving import ASKED, ENDED
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import run

Samples = dict[tuple[str, ...], float]


def fetch(port: int) -> Samples:
    """Return the samples: the name and the values of the labels by their names, and the value."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("click2dial_"), *by_name(sample.labels)): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def by_name(labels: Mapping[str, str]) -> list[str]:
    return [labels[name] for name in sorted(labels)]


async def session(port: int, script: str, query: str) -> None:
    async with FakeAsterisk(port) as asterisk:
        await asterisk.ask(script, query)
        while await asterisk.command():
            await asterisk.reply()


@pytest.mark.slow
@pytest.mark.case("C22")
def test_what_happened_is_counted(redis: RedisServer, client: Redis, tmp_path: Path) -> None:
    port = ports.free_port()
    metrics = {"listen": f"127.0.0.1:{port}"}
    ended = facts.encode({**ASKED, **ENDED, "hangup_cause": "42"})
    client.lpush("enigma:notifications:emergency", "{}")
    client.lpush("copied:listen", "{}", "{}")
    with Server(
        redis.url,
        integrator={"copies": ["copied"]},
        metrics=metrics,
        spool_dir=str(tmp_path),
        agi=UNSEALED,
    ) as server:

        async def calls() -> None:
            await session(server.port, "outbound", facts.encode(ASKED))
            await session(server.port, "outbound", facts.encode({**ASKED, "callee": "!"}))
            await session(server.port, "ended", ended)
            await session(server.port, "ended", ended)  # once more, and it is still one call

        run(calls())
        seen = fetch(port)
        assert seen["agi_sessions_total", "outbound"] == 2
        assert seen["agi_sessions_total", "ended"] == 2
        assert seen["decisions_total", "acme", "dial"] == 1
        assert seen["decisions_total", "acme", "refuse"] == 1
        assert seen["calls_total", "failed", "acme"] == 1
        assert seen["redis_up", "acme"] == 1
        waiting = {"enigma:notifications:cdr": 1, "enigma:notifications:emergency": 1}
        waiting |= {"copied:cdr": 1, "copied:listen": 2}
        prefixes = ("enigma:notifications", "copied")
        lists = [f"{prefix}:{kind}" for prefix in prefixes for kind in NotificationKind]
        shown = {name[1]: length for name, length in seen.items() if name[0] == "list_length"}
        assert shown == dict.fromkeys(lists, 0) | waiting
        assert seen["agi_sessions_open",] == seen["spool_bytes",] == 0
        redis.pause()
        try:
            other = facts.encode({**ASKED, **ENDED, "call_ref": ASKED["call_ref"][:-1] + "c"})
            run(session(server.port, "ended", other))
            seen = fetch(port)
        finally:
            redis.resume()
        assert seen["redis_up", "acme"] == 0
        assert seen["journal_records", "enigma:notifications:cdr", "acme"] == 1
        assert 0 <= seen["journal_oldest_seconds", "enigma:notifications:cdr", "acme"] < 30


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/metrics/", "/docs", "/openapi.json"])
def test_there_is_nothing_else(redis: RedisServer, path: str) -> None:
    port = ports.free_port()
    with Server(redis.url, metrics={"listen": f"127.0.0.1:{port}"}):
        url = f"http://127.0.0.1:{port}{path}"
        assert httpx.get(url, trust_env=False).status_code == 404


@pytest.mark.slow
def test_each_pbx_and_the_server_are_named(redis: RedisServer, tmp_path: Path) -> None:
    port = ports.free_port()
    pbxs = [
        {"name": name, "ari_url": f"http://127.0.0.1:{ports.free_port()}/ari", "ari_password": "s3"}
        for name in ("east", "west")
    ]
    metrics = {"listen": f"127.0.0.1:{port}"}
    with Server(redis.url, spool_dir=str(tmp_path), metrics=metrics, asterisk=pbxs):
        until(lambda: fetch(port).get(("pbx_up", "west")) == 0, 5, "both to be missed")
        samples = fetch(port)
        assert samples["pbx_up", "east"] == 0
        assert samples["server_info", socket.gethostname(), __version__] == 1
