"""Records that a test pushes itself, where Playwright's event loop runs."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.redis_lists import RedisLists, Story
from sandbox.redis import RedisServer
from tests.http.live_rig import ACME_LIST


def keep(store: RedisServer, *records: dict[str, object]) -> None:
    """Push records as a server does."""

    async def push() -> None:
        lists = RedisLists(store.url, "left", story=Story(ACME_LIST, 7))
        for one in records:
            body = json.dumps({"type": "cdr", "payload": one})
            await lists.push(Notification(ACME_LIST, str(one["call_ref"]), body))
        await lists.close()

    # Playwright's event loop runs in this thread.
    with ThreadPoolExecutor() as threads:
        threads.submit(asyncio.run, push()).result()
