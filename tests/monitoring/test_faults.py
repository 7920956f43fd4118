"""Faults of a real server, seen by a real Prometheus with the rules in etc/: each has its alert.

The rules' times are made short; what they ask for is as it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from sandbox import ports
from sandbox.process import MissingToolError, Process, require, until
from sandbox.redis import RedisServer, redis_server
from sandbox.server import UNSEALED, Server
from tests.app.test_drain import line
from tests.machine.conftest import unable
from tests.monitoring.test_rules import RULES

WEBHOOK = {"name": "crm", "secret": "secret-of-the-webhook"}


def quick_rules() -> str:
    """Return the rules with seconds in place of minutes."""
    text = re.sub(r"(for: )[0-9]+m", r"\g<1>1s", RULES.read_text("utf-8"))
    text, ages = re.subn(r"(oldest_seconds\{.*\} >) [0-9]+", r"\g<1> 1", text)
    assert ages == 2
    return text


class Prometheus:
    """A Prometheus that scrapes one server twice a second."""

    def __init__(self, directory: Path, target: str) -> None:
        self._url = f"http://127.0.0.1:{ports.free_port()}"
        (directory / "rules.yml").write_text(quick_rules())
        scraped = {"job_name": "click2dial", "static_configs": [{"targets": [target]}]}
        times = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
        config = {
            "global": {**times, "scrape_timeout": "400ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [scraped],
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process = Process(
            [
                *(require("prometheus", "prometheus"), "--config.file=prometheus.yml"),
                *(f"--web.listen-address={self._url[7:]}", "--storage.tsdb.path=data"),
            ],
            output=directory / "prometheus.log",
            cwd=directory,
        )

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        with contextlib.suppress(httpx.TransportError):  # it starts
            answer = httpx.get(f"{self._url}/api/v1/alerts", trust_env=False)
            alerts = answer.json()["data"]["alerts"] if answer.is_success else []
            return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}
        return set()

    def healthy(self) -> bool:
        """Say whether the server has been scraped."""
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{self._url}/api/v1/targets", trust_env=False)
            if answer.is_success:  # 503 while it starts
                targets = answer.json()["data"]["activeTargets"]
                return [one["health"] for one in targets] == ["up"]
        return False

    def wait(self, *names: str) -> None:
        """Wait until these fire."""
        until(lambda: set(names) <= self.firing(), 30, f"{names} among {self.firing()}")

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def server(own_redis: RedisServer) -> Iterator[Server]:
    integrator = {"webhooks": [{**WEBHOOK, "url": f"http://127.0.0.1:{ports.free_port()}/"}]}
    metrics = {"listen": f"127.0.0.1:{ports.free_port()}"}
    with Server(own_redis.url, agi=UNSEALED, integrator=integrator, metrics=metrics) as server:
        yield server


@pytest.fixture
def prometheus(server: Server, tmp_path: Path) -> Iterator[Prometheus]:
    try:
        prometheus = Prometheus(tmp_path, server.config["metrics"]["listen"])
    except MissingToolError as error:
        unable(str(error))
        raise
    try:
        until(prometheus.healthy, 30, "the first scrape")
        yield prometheus
    finally:
        prometheus.stop()


def test_each_fault_raises_its_alert(
    server: Server, prometheus: Prometheus, own_redis: RedisServer
) -> None:
    spool = Path(server.config["spool_dir"]) / "calls.spool"
    assert prometheus.firing() == set()

    # A call that failed by our own fault; and nobody takes what the webhook posts.
    spool.write_text(line(1, dialstatus="INVALIDARGS", ended_by=""))
    prometheus.wait("Click2DialCallsFail", "Click2DialWebhookDead")
    assert prometheus.firing() == {"Click2DialCallsFail", "Click2DialWebhookDead"}

    own_redis.stop()
    spool.write_text(line(2))
    prometheus.wait("Click2DialRedisAway", "Click2DialRecordsWait")

    with spool.open("a") as held:  # Asterisk still writes, so nobody reads
        held.write(line(3))
        held.flush()
        prometheus.wait("Click2DialSpoolFills")

    os.kill(server.pid, signal.SIGSTOP)
    try:
        prometheus.wait("Click2DialServerAway")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    own_redis.start()
    gone = {"Click2DialRedisAway", "Click2DialRecordsWait", "Click2DialSpoolFills"}
    until(lambda: not gone & prometheus.firing(), 30, "the alerts' end")
