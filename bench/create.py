"""What the Create Call API costs: beside a bare ARI request, and beside a bare FastAPI hello.

`python -m bench.create`
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import uuid
from base64 import b64encode
from itertools import count, cycle
from pathlib import Path

import httpx

from bench.http_load import Target, latencies, posts_per_second
from bench.yardstick import alternate
from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.process import Process, until
from sandbox.redis import LocalRedis
from sandbox.server import Server
from sandbox.tree import asterisk_tree
from sandbox.trunk import Trunk

DIALPLAN = Path(__file__).parents[1] / "dialplan" / "click2dial.conf"
KEY = "key-of-bench"
CALLS = "/click2dial/calls"
RATE, SECONDS, RUNS = 50, 4, 5
REFUSED_POSTS = 4_000

# One created call at a time is allowed for each agent; a phone is busy at once, and free again.
AGENTS = [str(extension) for extension in range(1300, 1400)]
BUSY = "phone-01"  # sandbox/trunk.py
REFUSED = json.dumps({"agent": "x", "callee": "0820000100", "outbound_id": "27820001234"}).encode()


def main() -> None:
    """Measure and print two tables."""
    with contextlib.ExitStack() as stack:
        where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c2d-bench-")))
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        http = ports.free_port()
        server = Server(
            redis.url,
            integrator={
                "http": f"127.0.0.1:{http}",
                "api_keys": [KEY],
                "extensions": ["1300-1399"],
                "limits": {"calls_per_minute": 1_000_000, "concurrent_calls": 1000},
            },
        )
        phones = stack.enter_context(Trunk(trace=False))
        pbx = stack.enter_context(
            Asterisk(
                asterisk_tree(),
                include=DIALPLAN,
                c2d_agi=server.agi_url,
                extra_pjsip="".join(agent_endpoint(agent, phones.port) for agent in AGENTS),
            )
        )
        login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
        server.config["asterisk"] = {"ari_url": pbx.ari_url, **login}
        server.write(server.config)
        stack.enter_context(server)
        bearer = [f"Authorization: Bearer {KEY}"]
        basic = b64encode(f"{pbx.ari_username}:{pbx.ari_password}".encode()).decode()
        ours = Target(http, CALLS, bearer, 201)
        bare = Target(pbx.http_port, "/ari/channels", [f"Authorization: Basic {basic}"], 200)
        _print_latencies(ours, bare)

        refusing = Target(http, CALLS, bearer, 422)
        size = len(
            httpx.post(
                f"http://127.0.0.1:{http}{CALLS}",
                content=REFUSED,
                headers={"Authorization": f"Bearer {KEY}"},
            ).content
        )
        hello = ports.free_port()
        peer = Process(
            [sys.executable, "-m", "bench.hello", str(hello), str(size)],
            output=where / "hello.log",
        )
        stack.callback(peer.kill)
        until(lambda: _answers(hello), 15, "the hello's start")
        found = alternate(
            [
                (
                    "FastAPI hello",
                    lambda: posts_per_second(
                        Target(hello, "/", bearer, 200), REFUSED, REFUSED_POSTS
                    ),
                ),
                ("refused body", lambda: posts_per_second(refusing, REFUSED, REFUSED_POSTS)),
            ],
            RUNS,
        )
        print(f"\n| answer of {size} bytes | posts/s | of hello |\n|---|---:|---:|")
        for name, rate in found.items():
            print(f"| {name} | {rate:.0f} | {rate / found['FastAPI hello']:.2f} |")


def _print_latencies(ours: Target, bare: Target) -> None:
    """Compare POST->201 with bare originations at the same rate, in turns."""
    agents, reference = cycle(AGENTS), count()

    def create() -> list[tuple[str, bytes]]:
        body = {"callee": "0820000100", "outbound_id": "27820001234"}
        return [
            (
                CALLS,
                json.dumps(
                    {"agent": next(agents), **body, "contact_ref": next(reference)}
                ).encode(),
            )
            for _ in range(RATE * SECONDS)
        ]

    def originate() -> list[tuple[str, bytes]]:
        where = {"context": "click2dial-create", "extension": "answered", "priority": 1}
        return [
            (
                f"/ari/channels/{uuid.uuid4()}",
                json.dumps(
                    {
                        "endpoint": f"PJSIP/{next(agents)}",
                        "callerId": "0820000100",
                        **where,
                        "timeout": 20,
                    }
                ).encode(),
            )
            for _ in range(RATE * SECONDS)
        ]

    found: dict[str, list[tuple[float, float]]] = {"bare ARI": [], "click2dial": []}
    for run in range(RUNS + 1):
        print(f"run {run} of {RUNS}" if run else "warming up", file=sys.stderr)
        for name, target, posts in (
            ("bare ARI", bare, originate()),
            ("click2dial", ours, create()),
        ):
            times = latencies(target, posts, RATE)
            if run:
                found[name].append((times[len(times) // 2], times[int(len(times) * 0.99)]))
    p50, p99 = (statistics.median(run[which] for run in found["bare ARI"]) for which in (0, 1))
    print(f"\n| POST at {RATE}/s | p50 | of bare | p99 | of bare |\n|---|---:|---:|---:|---:|")
    for name, runs in found.items():
        own50, own99 = (statistics.median(run[which] for run in runs) for which in (0, 1))
        print(
            f"| {name} | {own50 * 1000:.1f} ms | {own50 / p50:.2f} "
            f"| {own99 * 1000:.1f} ms | {own99 / p99:.2f} |"
        )


def agent_endpoint(extension: str, port: int, phone: str = BUSY) -> str:
    """Return an endpoint whose phone is always there; it does what the phone's name ends in."""
    return (
        f"[{extension}](agent)\naors = {extension}\n"
        f"[{extension}]\ntype = aor\ncontact = sip:{phone}@127.0.0.1:{port}\n"
    )


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.post(f"http://127.0.0.1:{port}/").is_success
    return False


if __name__ == "__main__":
    main()
