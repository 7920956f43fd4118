"""Three Asterisks, three servers, two Kamailios and a Redis under Sentinels: one of them dies.

`C2D_CLUSTER_CALLS` is the number of calls in each test.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.cluster_calls import OUTCOMES, Desks, Placed
from sandbox.cluster_ledger import SOON, Ledger, Record, Trouble, compare
from sandbox.consumer import Consumer, connect
from sandbox.link import cut
from sandbox.process import until
from sandbox.redis_groups import HOST
from sandbox.waiting import patience
from tests.chaos.ledger import anything_waits
from tests.kamailio.conftest import kamailio_installed

__all__ = ["kamailio_installed"]

CALLS = int(os.environ.get("C2D_CLUSTER_CALLS", "60"))
RATE = float(os.environ.get("C2D_CLUSTER_RATE", "8"))

#: For how long what was killed is away: seconds.
AWAY = float(os.environ.get("C2D_CLUSTER_AWAY", "3"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + CALLS / RATE + AWAY)]

#: How long after the last call and the last repair a created call that died is recorded: seconds.
REAPED = 60.0
TURNS = ("answer", "busy", "hang-up", "unknown", "answer")


@dataclass
class Load:
    """Calls at a rate, a fifth of them created, and all records; `troubles` are the test's."""

    cluster: Cluster
    desks: Desks
    consumer: Consumer
    troubles: list[Trouble] = field(default_factory=list)

    def run(self, disturb: Callable[[], None]) -> Ledger:
        """Disturb when a third of the calls is placed, and compare when all are over."""
        before = len(self.desks.placed)
        placing = self.cluster.loop.submit(self._place())
        wait([placing], CALLS / RATE / 3)
        disturb()
        placing.result()
        calls = self.desks.placed[before:]
        deadline = time.monotonic() + REAPED
        while (ledger := self._ledger(calls)).lost and time.monotonic() < deadline:
            time.sleep(0.2)
        # Whatever could still come twice has come then.
        until(self._nothing_waits, 10, "empty journals and spools")
        time.sleep(1)
        ledger = self._ledger(calls)
        print(ledger)
        for ua in (*self.desks.phones, *self.cluster.trunks):
            assert ua.errors == [], ua.name
        for call in ledger.died:
            print(f"  went with it: {call.number} of {call.agent}, status {call.status}")
        for fault in ledger.faults:
            print(f"  {fault}")
        for node in self.cluster.kamailios:
            print(*(f"{node.name}: {line}" for line in node.log().splitlines() if "login" in line))
        return ledger

    def talks_on(self, pbx: int) -> bool:
        """Tell whether a phone has begun a call on an Asterisk that lasts for a moment."""

        async def talks() -> bool:
            answered = [call for call in self.cluster.trunks[pbx].calls_up() if call.number]
            return any(
                call.number.endswith(OUTCOMES["answer"]) and time.time() - call.began_at < 0.15
                for call in answered
            )

        return bool(self.cluster.run(talks()))

    def trouble(self, **where: Any) -> Trouble:
        """Say what will be away; who makes it fills in the times."""
        trouble = Trouble(math.inf, math.inf, **where)
        self.troubles.append(trouble)
        return trouble

    async def _place(self) -> None:
        callers, agents = self.desks.phones[:6], self.desks.phones[6:]
        phones, desks = itertools.cycle(callers), itertools.cycle(agents)
        outcomes, servers = itertools.cycle(TURNS), itertools.cycle(range(3))
        tasks: list[asyncio.Task[Placed]] = []
        began = time.monotonic()
        for number in range(CALLS):
            await asyncio.sleep(began + number / RATE - time.monotonic())
            work: Coroutine[Any, Any, Placed]
            if number % 5 == 4:
                work = self.desks.create(next(desks), next(servers))
            else:
                work = self.desks.place(next(phones), next(outcomes))
            tasks.append(asyncio.create_task(work))
        await asyncio.gather(*tasks)

    def _ledger(self, calls: list[Placed]) -> Ledger:
        self.desks.note_pbxs()
        refs = {call.number for call in calls}
        records = [payload(text) for text in list(self.consumer.texts)]
        return compare(calls, [r for r in records if r["contact_ref"] in refs], self.troubles)

    def _nothing_waits(self) -> bool:
        spools = [Path(server.config["spool_dir"]) for server in self.cluster.servers]
        return not any(map(anything_waits, spools))


def payload(text: str) -> Record:
    record: Record = json.loads(text)["payload"]
    return record


@pytest.fixture(scope="module")
def cluster(tree: Path, kamailio_installed: None) -> Iterator[Cluster]:
    with Cluster(tree) as cluster:
        yield cluster


@pytest.fixture
def load(cluster: Cluster) -> Iterator[Load]:
    desks = Desks(cluster)
    cluster.run(desks.open())
    redis = lambda: connect(f"redis://{HOST}:{cluster.group.primary().port}/0")  # noqa: E731
    with Consumer(redis) as consumer:
        yield Load(cluster, desks, consumer)
    cluster.run(desks.close())
    cluster.until_all_serve()


def check(ledger: Ledger) -> None:
    assert ledger.faults == [], str(ledger)
    assert ledger.slowest < patience(SOON)


@pytest.mark.case("P8")
def test_a_pbx_is_killed_and_comes_back(load: Load) -> None:
    """Its phones' calls are named; its created calls are recorded; all others do not notice."""
    pbx, trouble = load.cluster.pbxs[0], load.trouble(pbx=0)

    def kill() -> None:
        until(lambda: load.talks_on(0), 10, "a phone's call on it that nobody hangs up now")
        trouble.began = time.time()
        pbx.kill()
        time.sleep(AWAY)
        pbx.start()
        trouble.ended = time.time()

    ledger = load.run(kill)
    check(ledger)
    assert ledger.died


@pytest.mark.case("P8")
def test_a_pbx_is_frozen_and_wakes_up(load: Load) -> None:
    """What it had goes on, and all of it is recorded; nothing is done twice."""
    pbx, trouble = load.cluster.pbxs[1], load.trouble(pbx=1)

    def freeze() -> None:
        trouble.began = time.time()
        pbx.signal(signal.SIGSTOP)
        time.sleep(AWAY)
        pbx.signal(signal.SIGCONT)
        trouble.ended = time.time()

    check(load.run(freeze))


@pytest.mark.case("P8")
def test_the_link_to_a_pbx_is_cut(load: Load) -> None:
    """It goes on with its calls, of whose end it hears when the link is back."""
    trouble = load.trouble(pbx=1)

    def cut_for_a_while() -> None:
        trouble.began = time.time()
        with cut(load.cluster.kamailios, load.cluster.pbxs[1]):
            time.sleep(AWAY)
        trouble.ended = time.time()

    ledger = load.run(cut_for_a_while)
    check(ledger)
    assert ledger.died == []


def test_the_server_beside_a_pbx_is_killed(load: Load) -> None:
    """The others are asked, and nobody notices."""
    server = load.cluster.servers[1]

    def kill() -> None:
        server.kill()
        time.sleep(AWAY)
        server.start()

    check(load.run(kill))


@pytest.mark.case("P14")
def test_a_kamailio_is_killed_and_its_phones_go_over(load: Load) -> None:
    """It comes back: until then its calls go on, and nobody can end them."""
    first, second = load.cluster.kamailios
    trouble = load.trouble(node=first.name)

    def kill() -> None:
        trouble.began = time.time()
        first.kill()
        load.cluster.run(load.desks.move(first, second))
        time.sleep(AWAY)
        first.start()
        trouble.ended = time.time()

    check(load.run(kill))


@pytest.mark.case("P13")
def test_redis_fails_over(load: Load) -> None:
    group = load.cluster.group

    def fail_over() -> None:
        before = group.primary()
        before.kill()
        group.wait_failover(before)
        before.start()  # it comes back as the replica
        group.wait_replica()

    check(load.run(fail_over))
