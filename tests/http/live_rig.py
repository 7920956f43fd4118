"""What happens, as a reader would have written it, between the API and a real Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from click2dial_agi.app.live.hub import Hub
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.domain.live.views import AgentView, CallView, Device
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.history import History
from click2dial_agi.io.live_store import LiveStore
from click2dial_agi.io.redis_lists import RedisLists, Story
from sandbox.events import Events, listening
from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, serve

REF = "bde674e2-eeaf-4355-b32c-664a82256e11"
AGENTS, HISTORY, EVENTS = "/click2dial/agents", "/click2dial/history", "/click2dial/events"
ACME_LIST, GLOBEX_LIST = "enigma:notifications:cdr", "globex:cdr"
GLOBEX = {"name": "globex", "extensions": ["2000-2099"], "key_prefix": "globex"}


def agent(extension: str, state: AgentState = AgentState.IDLE, **more: Any) -> AgentView:
    device = Device(f"PJSIP/{extension}", "east", "NOT_INUSE")
    return AgentView(extension, state, 1_700_000_000, devices=(device,), **more)


def call(state: CallState = CallState.UP, ref: str = REF, **more: Any) -> CallView:
    told: dict[str, Any] = {
        "call_ref": ref,
        "integrator": "acme",
        "state": state,
        "since": 1_700_000_009,
        "agent": "1000",
        "callee": "0820000100",
        "contact_ref": "client-4711",
        "dial_number": "27820001234",
        "direction": "outbound",
        "dialed_at": 1_700_000_000,
        "answered_at": 1_700_000_009,
    }
    return CallView(**{**told, **more})


@dataclass
class Rig:
    """The API, and the pen of a reader of each PBX."""

    api: API
    ari: FakeARI
    live: dict[str, LiveOf]
    fences: dict[str, int] = field(default_factory=dict)
    lives: bool = True

    async def renew(self) -> None:
        """Keep the leases while the reader lives."""
        while True:
            for pbx, fence in self.fences.items() if self.lives else ():
                await self.live["acme"].store.renew(pbx, fence)
            await asyncio.sleep(0.1)

    async def begin(self, *agents: AgentView, pbx: str = "east", calls: Any = ()) -> None:
        """Read a PBX, as a server does that has taken the lease."""
        store = self.live["acme"].store
        self.fences[pbx] = self.fences.get(pbx) or await store.acquire(pbx)
        known = {one.extension: one for one in agents}
        await store.replace(pbx, self.fences[pbx], known, {one.call_ref: one for one in calls})

    async def say(self, *views: AgentView | CallView, pbx: str = "east") -> None:
        changes = [
            (view.extension if isinstance(view, AgentView) else view.call_ref, view)
            for view in views
        ]
        store = self.live["acme"].store
        assert await store.publish(pbx, self.fences[pbx], changes)

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self.api.client.get(path, params=query)

    def listen(
        self, last_id: str = "", **query: str
    ) -> contextlib.AbstractAsyncContextManager[Events]:
        return listening(self.api.client, EVENTS, last_id, **query)


@contextlib.asynccontextmanager
async def live_api(redis: RedisServer, *pbxs: str, **integrator: Any) -> AsyncIterator[Rig]:
    """Serve acme and globex with all that is live."""
    lists = {"acme": ACME_LIST, "globex": GLOBEX_LIST}
    live = {}
    for name, cdr_list in lists.items():
        store = LiveStore(redis.url, cdr_list, name, pbxs or ("east",))
        live[name] = LiveOf(store, Hub(store), History(redis.url, cdr_list), ())
    async with (
        FakeARI() as ari,
        serve(redis, ari, GLOBEX, live=live.get, **integrator) as api,
    ):
        rig = Rig(api, ari, live)
        renewing = asyncio.create_task(rig.renew())
        yield rig
        renewing.cancel()
    for one in live.values():
        await one.hub.close()
        await one.store.close()
        await one.history.close()


def record(serial: int, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "extension": "1000",
        "number": "0820000100",
        "dial_number": "27820001234",
        "call_ref": f"00000000-0000-4000-8000-{serial:012d}",
        "contact_ref": "client-4711",
        "dialed_at": int(time.time()) - 1000 + serial,
        "end_reason": "hungup",
        "end_code": 16,
        "call_time": 5,
        "hold_time": 0,
        "call_dir": "outbound",
        "recording_url": "",
        "ref": "click-dial",
    }
    return {**told, **more}


async def push(redis: RedisServer, *records: dict[str, Any], cdr_list: str = ACME_LIST) -> None:
    """Push records as a server does."""
    lists = RedisLists(redis.url, "left", story=Story(cdr_list, 7))
    for one in records:
        body = json.dumps({"type": "cdr", "payload": one})
        await lists.push(Notification(cdr_list, one["call_ref"], body))
    await lists.close()
