"""`make cluster`: calls through Kamailios and Asterisks, of which one after the other dies."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console

from sandbox.cluster import Cluster
from sandbox.cluster_browser import BrowserAgent, browser_agent
from sandbox.cluster_calls import Desks, Placed
from sandbox.cluster_ledger import Ledger, Record, Trouble, compare
from sandbox.consumer import Consumer, connect
from sandbox.process import until
from sandbox.redis_groups import HOST
from sandbox.tree import asterisk_tree
from sandbox.ua import UA
from sandbox.waiting import patience

#: How long the calls last that are up when something dies: seconds.
TALK = 4.0
#: How long a record may take: a created call's that died, until its Asterisk is back and asked.
RECORDED = 60.0

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Start all of it, kill and repair, say what came of it, and stop all of it."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.cluster_demo", description=__doc__)
    parser.add_argument("--short", action="store_true", help="without what takes a minute")
    short = parser.parse_args().short
    # SIGTERM ends the `with` blocks below as Ctrl-C does, so nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        began = time.monotonic()
        console.print("Starting Redis with Sentinels, Asterisks, servers and Kamailios …")
        cluster = stack.enter_context(Cluster(asterisk_tree()))
        introduce(cluster)
        desks = Desks(cluster)
        cluster.run(desks.open())
        stack.callback(lambda: cluster.run(desks.close()))
        console.print("[green]✓[/] ten phones, five at each Kamailio, and the world outside")
        consumer = stack.enter_context(Consumer(lambda: connect(primary(cluster))))
        browser = stack.enter_context(browser_agent(cluster, desks.placed))
        console.print(f"[green]✓[/] {browser.name}, in Chromium, at {cluster.kamailio.name}")
        show = Show(cluster, desks, consumer, browser)
        show.all(short=short)
        ledger = show.ledger()
        console.rule("[bold]All calls against all records[/]")
        console.print(f"  {ledger}")
        console.print(f"\nAll of it took {time.monotonic() - began:.0f} s.")
        return 1 if ledger.faults else 0
    return 1


def primary(cluster: Cluster) -> str:
    return f"redis://{HOST}:{cluster.group.primary().port}/0"


def introduce(cluster: Cluster) -> None:
    """Print what runs where."""
    group = cluster.group
    redis = f"{len(group.servers)} Redis under {len(group.sentinels)} Sentinels"
    console.print(f"[green]✓[/] {redis}, primary {primary(cluster)}")
    for number, (pbx, server) in enumerate(zip(cluster.pbxs, cluster.servers, strict=True), 1):
        console.print(
            f"[green]✓[/] pbx{number}, SIP 127.0.0.1:{pbx.sip_port}, beside it server{number}, "
            f"{server.agi_url}, http://127.0.0.1:{cluster.api_ports[number - 1]}"
        )
    for kamailio in cluster.kamailios:
        console.print(
            f"[green]✓[/] {kamailio.name}, phones 127.0.0.1:{kamailio.phones_port}, "
            f"inside {kamailio.inner_host}:{kamailio.inner_port}"
        )


@dataclass
class Show:
    """The scenes, one after the other."""

    cluster: Cluster
    desks: Desks
    consumer: Consumer
    browser: BrowserAgent
    troubles: list[Trouble] = field(default_factory=list)

    def all(self, *, short: bool) -> None:
        doomed = None if short else self.doomed()
        self.scene("All is well", lambda: None, lambda: None)
        self.pbx_dies()
        self.server_dies()
        self.redis_dies()
        if doomed is not None:
            self.wait_for(doomed)
        self.kamailio_dies()

    def doomed(self) -> Placed:
        """Place a call that lasts, on pbx1."""
        phone = self.desks.phones[-1]
        while True:
            before = len(self.desks.placed)
            self.cluster.loop.submit(self.desks.place(phone, lasting=True))
            until(partial(self._answered, before), 10, "its answer")
            call = self.desks.placed[before]
            self.desks.note_pbxs()
            if call.pbxs == [0]:
                return call
            self.cluster.run(self._hang_up())
            until(partial(getattr, call, "ended"), 10, "its end")

    def pbx_dies(self) -> None:
        pbx, trouble = self.cluster.pbxs[0], Trouble(0, 0, pbx=0)

        def dies() -> None:
            trouble.began = time.time()
            pbx.kill()

        def back() -> None:
            pbx.start()
            trouble.ended = time.time()
            self.cluster.until_all_serve()

        self.troubles.append(trouble)
        self.scene("pbx1 is killed (SIGKILL)", dies, back)

    def server_dies(self) -> None:
        server = self.cluster.servers[1]
        self.scene("server2 is killed, which pbx2 asks first", server.kill, server.start)

    def redis_dies(self) -> None:
        group = self.cluster.group
        before = group.primary()

        def back() -> None:
            now = group.wait_failover(before)
            console.print(f"  the Sentinels have made redis://{HOST}:{now.port} the primary")
            before.start()  # it comes back as the replica
            group.wait_replica()

        self.scene("Redis's primary is killed", before.kill, back)

    def kamailio_dies(self) -> None:
        first, second = self.cluster.kamailios
        trouble = Trouble(0, 0, node=first.name)

        def dies() -> None:
            trouble.began = time.time()
            first.kill()
            self.cluster.run(self.desks.move(first, second))
            console.print("  its phones have registered at k2")

        def back() -> None:
            first.start()
            trouble.ended = time.time()

        self.troubles.append(trouble)
        self.scene("k1 is killed, where phones and Asterisks' calls came in", dies, back)

    def scene(self, title: str, dies: Callable[[], object], back: Callable[[], object]) -> None:
        """Have calls up, let something die, place new ones, repair, and print what was seen."""
        console.rule(f"[bold]{title}[/]")
        before = len(self.desks.placed)
        up = self.cluster.loop.submit(self._some(self.desks.phones[:4], TALK))
        until(lambda: self._answered(before) >= 4, 10, "calls that are up")
        in_browser = self.browser.call()
        dies()
        new = self.cluster.loop.submit(self._some(self.desks.phones[4:6], 0.5, created=True))
        new.result()
        shown = [self.browser.shows()]
        back()
        self.browser.wait_until_ready()
        self.browser.hang_up(in_browser)
        shown.append(self.browser.shows())
        up.result()
        placed = [call for call in self.desks.placed[before:] if not call.lasting]
        self._await_records(placed)
        for call in placed:
            self.show(call)
        console.print(f"  {self.browser.name}'s page: {' → '.join(shown)}")

    def wait_for(self, call: Placed) -> None:
        """Show when a call that nobody hung up was ended."""
        console.rule("[bold]A call on pbx1 that nobody has hung up since the start[/]")
        until(lambda: call.ended, 60, "Kamailio's BYE")
        after = call.ended - self.troubles[0].began
        console.print(f"  {call.agent}: Kamailio hung it up {after:.0f} s after pbx1 died")

    def show(self, call: Placed) -> None:
        """Print one call: what its phone, or the CRM, saw, and the record."""
        who = f"{call.agent} at {call.node}" if call.node else f"CRM for {call.agent}"
        seen = f"{call.status} after {call.seconds:.2f} s" if call.status else "nothing"
        where = ", ".join(f"pbx{pbx + 1}" for pbx in call.pbxs) or "-"
        records = [f"{r['end_reason']} {r['end_code']}" for r in self._records(call)]
        none = "[yellow]none: it died[/]" if self._died(call) else "[red]none[/]"
        record = ", ".join(records) or none
        console.print(f"  {who:<14} {call.number}  {seen:<18} on {where:<10} record: {record}")

    def ledger(self) -> Ledger:
        self._await_records(self.desks.placed)
        return compare(self.desks.placed, self._all_records(), self.troubles)

    async def _some(self, phones: list[UA], talk: float, *, created: bool = False) -> None:
        work = [self.desks.place(phone, talk=talk) for phone in phones]
        if created:
            work.append(self.desks.create(self.desks.phones[6]))
        await asyncio.gather(*work)

    async def _hang_up(self) -> None:
        self.desks.hang_up()

    def _answered(self, first: int) -> int:
        return sum(call.status == 200 for call in self.desks.placed[first:])

    def _await_records(self, calls: list[Placed]) -> None:
        """Wait for those that must come; a phone's call that died may have none."""
        self.desks.note_pbxs()
        due = [
            call for call in calls if (call.status == 201 if call.created else not self._died(call))
        ]
        until(lambda: all(map(self._records, due)), RECORDED / patience(1), "records")

    def _died(self, call: Placed) -> bool:
        return any(trouble.touches(call) for trouble in self.troubles)

    def _records(self, call: Placed) -> list[Record]:
        return [one for one in self._all_records() if one["contact_ref"] == call.number]

    def _all_records(self) -> list[Record]:
        return [json.loads(text)["payload"] for text in list(self.consumer.texts)]


if __name__ == "__main__":
    raise SystemExit(main())
