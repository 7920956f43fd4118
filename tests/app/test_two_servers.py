"""Two servers on one machine, with one spool_dir: as one towards Redis and webhooks."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from click2dial_agi.domain import facts
from click2dial_agi.io.journal import read_waiting
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import UNSEALED, Server
from tests.app.serving import ASKED, ENDED
from tests.app.test_webhooks import SECRET, Receiver, receiving
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import eventually, run

LIST = "enigma:notifications:cdr"


async def end(server: Server, call_ref: str) -> None:
    """Tell a server of a call's end, and wait for its receipt."""
    async with FakeAsterisk(server.port) as asterisk:
        await asterisk.ask("ended", facts.encode({**ASKED, **ENDED, "call_ref": call_ref}))
        assert "C2D_RECEIPT" in await asterisk.command()
        await asterisk.reply()


def posted(receiver: Receiver) -> Counter[str]:
    """Return how often each call was posted."""
    return Counter(json.loads(body)["payload"]["call_ref"] for body in receiver.bodies)


@pytest.mark.slow
@pytest.mark.case("C15")
def test_each_record_is_posted_once_and_after_a_kill_the_other_goes_on(
    redis: RedisServer, client: Redis, tmp_path: Path
) -> None:
    receiver = Receiver(port=ports.free_port())
    shared: dict[str, Any] = {
        "integrator": {"webhooks": [{"url": receiver.url, "secret": SECRET}]},
        "spool_dir": str(tmp_path),
        "agi": UNSEALED,
    }

    async def scenario(one: Server, other: Server) -> None:
        async with receiving(receiver):
            refs = [str(uuid4()) for _ in range(24)]
            for number, ref in enumerate(refs):
                await end((one, other)[number % 2], ref)
            await eventually(lambda: len(posted(receiver)) == 24)
            # Who is killed before that is noted posts it again, as nobody can tell.
            await eventually(lambda: not read_waiting(tmp_path / "journal.db"))
            for server, survivor in ((one, other), (other, one)):
                await asyncio.to_thread(server.kill)
                late = str(uuid4())
                await end(survivor, late)
                await eventually(lambda: posted(receiver)[late] == 1)  # noqa: B023
                await eventually(lambda: not read_waiting(tmp_path / "journal.db"))
                await asyncio.to_thread(server.start)
            for server in (one, other):
                await asyncio.to_thread(server.stop)

    with Server(redis.url, **shared) as one, Server(redis.url, **shared) as other:
        run(scenario(one, other))
    assert set(posted(receiver).values()) == {1}
    assert client.llen(LIST) == 26
