"""CPU of each part for a call through Kamailio, with one to three Asterisks.

`make bench ARGS=cluster`.  And what audio costs an Asterisk, and a REGISTER Kamailio:
bench/simulate.py reckons with them.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.yardstick import cpu_seconds
from sandbox.cluster import Cluster
from sandbox.cluster_calls import Desks
from sandbox.process import until
from sandbox.tree import asterisk_tree

CALLS = int(os.environ.get("C2D_CALLS", "300"))
RATE = 10.0
IDLE = 5.0  # seconds, for what each part does without calls
TALKING = 30
REGISTERS = 300


def main() -> None:
    """Measure and print a table."""
    print(
        "| PBXs | Asterisk | server | Kamailio | Redis | POST p50 |\n|---|---:|---:|---:|---:|---:|"
    )
    for pbxs in (1, 2, 3):
        with Cluster(asterisk_tree(), pbxs=pbxs, servers=pbxs) as cluster:
            desks = Desks(cluster)
            cluster.run(desks.open())
            try:
                costs = of_calls(cluster, desks)
                post = of_posts(cluster, desks)
                row = " | ".join(f"{1000 * cost:.2f} ms" for cost in costs.values())
                print(f"| {pbxs} | {row} | {1000 * post:.1f} ms |", flush=True)
                if pbxs == 3:
                    audio, register = of_audio(cluster, desks), of_registers(cluster, desks)
            finally:
                cluster.run(desks.close())
    print(f"\nAn Asterisk's CPU for a packet of audio that it hands on: {1e6 * audio:.1f} µs")
    print(f"Kamailio's CPU for a REGISTER with its challenge: {1000 * register:.2f} ms")


def of_calls(cluster: Cluster, desks: Desks) -> Mapping[str, float]:
    """Return each part's CPU seconds for a call, all processes of its kind together."""

    async def place(count: int) -> None:
        phones, began = itertools.cycle(desks.phones), time.monotonic()
        tasks = []
        for number in range(count):
            await asyncio.sleep(began + number / RATE - time.monotonic())
            tasks.append(asyncio.create_task(desks.place(next(phones))))
        await asyncio.gather(*tasks)

    cluster.run(place(20))
    idle = {name: spent / IDLE for name, spent in of(cluster, lambda: time.sleep(IDLE)).items()}
    began = time.monotonic()
    spent = of(cluster, lambda: cluster.run(place(CALLS)))
    lasted = time.monotonic() - began
    return {name: (spent[name] - idle[name] * lasted) / CALLS for name in spent}


def of_posts(cluster: Cluster, desks: Desks) -> float:
    """Return the median of the seconds that a POST takes, at each server in turn."""
    agents, taken = itertools.cycle(desks.phones), []
    for number in range(30):
        call = cluster.run(desks.create(next(agents), number % len(cluster.servers)))
        assert call.status == 201, call
        taken.append(call.seconds)
        time.sleep(0.2)
    return sorted(taken)[len(taken) // 2]


def of_audio(cluster: Cluster, desks: Desks) -> float:
    """Return an Asterisk's CPU seconds for a packet that it hands on."""
    before = len(desks.placed)
    phones = itertools.cycle(desks.phones)
    for _ in range(TALKING):
        cluster.loop.submit(desks.place(next(phones), lasting=True))
    until(lambda: all(call.status == 200 for call in desks.placed[before:]), 20, "answers")
    time.sleep(1)
    pids = [pbx.pid for pbx in cluster.pbxs]
    cpu, packets = sum(map(cpu_seconds, pids)), sent(cluster, desks)
    time.sleep(10)
    cpu, packets = sum(map(cpu_seconds, pids)) - cpu, sent(cluster, desks) - packets

    async def hang_up() -> None:
        desks.hang_up()

    cluster.run(hang_up())
    until(lambda: all(call.ended for call in desks.placed[before:]), 20, "their ends")
    return cpu / packets


def of_registers(cluster: Cluster, desks: Desks) -> float:
    """Return Kamailio's CPU seconds for a REGISTER that logs in."""

    async def register() -> None:
        for phone in itertools.islice(itertools.cycle(desks.phones), REGISTERS):
            await phone.register()

    return of(cluster, lambda: cluster.run(register()))["Kamailio"] / REGISTERS


def sent(cluster: Cluster, desks: Desks) -> int:
    """Return how many packets of audio phones and trunks have sent in the calls that are up."""
    calls = [call for ua in (*desks.phones, *cluster.trunks) for call in ua.calls_up()]
    return sum(call.media.sent for call in calls)


def of(cluster: Cluster, work: Callable[[], object]) -> dict[str, float]:
    """Return the CPU seconds that each part takes while work is done."""
    before = spent(cluster)
    work()
    return {name: now - before[name] for name, now in spent(cluster).items()}


def spent(cluster: Cluster) -> dict[str, float]:
    parts = {
        "Asterisk": [pbx.pid for pbx in cluster.pbxs],
        "server": [server.pid for server in cluster.servers],
        "Kamailio": [kamailio.pid for kamailio in cluster.kamailios],
        "Redis": [node.pid for node in cluster.group.servers],
    }
    return {name: sum(map(cpu_of_tree, pids)) for name, pids in parts.items()}


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process and of all that it, or they, have started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(map(cpu_of_tree, map(int, children)))


if __name__ == "__main__":
    main()
