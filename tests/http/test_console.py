"""/console over HTTP: to whom it says how the parts are, and what waits."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from click2dial_agi.app.webhooks import WebhookQueue
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.journal import Journal
from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, KEY, serve
from tests.io.fake_ami import FakeAMI
from tests.io.running import run

HEALTH = "/console/health"
GLOBEX: dict[str, Any] = {"name": "globex", "extensions": ["2000-2099"], "key_prefix": "globex"}
GLOBEX |= {"api_keys": ["key-of-globex"], "supervisor_keys": ["supervisor-of-globex"]}
HOOK = {"url": "https://crm.example.com/hook", "secret": "s" * 16, "name": "crm"}


@contextlib.asynccontextmanager
async def consoles(redis: RedisServer, directory: Path, **acme: Any) -> AsyncIterator[API]:
    keys = {"console": True, "supervisor_keys": ["supervisor-of-acme"], "webhooks": [HOOK], **acme}
    async with (
        FakeARI() as ari,
        FakeAMI() as ami,
        serve(redis, ari, GLOBEX, ami=ami, spool_dir=str(directory), **keys) as api,
    ):
        yield api


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (KEY, 200),
        ("supervisor-of-acme", 200),
        ("key-of-globex", 401),
        ("supervisor-of-globex", 401),
        ("nobodys", 401),
    ],
)
def test_whose_key_opens_it(redis: RedisServer, tmp_path: Path, key: str, status: int) -> None:
    async def test() -> None:
        async with consoles(redis, tmp_path) as api:
            answer = await api.client.get(HEALTH, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == status
            if status == 200:
                assert answer.json()["supervisor"] == key.startswith("supervisor")
                assert answer.headers["cache-control"] == "no-store"

    run(test())


def test_an_agents_token_does_not_open_it(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        origin = "https://crm.example.com"
        async with consoles(redis, tmp_path, cors_origins=[origin]) as api:
            wanted = {"agent": "1000", "origin": origin}
            token = (await api.client.post("/click2dial/tokens", json=wanted)).json()["token"]
            headers = {"Authorization": f"Bearer {token}", "Origin": origin}
            assert (await api.client.get("/click2dial/calls", headers=headers)).status_code == 200
            assert (await api.client.get(HEALTH, headers=headers)).status_code == 401

    run(test())


def test_it_tells_of_its_own_queues_alone(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with consoles(redis, tmp_path) as api:
            state = api.api._now
            journal = Journal(state.config.journal_path, 100)
            for number, queue in enumerate(
                ("acme", "acme/crm", "acme/crm", "globex", "globex/crm")
            ):
                await journal.append(queue, Notification("x:cdr", f"ref-{number}", "{}"))
            acme = state.notifiers["acme"]
            hook = WebhookQueue(acme.integrator, "crm", journal)
            notifiers = {**state.notifiers, "acme": replace(acme, webhooks=(hook,))}
            api.api._state = replace(state, notifiers=notifiers)
            told = (await api.client.get(HEALTH)).json()
            assert told["lists"] == {"name": "lists", "failing": False, "waiting": 1}
            assert told["webhooks"] == [{"name": "crm", "failing": False, "waiting": 2}]
            assert told["ready"]
            assert told["parts"]["redis"] == "ok"
            hook._failing_since = 1.0
            assert (await api.client.get(HEALTH)).json()["webhooks"][0]["failing"]
            await hook.close()
            await journal.close()

    run(test())


def test_a_journal_that_cannot_be_read(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with consoles(redis, tmp_path) as api:
            api.api._now.config.journal_path.write_bytes(b"no database" * 100)
            told = (await api.client.get(HEALTH)).json()
            assert told["lists"]["waiting"] is None

    run(test())


def test_what_is_not_there(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with consoles(redis, tmp_path) as api:
            assert (await api.client.get(f"{HEALTH}?x=1")).status_code == 422
            assert (await api.client.get("/console/console.html")).status_code == 404
            api.reload(console=False)
            for path in ("/console", HEALTH, "/console/icon.svg"):
                assert (await api.client.get(path)).status_code == 404

    run(test())
