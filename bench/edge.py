"""What the WebSocket edge costs: time per message against a direct connection, and idle phones.

    python -m bench.edge [--phones 1000] [--seconds 60] [--rounds 5]

Both ways lead to the same real Asterisk and are measured in turns within one run, so that
whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvloop
import yaml
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.yardstick import cpu_seconds
from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.process import Process, until
from sandbox.tree import asterisk_tree

BATCH = 500  # round trips on one connection before the other has its turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60, help="how long the phones idle")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    endpoints = "".join(f"[p{n}](agent)\naors = p{n}\n[p{n}](aor)\n" for n in range(options.phones))
    with Asterisk(asterisk_tree(), extra_pjsip=endpoints) as pbx:
        http = pbx.etc / "http.conf"
        http.write_text(http.read_text().replace("sessionlimit = 1000", "sessionlimit = 20000"))
        pbx.cli("module reload http")
        with _edge(pbx.ws_url, options.phones) as (process, url):
            uvloop.run(_latency(pbx.ws_url, url, options.rounds))
            uvloop.run(_idle(process, url, options.phones, options.seconds))


@contextlib.contextmanager
def _edge(upstream: str, phones: int) -> Iterator[tuple[Process, str]]:
    """Run `click2dial-agi edge` in front of an Asterisk."""
    listen = f"127.0.0.1:{ports.free_port()}"
    edge = {
        "listen": listen,
        "upstream": upstream,
        "redis": "redis://127.0.0.1:1/0",  # never asked: no call is refused here
        "max_connections": phones + 10,
        "connections_per_minute": 1_000_000,
    }
    config = {"edge": edge, "integrators": [{"name": "bench", "extensions": ["1000-1999"]}]}
    with tempfile.TemporaryDirectory() as directory:
        file, log = Path(directory, "c2d.yaml"), Path(directory, "edge.log")
        file.write_text(yaml.safe_dump(config))
        process = Process(
            [sys.executable, "-m", "click2dial_agi", "edge", "-c", str(file)], output=log
        )
        try:
            until(lambda: "WebSocket edge on" in log.read_text(), 15, "the edge's start")
            yield process, f"ws://{listen}/ws"
        finally:
            process.stop()


@contextlib.asynccontextmanager
async def _phone(url: str) -> AsyncIterator[ClientConnection]:
    async with connect(
        url,
        subprotocols=[Subprotocol("sip")],
        compression=None,
        proxy=None,
        ping_interval=None,
        open_timeout=60,
    ) as phone:
        yield phone


def _request(method: str, number: int = 0) -> str:
    return (
        f"{method} sip:p{number}@pbx.invalid SIP/2.0\r\n"
        f"Via: SIP/2.0/WS phone.invalid;branch=z9hG4bK{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:p{number}@pbx.invalid>;tag={secrets.token_hex(4)}\r\n"
        f"To: <sip:p{number}@pbx.invalid>\r\n"
        f"Call-ID: {secrets.token_hex(16)}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:p{number}@phone.invalid;transport=ws>\r\nExpires: 600\r\n"
        "Content-Length: 0\r\n\r\n"
    )


async def _round_trips(phone: ClientConnection) -> list[float]:
    """Return the seconds of each of a batch of OPTIONS."""
    seconds = []
    for _ in range(BATCH):
        request = _request("OPTIONS")
        began = time.perf_counter()
        await phone.send(request)
        await phone.recv()
        seconds.append(time.perf_counter() - began)
    return seconds


async def _latency(direct_url: str, edge_url: str, rounds: int) -> None:
    print(f"OPTIONS to Asterisk and back, {rounds} rounds of {BATCH} each way, milliseconds")
    print("round   direct p50   edge p50   added per message   direct p99   edge p99")
    added = []
    async with _phone(direct_url) as direct, _phone(edge_url) as through:
        for phone in (direct, through):  # not counted: first use of everything
            await _round_trips(phone)
        for number in range(1, rounds + 1):
            one, other = await _round_trips(direct), await _round_trips(through)
            p50 = [statistics.median(seconds) * 1000 for seconds in (one, other)]
            p99 = [statistics.quantiles(seconds, n=100)[98] * 1000 for seconds in (one, other)]
            added.append((p50[1] - p50[0]) / 2)
            print(
                f"{number:5}{p50[0]:13.3f}{p50[1]:11.3f}{added[-1]:20.3f}"
                f"{p99[0]:13.3f}{p99[1]:11.3f}"
            )
    print(f"added per message, median of the rounds: {statistics.median(added):.3f} ms\n")


async def _idle(process: Process, url: str, phones: int, seconds: float) -> None:
    empty = _memory(process.pid)
    async with contextlib.AsyncExitStack() as stack:
        began, used = time.perf_counter(), cpu_seconds(process.pid)
        for first in range(0, phones, 50):
            await asyncio.gather(
                *(_register(stack, url, n) for n in range(first, min(first + 50, phones)))
            )
        took, used = time.perf_counter() - began, cpu_seconds(process.pid) - used
        print(f"{phones} phones connected and registered in {took:.1f} s, {used:.2f} s of CPU")
        idle = cpu_seconds(process.pid)
        await asyncio.sleep(seconds)
        idle = cpu_seconds(process.pid) - idle
        memory = _memory(process.pid)
    print(
        f"idle for {seconds:g} s, pings included: {100 * idle / seconds:.2f} % of one CPU\n"
        f"memory: {memory / 1024:.1f} MB, {empty / 1024:.1f} MB without phones: "
        f"{(memory - empty) / phones:.0f} KB a phone"
    )


async def _register(stack: contextlib.AsyncExitStack, url: str, number: int) -> None:
    phone = await stack.enter_async_context(_phone(url))
    await phone.send(_request("REGISTER", number))
    while not (answer := str(await phone.recv())).startswith("SIP/2.0 2"):
        if not answer.startswith("SIP/2.0 1"):
            raise RuntimeError(answer.partition("\r\n")[0])


def _memory(pid: int) -> int:
    """Return a process's resident memory in KB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has ended")


if __name__ == "__main__":
    main()
