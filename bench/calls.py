"""Whole calls per second through Asterisk: ours beside the same calls on a plain Dial().

Between them the least that a FastAGI server can cost which is asked before a call and told after
it: the yardstick's no-op server, in a dialplan that does nothing else.

First at one rate: what a call waits for its 200, and what it costs Asterisk, the server, and all
together (SIPp and Redis, too) in CPU, by which the machine takes more calls or fewer.
Then the rate is raised until the slowest twentieth of the calls waits more than 20 ms, or a call
fails, twice in a row; the highest rate below that counts.  `python -m bench.calls`
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench.yardstick import all_cpu_seconds, alternate, build, cpu_seconds, start_peer
from sandbox.asterisk import Asterisk
from sandbox.load import LoadResult, load
from sandbox.redis import LocalRedis
from sandbox.server import Server
from sandbox.tree import asterisk_tree
from sandbox.trunk import Trunk

DIALPLAN = Path(__file__).parents[1] / "dialplan" / "click2dial.conf"
LATE = 0.020  # seconds, at the 95th percentile
SECONDS = 5
STEADY = 100  # calls a second, which all of them keep up
FIRST, STRIDE, STEP = 20, 40, 20
TRIES = 2  # a machine that others use has a bad second now and then
RUNS = 3

OURS = "1000"
PLAIN, NOOP = "1900", "1901"
PEERS_PJSIP = f"""
[{PLAIN}](agent)
context = plain
[{NOOP}](agent)
context = noop
"""
PEERS_DIALPLAN = """
[plain]
exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk,20,g)

[noop]
exten => _X.,1,Set(CHANNEL(hangup_handler_push)=noop-end,s,1)
 same => n,AGI(agi://127.0.0.1:{port}/outbound)
 same => n,Dial(PJSIP/${{EXTEN}}@trunk,20,g)
[noop-end]
exten => s,1,AGI(agi://127.0.0.1:{port}/ended)
 same => n,Return()
"""


def main() -> None:
    """Measure and print a table."""
    with contextlib.ExitStack() as stack:
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        server = stack.enter_context(Server(redis.url))
        where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c2d-bench-")))
        _, noop = build(where)
        port = start_peer(stack, where, noop, "{port}", "1")
        trunk = stack.enter_context(Trunk(trace=False))
        pbx = stack.enter_context(
            Asterisk(
                asterisk_tree(),
                include=DIALPLAN,
                c2d_agi=server.agi_url,
                trunk_port=trunk.port,
                extra_extensions=PEERS_DIALPLAN.format(port=port),
                extra_pjsip=PEERS_PJSIP,
            )
        )
        agents = {
            "plain Dial()": PLAIN,
            "two no-op AGI sessions": NOOP,
            "click2dial": OURS,
        }
        print_costs(pbx, server, agents)
        found = alternate(
            [(name, partial(highest, pbx, agent)) for name, agent in agents.items()], RUNS
        )
    plain = found["plain Dial()"]
    print("\n| calls | calls/s at p95 under 20 ms | of plain |\n|---|---:|---:|")
    for name, rate in found.items():
        print(f"| {name} | {rate:.0f} | {f'{rate / plain:.2f}' if plain else 'unknown'} |")


def print_costs(pbx: Asterisk, server: Server, agents: dict[str, str]) -> None:
    """Print what a call waits and costs at one rate, in turns."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in agents}
    for run in range(RUNS + 1):
        print(f"run {run} of {RUNS}" if run else "warming up", file=sys.stderr)
        for name, agent in agents.items():
            before = costs_so_far(pbx, server)
            result = place(pbx, agent, STEADY)
            after = costs_so_far(pbx, server)
            costs = [(b - a) / len(result.calls) for a, b in zip(before, after, strict=True)]
            if run:
                found[name].append((result.p50, result.p95, *costs))
    print(
        f"\n| calls, {STEADY}/s | p50 | p95 | CPU: Asterisk | CPU: server | CPU: all | of plain |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    medians = {
        name: [statistics.median(one) for one in zip(*runs, strict=True)]
        for name, runs in found.items()
    }
    for name, values in medians.items():
        cells = [f"{value * 1000:.1f} ms" for value in values]
        print(f"| {name} | {' | '.join(cells)} | {medians['plain Dial()'][-1] / values[-1]:.2f} |")


def costs_so_far(pbx: Asterisk, server: Server) -> tuple[float, float, float]:
    """Return the CPU seconds that Asterisk, the server, and all processes have had."""
    return cpu_seconds(pbx.pid), cpu_seconds(server.pid), all_cpu_seconds()


def highest(pbx: Asterisk, agent: str) -> float:
    """Return the highest rate that an agent's calls keep up, 0 if they keep up none."""

    def holds(rate: int) -> bool:
        return any(keeps_up(pbx, agent, rate) for _ in range(TRIES))

    rate = FIRST
    if not holds(rate):
        return 0
    while holds(rate + STRIDE):
        rate += STRIDE
    return rate + STEP if holds(rate + STEP) else rate


def keeps_up(pbx: Asterisk, agent: str, rate: int) -> bool:
    """Tell whether calls at a rate are answered in time."""
    result = place(pbx, agent, rate)
    failed = result.statuses.total() - result.statuses[200]
    print(
        f"  {agent} at {rate}/s: p50 {result.p50 * 1000:.0f} ms, "
        f"p95 {result.p95 * 1000:.0f} ms, {failed} failed",
        file=sys.stderr,
    )
    return not failed and result.p95 <= LATE


def place(pbx: Asterisk, agent: str, rate: int) -> LoadResult:
    """Place an agent's calls at a rate, each answered and hung up at once."""
    return load(
        pbx,
        calls=rate * SECONDS,
        rate=rate,
        callees=["0820000100"],
        agents=[agent],
        headers=[("X-Teleforge-Outbound-ID", "27820001234")],
        hang_up_after=0.1,
    )


if __name__ == "__main__":
    main()
