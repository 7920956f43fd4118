"""What a call costs now, beside another version of this project: `make bench ARGS=against`.

`C2D_AGAINST` names a checkout of the other version.  Each runs its own dialplan, on a PBX of its
own, and its server from its sources; they are measured in turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

import httpx

from bench.calls import place
from bench.create import AGENTS, CALLS, KEY, agent_endpoint
from bench.http_load import Target, latencies
from bench.yardstick import cpu_seconds
from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.process import until
from sandbox.redis import LocalRedis
from sandbox.server import ACME, Server
from sandbox.tree import asterisk_tree
from sandbox.trunk import Trunk

HERE = Path(__file__).parents[1]
RUNS = int(os.environ.get("C2D_RUNS", "5"))
PHONE_RATE = 60
CREATED_RATE, CREATED = 20, 200
ANSWERS = "phone-00"
HANGS_UP = "0820000105"  # answers, and hangs up after a second


Cost = tuple[float, ...]


@dataclass(frozen=True)
class Version:
    """A PBX and a server of one version."""

    name: str
    pbx: Asterisk
    server: Server
    target: Target

    def cost(self, calls: Callable[[Version], int]) -> Cost:
        """Return the CPU seconds, Asterisk's, the server's and of both, of one of so many calls."""
        pids = (self.pbx.pid, self.server.pid)
        before = [cpu_seconds(pid) for pid in pids]
        placed = calls(self)
        until(self._is_quiet, 30, "the end of all calls")
        each = [(cpu_seconds(pid) - b) / placed for pid, b in zip(pids, before, strict=True)]
        return (*each, sum(each))

    def _is_quiet(self) -> bool:
        return "0 active channels" in self.pbx.cli("core show channels count")


def main() -> None:
    """Measure and print a table."""
    other = Path(os.environ.get("C2D_AGAINST", ""))
    if not (other / "dialplan" / "click2dial.conf").is_file():
        print("C2D_AGAINST names no checkout of another version")
        return
    with contextlib.ExitStack() as stack:
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        trunk = stack.enter_context(Trunk(trace=False))
        phones = stack.enter_context(Trunk(trace=False))
        versions = [
            start(stack, name, root, redis.url, trunk.port, phones.port)
            for name, root in (("before", other), ("now", HERE))
        ]
        print_costs(versions)


def print_costs(versions: list[Version]) -> None:
    """Measure what a call costs with two versions, and print a table."""
    before, now = (version.name for version in versions)
    print(f"| CPU of a call | | {before} | {now} | of {before} |\n|---|---|---:|---:|---:|")
    for kind, calls in (("from a phone", phones_calls), ("created", created_calls)):
        costs = zip(("Asterisk", "server", "both"), *medians(versions, calls), strict=True)
        for who, one, other in costs:
            times = f"{one * 1e3:.2f} ms | {other * 1e3:.2f} ms"
            print(f"| {kind} | {who} | {times} | {other / one:.2f} |")


def medians(versions: list[Version], calls: Callable[[Version], int]) -> list[Cost]:
    found: dict[str, list[Cost]] = {version.name: [] for version in versions}
    for run in range(RUNS + 1):
        print(f"run {run} of {RUNS}" if run else "warming up", file=sys.stderr)
        for version in versions if run % 2 else versions[::-1]:
            cost = version.cost(calls)
            if run:
                found[version.name].append(cost)
    return [tuple(map(statistics.median, zip(*costs, strict=True))) for costs in found.values()]


def phones_calls(version: Version) -> int:
    result = place(version.pbx, "1000", PHONE_RATE)
    if set(result.statuses) != {200}:
        raise RuntimeError(f"{version.name}: {dict(result.statuses)}")
    return len(result.calls)


_agents, _references = cycle(AGENTS), count()


def created_calls(version: Version) -> int:
    body = {"callee": HANGS_UP, "outbound_id": "27820001234"}
    posts = [
        (CALLS, json.dumps({"agent": next(_agents), **body, "contact_ref": ref}).encode())
        for ref in (str(next(_references)) for _ in range(CREATED))
    ]
    latencies(version.target, posts, CREATED_RATE)
    return CREATED


def start(
    stack: contextlib.ExitStack,
    name: str,
    root: Path,
    redis_url: str,
    trunk: int,
    phones: int,
    *,
    live: bool = False,
) -> Version:
    """Start the server and the PBX of a version; ``live`` has it follow the PBX's manager."""
    http = ports.free_port()
    server = Server(
        redis_url,
        # The directory that it is started in must not come before the other version's sources.
        env={"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"},
        integrator={
            "key_prefix": name,
            "http": f"127.0.0.1:{http}",
            "api_keys": [KEY],
            "extensions": ["1000-1399"],
            "limits": {"calls_per_minute": 1_000_000, "concurrent_calls": 1000},
        },
    )
    if (root / "click2dial_agi" / "domain" / "counts.py").is_file():  # it limits phones, too
        server.config["integrators"][0]["limits"] |= ACME["limits"]
    dialplan = root / "dialplan" / "click2dial.conf"
    seals = "C2D_SECRET" in dialplan.read_text(encoding="utf-8")
    if not seals:  # 0.1: it knows no doctor either
        del server.config["agi"]["secret"]
        server.options.clear()
    pbx = stack.enter_context(
        Asterisk(
            asterisk_tree(),
            include=dialplan,
            c2d_agi=server.agi_url,
            trunk_port=trunk,
            extra_pjsip="".join(agent_endpoint(agent, phones, ANSWERS) for agent in AGENTS),
        )
    )
    login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
    server.config["asterisk"] = {"ari_url": pbx.ari_url, **login, **(pbx.manager if live else {})}
    server.write(server.config)
    stack.enter_context(server)
    version = httpx.get(f"http://127.0.0.1:{http}/openapi.json").json()["info"]["version"]
    print(f"{name}: {version}", file=sys.stderr)
    target = Target(http, CALLS, [f"Authorization: Bearer {KEY}"], 201)
    return Version(name, pbx, server, target)


if __name__ == "__main__":
    main()
