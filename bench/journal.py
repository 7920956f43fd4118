"""What the journal costs while it is idle, and how fast an outage of Redis is made good.

`python -m bench.journal`
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from redis import Redis

from bench import yardstick
from bench.agi import ENDED
from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.service import Service
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.config_file import load_config
from click2dial_agi.io.journal import Journal
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.process import Process, until
from sandbox.redis import LocalRedis
from sandbox.server import UNSEALED, Server

SESSIONS = 6_000
RUNS = 9
RECORDS = 10_000
LIST = "enigma:notifications:cdr"


def main() -> None:
    """Measure and print two tables; with a path, serve that configuration without a journal."""
    if len(sys.argv) > 1:
        serve_without_journal(Path(sys.argv[1]))
        return
    with contextlib.ExitStack() as stack:
        where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c2d-bench-")))
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        idle(stack, where, redis)
        outage(where, redis)


def idle(stack: contextlib.ExitStack, where: Path, redis: LocalRedis) -> None:
    agiload, _ = yardstick.build(where)
    server = stack.enter_context(Server(redis.url, agi=UNSEALED))
    bare = Server(redis.url, agi=UNSEALED)  # its files and port; another process serves them
    argv = [sys.executable, "-m", "bench.journal", str(bare.config_path)]
    process = Process(argv, output=where / "bare.log")
    stack.callback(process.kill)
    until(lambda: "FastAGI on" in (where / "bare.log").read_text(), 15, "the bare server's start")
    with Redis.from_url(redis.url) as client:

        def rate(port: int) -> float:
            client.flushall()
            script = f"ended{ENDED}"
            return yardstick.sessions_per_second(agiload, port, script, SESSIONS)

        found = yardstick.alternate(
            [
                ("without a journal", partial(rate, bare.port)),
                ("with the journal idle", partial(rate, server.port)),
            ],
            RUNS,
        )
    # On a machine that others use the rate says little; what a session costs the server says more.
    # Their starts, which are the same, included.
    cost = {
        "without a journal": yardstick.cpu_seconds(process.pid) / SESSIONS / RUNS,
        "with the journal idle": yardstick.cpu_seconds(server.pid) / SESSIONS / RUNS,
    }
    rate_base, cost_base = found["without a journal"], cost["without a journal"]
    print("\n| `ended`, push included | sessions/s | of without | CPU a session | of without |")
    print("|---|---:|---:|---:|---:|")
    for name, value in found.items():
        spent = f"{cost[name] * 1e6:.0f} us | {cost[name] / cost_base:.3f}"
        print(f"| {name} | {value:,.0f} | {value / rate_base:.2f} | {spent} |")


def outage(where: Path, redis: LocalRedis) -> None:
    """Journal records while Redis is away, as fast as they come, and see them pushed."""
    logging.getLogger("click2dial_agi").setLevel(logging.ERROR)
    rates, seconds = [], []
    for run in range(3):
        journaled, pushed = asyncio.run(_outage(where / f"{run}.db", redis))
        rates.append(RECORDS / journaled)
        seconds.append(pushed)
    size = len(str(ENDED))
    print(f"\n| outage of {RECORDS:,} records of {size} bytes | |\n|---|---:|")
    print(f"| journaled, durably, 32 at once | {statistics.median(rates):,.0f}/s |")
    print(f"| pushed in order once Redis is back | {statistics.median(seconds):.1f} s |")


async def _outage(path: Path, redis: LocalRedis) -> tuple[float, float]:
    journal = Journal(path)
    delivery = ListQueue("acme", RedisLists(redis.url, "left"), journal)
    notes = [Notification(LIST, str(UUID(int=n)), f"{n} {ENDED}") for n in range(RECORDS)]
    waiting = iter(notes)

    async def calls() -> None:
        for note in waiting:
            await delivery.push(note)

    redis.stop()
    started = time.monotonic()
    await asyncio.gather(*(calls() for _ in range(yardstick.CONCURRENCY)))
    journaled = time.monotonic() - started
    os.sync()
    redis.start()
    started = time.monotonic()
    while delivery.failing:
        await asyncio.sleep(0.01)
    pushed = time.monotonic() - started
    await delivery.close()
    await journal.close()
    with Redis.from_url(redis.url, decode_responses=True) as client:
        bodies = client.lrange(LIST, 0, -1)
        client.flushall()
    if bodies != [note.body for note in reversed(notes)]:
        sys.exit("not all records came, or not in order")
    return journaled, pushed


def serve_without_journal(config: Path) -> None:
    """Serve with the lists alone, as the service did before there was a journal."""
    import uvloop

    from click2dial_agi.app import service
    from click2dial_agi.app.logs import configure_logging

    class StraightToRedis:
        def __init__(self, *_: object) -> None:
            self.by_name: Mapping[str, Notifier] = {}

        def build(self, config: service.Config) -> Mapping[str, Notifier]:
            return {
                one.name: Notifier(one, RedisLists(one.redis, one.push))
                for one in config.integrators
            }

        def use(self, _: service.Config, built: Mapping[str, Notifier]) -> None:
            self.by_name = built

        async def close(self) -> None:
            for one in self.by_name.values():
                assert isinstance(one.lists, RedisLists)
                await one.lists.close()

    async def no_drain(*_: object) -> None:
        await asyncio.Event().wait()

    configure_logging("INFO")
    service.__dict__.update(Notifiers=StraightToRedis, drain_forever=no_drain)
    loaded = load_config(config)
    uvloop.run(Service(loaded, lambda: loaded).run())


if __name__ == "__main__":
    main()
