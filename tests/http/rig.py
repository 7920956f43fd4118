"""The Create Call API in the test's own event loop, between a fake ARI and a real Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

import httpx
from redis import Redis

from click2dial_agi.app.http.api import CreateCallAPI
from click2dial_agi.app.http.health import Checks
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.app.lost_calls import reap
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.times import Times
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.redis_lists import RedisLists
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import ACME
from sandbox.waiting import patience
from tests.app.serving import snapshot
from tests.http.fake_ari import FakeARI
from tests.io.fake_ami import FakeAMI

KEY = "key-of-acme"
CALLS = "/click2dial/calls"
BODY: dict[str, Any] = {
    "agent": "1000",
    "callee": "0820000100",
    "outbound_id": "27820001234",
    "contact_ref": "client-4711",
}

#: Deadlines that a test can wait for; lost calls are looked for when the test says so.
QUICK = Times(ari=patience(0.3), lost_after=20.0, reap_every=1000.0, body=0.3)


@dataclass
class API:
    """One server, and what it works with."""

    base_url: str
    redis: Redis
    api: CreateCallAPI
    config: dict[str, Any]
    client: httpx.AsyncClient

    @property
    def port(self) -> int:
        return httpx.URL(self.base_url).port or 0

    async def post(
        self, body: Mapping[str, Any] | None = None, /, key: str | None = None, **changes: Any
    ) -> httpx.Response:
        """Post a call: the usual one with changes, None taking a key out, or another one."""
        wanted = {**BODY, **changes} if body is None else dict(body)
        wanted = {name: value for name, value in wanted.items() if value is not None}
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.client.post(CALLS, json=wanted, headers=headers)

    async def reap(self, lost_after: float = 0.0) -> None:
        """Look for lost calls, now, among those that are older than so many seconds."""
        for calls in self.api._now.calls.values():
            usual, calls.times = calls.times, replace(calls.times, lost_after=lost_after)
            await reap(calls)
            calls.times = usual

    def cdrs(self, prefix: str = "enigma:notifications") -> list[dict[str, Any]]:
        """Return the payloads of all notifications, oldest first; they stay."""
        texts = cast("list[str]", self.redis.lrange(f"{prefix}:cdr", 0, -1))
        return [json.loads(text)["payload"] for text in reversed(texts)]

    def held(self, prefix: str = "enigma:notifications") -> dict[str, str]:
        """Return which call holds each agent."""
        return cast("dict[str, str]", self.redis.hgetall(f"{{{prefix}}}:agents"))

    def reload(self, **integrator: Any) -> None:
        """Take another configuration, as on SIGHUP."""
        config, notifiers = _parse(
            {
                **self.config,
                "integrators": [
                    {**self.config["integrators"][0], **integrator},
                    *self.config["integrators"][1:],
                ],
            }
        )
        self.api.use(self.api.build(config, notifiers))


@contextlib.asynccontextmanager
async def serve(
    redis: RedisServer,
    ari: FakeARI | Mapping[str, FakeARI],
    *others: Mapping[str, Any],
    times: Times = QUICK,
    spool_dir: str = "/tmp",
    checks: Checks = MappingProxyType({}),
    live: Callable[[str], LiveOf | None] = lambda _: None,
    ami: FakeAMI | None = None,
    **integrator: Any,
) -> AsyncIterator[API]:
    """Run the API of an integrator, of `others` too; keys name what differs from tests' ACME.

    `ari` is the one PBX, or several by name; `ami` is the one's manager.
    """
    login = {"ari_username": "u", "ari_password": "ari-secret"}
    if isinstance(ari, FakeARI):
        pbxs: Any = {"ari_url": ari.url, **login, **(ami.login() if ami else {})}
    else:
        pbxs = [{"name": name, "ari_url": one.url, **login} for name, one in ari.items()]
    port = ports.free_port()
    first = {**ACME, "http": f"127.0.0.1:{port}", "api_keys": [KEY], "redis": redis.url}
    first |= {"limits": {"calls_per_minute": 1000, "concurrent_calls": 1000}} | integrator
    document = {
        "asterisk": pbxs,
        "spool_dir": spool_dir,
        "recordings_dir": f"{spool_dir}/recordings",
        "integrators": [first, *({"redis": redis.url, **other} for other in others)],
    }
    config, notifiers = _parse(document)
    api = CreateCallAPI(cast(AGIServer, _Listening()), times, checks=checks, live=live)
    api.use(api.build(config, notifiers))
    await api.start()
    try:
        base_url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {KEY}"}
        # No TLS, so no certificates of authorities, which take 40 ms to read.
        async with httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            trust_env=False,
            verify=False,
            timeout=patience(15),
        ) as client:
            with Redis.from_url(redis.url, decode_responses=True) as connection:
                yield API(base_url, connection, api, document, client)
    finally:
        await api.stop()
        for notifier in notifiers.values():
            assert isinstance(notifier.lists, RedisLists)
            await notifier.lists.close()


def errors(response: httpx.Response) -> list[str]:
    """Return the messages of an answer, after a look at its shape."""
    body = response.json()
    assert list(body) == ["errors"]
    assert body["errors"]
    for error in body["errors"]:
        assert list(error) == ["field", "message"]
        assert error["message"].startswith(f"{error['field']}: ")
    return [error["message"] for error in body["errors"]]


def wire(
    body: bytes,
    *headers: str,
    method: str = "POST",
    path: str = CALLS,
    length: str = "Content-Length",
) -> bytes:
    """Return a request as bytes, with a key."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}", *headers]
    if length:
        lines.append(f"{length}: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def exchange(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return await reader.read()
    except ConnectionError:  # it closed with bytes of ours unread
        return b""
    finally:
        writer.close()


class _Listening:
    is_listening = True


def _parse(document: dict[str, Any]) -> tuple[Config, Mapping[str, Notifier]]:
    config = parse_config(document)
    return config, snapshot(config, timeout=2.0).notifiers
