"""What it costs to follow a PBX's manager, and how soon listeners are told: `make bench ARGS=live`.

Two servers of this version, each with a PBX of its own, in turns: one follows calls and agents as
they happen, the other does not.  Then created calls at a steady rate (`C2D_RATE`), with so many
listeners of ``GET /click2dial/events`` (`C2D_LISTENERS`): from Asterisk's event, which a connection
of the bench's own hears, to the first listener's.  A server tells so many events a second, to one
or to all of them: many listeners go with few calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
from functools import partial
from itertools import count, cycle
from pathlib import Path

from bench.against import HANGS_UP, HERE, Version, print_costs, start
from bench.create import AGENTS, CALLS, KEY
from bench.http_load import latencies
from bench.yardstick import cpu_seconds
from click2dial_agi.ami import Message
from click2dial_agi.io.ami import AMI, AMIConnection
from sandbox.redis import LocalRedis
from sandbox.trunk import Trunk

RATE, SECONDS = float(os.environ.get("C2D_RATE", "50")), 10
LISTENERS = [int(number) for number in os.environ.get("C2D_LISTENERS", "1").split(",")]


class Ears:
    """Hears on the manager when an agent's phone is dialled, and on the events what follows."""

    def __init__(self) -> None:
        self.dialled: dict[str, float] = {}
        self.lags: list[float] = []
        self.there = asyncio.Event()

    def heard(self, event: Message) -> None:
        """Note when a phone was dialled."""
        if event.event == "DialBegin" and event.get("DestChannel").startswith("PJSIP/"):
            self.dialled[event.get("DestChannel")[6:].partition("-")[0]] = self.now

    async def began(self, connection: AMIConnection) -> None:
        """Be told of everything."""
        await connection.action("Events", EventMask="call")
        self.there.set()

    async def ended(self) -> None:
        """Take no note."""

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def told(self, event: bytes, data: bytes) -> None:
        """Note how long ago an agent's phone was dialled, of which nothing was told yet."""
        if event != b"agent":
            return
        agent = json.loads(data)
        # What is over within the time for which changes are gathered is never told: it talks then.
        busy = agent["state"] in ("ringing", "talking")
        dialled = self.dialled.pop(agent["extension"], None) if busy else None
        if dialled is not None:
            self.lags.append(self.now - dialled)


class Listener(asyncio.Protocol):
    """Counts the events of one stream; the first one's are looked at."""

    def __init__(self, port: int, ears: Ears | None) -> None:
        self._request = (
            f"GET /click2dial/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        ).encode()
        self._ears = ears
        self._rest = b""
        self.events = 0
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the events."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so if it was never open."""
        if not self.open.done():
            self.open.set_exception(exc or RuntimeError("closed before it was open"))

    def data_received(self, data: bytes) -> None:
        """Count, and look at them."""
        if not self.open.done():
            if not data.startswith(b"HTTP/1.1 200 "):  # a server takes 750 of an integrator
                self.open.set_exception(RuntimeError(data.decode("utf-8", "replace")))
                return
            self.open.set_result(None)
        self.events += data.count(b"event: ")
        if self._ears is None:
            return
        *blocks, self._rest = (self._rest + data).replace(b"\r", b"").split(b"\n\n")
        for block in blocks:
            fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
            self._ears.told(fields.get(b"event", b""), fields.get(b"data", b"{}"))


async def follow(version: Version, listeners: int) -> tuple[list[float], int, float]:
    """Return the lags, how many events all listeners got in a second, and the server's CPU."""
    login = version.pbx.manager
    host, _, port = login["ami"].partition(":")
    ears = Ears()
    hearing = asyncio.create_task(
        AMI(host, int(port), login["ami_username"], login["ami_password"]).run(ears)
    )
    await ears.there.wait()
    loop = asyncio.get_running_loop()
    ends = []
    for number in range(listeners):
        first = ears if number == 0 else None
        http = version.target.port
        # One address has 250 connections at the most.
        local = (f"127.0.1.{1 + number // 200}", 0)
        _, one = await loop.create_connection(
            partial(Listener, http, first), "127.0.0.1", http, local_addr=local
        )
        ends.append(one)
    await asyncio.gather(*(one.open for one in ends))
    agents, references = cycle(AGENTS), count()
    body = {"callee": HANGS_UP, "outbound_id": "27820001234"}
    posts = [
        (CALLS, json.dumps({"agent": next(agents), **body, "contact_ref": ref}).encode())
        for ref in (f"live-{next(references)}" for _ in range(round(RATE * SECONDS)))
    ]
    before, began = sum(one.events for one in ends), loop.time()
    cpu = cpu_seconds(version.server.pid)
    await asyncio.to_thread(latencies, version.target, posts, RATE)
    seconds = loop.time() - began
    told = sum(one.events for one in ends) - before
    cpu = (cpu_seconds(version.server.pid) - cpu) / seconds
    hearing.cancel()
    await asyncio.wait((hearing,))
    return sorted(ears.lags), round(told / seconds), cpu


def main() -> None:
    """Measure and print two tables."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        trunk = stack.enter_context(Trunk(trace=False))
        phones = stack.enter_context(Trunk(trace=False))
        versions = [
            start(stack, name, Path(HERE), redis.url, trunk.port, phones.port, live=name == "with")
            for name in ("without", "with")
        ]
        print_costs(versions)
        print(
            f"\n| listeners, {RATE:g} created calls/s | p50 | p99 | events/s, all | server's CPU |"
        )
        print("|---:|---:|---:|---:|---:|")
        for listeners in LISTENERS:
            lags, told, cpu = asyncio.run(follow(versions[1], listeners))
            p50, p99 = statistics.median(lags), lags[int(0.99 * len(lags))]
            times = f"{p50 * 1e3:.0f} ms | {p99 * 1e3:.0f} ms"
            print(f"| {listeners} | {times} | {told} | {cpu:.2f} of a core |")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    main()
