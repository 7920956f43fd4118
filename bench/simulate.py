"""A call centre of many agents, as queues: does the arithmetic of docs/scale.md hold?

`python -m bench.simulate --sites 10`.  Nothing is started and nothing measured here: calls come at
random, each visits Kamailio, Asterisk, server and Redis as a real one does, and waits where all
cores are busy.  Beside what came of it stands what arithmetic says: load by the mean, waiting by
Erlang's C formula.  Service times are those that bench/cluster.py measured, at random around them.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Costs:
    """CPU seconds, measured on two cores of a shared virtual machine (bench/README.md)."""

    asterisk: float = 0.0156  # for a call
    server: float = 0.0026
    kamailio: float = 0.0017
    redis: float = 0.0004
    packet: float = 86e-6  # of audio that Asterisk hands on
    register: float = 0.0007  # with its challenge, by Kamailio


@dataclass(frozen=True)
class Site:
    """What stands in one place, and who works there."""

    agents: int = 5000
    calls: float = 50.0  # a second
    answered: float = 0.4
    talk: float = 150.0  # seconds, of answered calls
    kamailios: int = 2
    pbxs: int = 4
    cores: int = 16  # of each PBX and Kamailio
    servers: int = 3  # processes, each of which has one core at most

    @property
    def talking(self) -> float:
        """Calls that are up at a time, by Little's law."""
        return self.calls * self.answered * self.talk


#: A packet each 20 ms, each way.
PACKETS = 100
#: Phones register again when half of Kamailio's 300 s is over.
REGISTERED = 150.0


def erlang_c(load: float, servers: int) -> float:
    """Return how probable it is to wait, for a load in Erlang; 1 if it is too much."""
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(rate: float, service: float, servers: int) -> float:
    """Return the seconds that one waits in the mean; infinite if it is too much."""
    load = rate * service
    if load >= servers:
        return math.inf
    return erlang_c(load, servers) * service / (servers - load)


class Clock:
    """Events in their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), then))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, then = heapq.heappop(self._events)
            then()


@dataclass
class Station:
    """Cores with one queue.  `slower` is what media takes: each core does the rest more slowly."""

    name: str
    clock: Clock
    dice: random.Random
    cores: int
    slower: float = 1.0
    waits: list[float] = field(default_factory=list)
    busy: float = 0.0  # seconds of all cores together
    _free: int = field(init=False)
    _queue: deque[tuple[float, float, Callable[[], None]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._free = self.cores

    def visit(self, mean: float, then: Callable[[], None]) -> None:
        """Be served for a random time, and go on."""
        service = self.dice.expovariate(1 / (mean * self.slower))
        if self._free:
            self._free -= 1
            self._serve(0.0, service, then)
        else:
            self._queue.append((self.clock.now, service, then))

    def _serve(self, waited: float, service: float, then: Callable[[], None]) -> None:
        self.waits.append(waited)
        self.busy += service

        def done() -> None:
            if self._queue:
                since, mine, mine_then = self._queue.popleft()
                self._serve(self.clock.now - since, mine, mine_then)
            else:
                self._free += 1
            then()

        self.clock.after(service, done)


class Centre:
    """The queues of one site; the Redis of records may be others', too."""

    def __init__(
        self, site: Site, costs: Costs, clock: Clock, dice: random.Random, redis: Station
    ) -> None:
        self.site, self.costs, self.clock, self.dice = site, costs, clock, dice
        media = site.talking / site.pbxs * PACKETS * costs.packet / site.cores
        #: The share of each PBX's cores that audio takes.
        self.media = media
        slower = 1 / (1 - media) if media < 1 else math.inf

        def stations(name: str, count: int, cores: int, slower: float = 1.0) -> list[Station]:
            return [Station(name, clock, dice, cores, slower) for _ in range(count)]

        self.kamailios = stations("Kamailio", site.kamailios, site.cores)
        self.pbxs = stations("Asterisk", site.pbxs, site.cores, slower)
        self.servers = stations("server", site.servers, 1)
        self.redis = redis
        #: From the INVITE until the callee rings, without the network: seconds.
        self.setups: list[float] = []
        self._turn = itertools.count()

    def start(self) -> None:
        """Let calls and REGISTERs come, for ever."""
        self._come(self.site.calls, self._call)
        self._come(self.site.agents / REGISTERED, self._register)

    def _come(self, rate: float, what: Callable[[], None]) -> None:
        def comes() -> None:
            what()
            self.clock.after(self.dice.expovariate(rate), comes)

        self.clock.after(self.dice.expovariate(rate), comes)

    def _register(self) -> None:
        self.dice.choice(self.kamailios).visit(self.costs.register, lambda: None)

    def _call(self) -> None:
        began, number = self.clock.now, next(self._turn)
        pbx = self.pbxs[number % len(self.pbxs)]
        server = self.servers[number % len(self.servers)]
        kamailio = self.dice.choice(self.kamailios)
        talk = 0.0
        if self.dice.random() < self.site.answered:
            talk = self.dice.expovariate(1 / self.site.talk)
        go_on = iter(self._way(kamailio, pbx, server))

        def step() -> None:
            what = next(go_on, None)
            if what == "rings":
                self.setups.append(self.clock.now - began)
                self.clock.after(5 + talk, step)
            elif isinstance(what, tuple):
                station, mean = what
                station.visit(mean, step)

        step()

    def _way(
        self, kamailio: Station, pbx: Station, server: Station
    ) -> Iterator[tuple[Station, float] | str]:
        """Yield where a call goes and for how long, with six tenths of the work until it rings."""
        c = self.costs
        yield kamailio, 0.3 * c.kamailio  # INVITE, 401
        yield kamailio, 0.3 * c.kamailio  # INVITE with the login
        yield pbx, 0.3 * c.asterisk
        yield server, 0.5 * c.server
        yield pbx, 0.3 * c.asterisk
        yield "rings"
        yield kamailio, 0.4 * c.kamailio  # 200, ACK, BYE
        yield pbx, 0.4 * c.asterisk
        yield server, 0.5 * c.server
        yield self.redis, c.redis


def main() -> None:
    """Simulate and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulate", description=__doc__)
    for name in ("agents", "kamailios", "pbxs", "cores", "servers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Site, name))
    for name in ("calls", "answered", "talk"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Site, name))
    for name in ("asterisk", "server", "kamailio", "redis", "packet", "register"):
        parser.add_argument(f"--{name}-cpu", type=float, default=getattr(Costs, name))
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    given = vars(parser.parse_args())
    costs = Costs(**{name: given[f"{name}_cpu"] for name in Costs.__dataclass_fields__})
    site = Site(**{name: given[name] for name in Site.__dataclass_fields__})
    report(site, costs, given["sites"], given["seconds"], given["seed"])


def report(site: Site, costs: Costs, sites: int, seconds: float, seed: int) -> None:
    clock, dice = Clock(), random.Random(seed)
    redis = Station("Redis of records", clock, dice, 1)
    centres = [Centre(site, costs, clock, dice, redis) for _ in range(sites)]
    for centre in centres:
        centre.start()
    # Calls of the first seconds have not ended yet: what ends comes in full after the talks.
    clock.run(6 * site.talk)
    stations = [one for c in centres for one in (*c.kamailios, *c.pbxs, *c.servers)] + [redis]
    for station in stations:
        station.waits, station.busy = [], 0.0
    for centre in centres:
        centre.setups = []
    clock.run(clock.now + seconds)
    print(f"{sites} x {site}")
    print(f"{site.talking:.0f} calls up at a site; audio has {centres[0].media:.0%} of its PBXs\n")
    print("| part | load: arithmetic | simulated | mean wait: arithmetic | simulated | p99 |")
    print("|---|---:|---:|---:|---:|---:|")
    for told, one in expected(site, costs, sites, centres[0], redis):
        load, wait = told
        found = one.busy / seconds / one.cores
        waits = sorted(one.waits)
        mean, p99 = sum(waits) / len(waits), waits[int(0.99 * len(waits))]
        print(
            f"| {one.name} | {load:.1%} | {found:.1%} "
            f"| {1e3 * wait:.2f} ms | {1e3 * mean:.2f} ms | {1e3 * p99:.1f} ms |"
        )
    setups = sorted(one for centre in centres for one in centre.setups)
    p50, p99 = (1e3 * setups[int(share * len(setups))] for share in (0.5, 0.99))
    print(f"\nINVITE to ringing, without the network: p50 {p50:.0f} ms, p99 {p99:.0f} ms")


def expected(
    site: Site, costs: Costs, sites: int, centre: Centre, redis: Station
) -> Iterator[tuple[tuple[float, float], Station]]:
    """Yield what arithmetic says of a station of each kind, its load and mean wait."""
    registers = site.agents / REGISTERED / site.kamailios
    calls = site.calls / site.kamailios
    visits = 3 * calls + registers
    mean = (calls * costs.kamailio + registers * costs.register) / visits
    slower = centre.pbxs[0].slower
    rates = [
        (visits, mean, centre.kamailios[0]),
        (3 * site.calls / site.pbxs, costs.asterisk / 3 * slower, centre.pbxs[0]),
        (2 * site.calls / site.servers, costs.server / 2, centre.servers[0]),
        (sites * site.calls, costs.redis, redis),
    ]
    for rate, service, station in rates:
        load = rate * service / station.cores
        yield (load, mean_wait(rate, service, station.cores)), station


if __name__ == "__main__":
    main()
