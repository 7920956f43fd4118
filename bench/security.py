"""What security costs a call: seals and limits on and off, in turns: `make bench ARGS=security`.

The same PBX and server all the time.  Off is a dialplan and a server without a secret, and phones
without limits; both are switched while they run.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys

from bench.against import Cost, Version
from bench.calls import DIALPLAN, place
from bench.http_load import Target
from sandbox import astconf
from sandbox.asterisk import Asterisk
from sandbox.process import until
from sandbox.redis import LocalRedis
from sandbox.server import ACME, Server
from sandbox.tree import asterisk_tree
from sandbox.trunk import Trunk

RUNS = int(os.environ.get("C2D_RUNS", "9"))
RATE = 60
_FREE = {"calls_per_minute": None, "concurrent_calls": None}
_LIMITS = {True: ACME["limits"]["agent"], False: _FREE}


def main() -> None:
    """Measure and print a table."""
    with contextlib.ExitStack() as stack:
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        trunk = stack.enter_context(Trunk(trace=False))
        server = Server(redis.url)
        pbx = stack.enter_context(
            Asterisk(
                asterisk_tree(), include=DIALPLAN, c2d_agi=server.agi_url, trunk_port=trunk.port
            )
        )
        login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
        server.config["asterisk"] = {"ari_url": pbx.ari_url, **login}
        server.write(server.config)
        stack.enter_context(server)
        version = Version("now", pbx, server, Target(0, "", [], 200))
        costs: dict[bool, list[Cost]] = {False: [], True: []}
        for run in range(RUNS + 1):
            print(f"run {run} of {RUNS}" if run else "warming up", file=sys.stderr)
            for on in (False, True) if run % 2 else (True, False):
                _switch(pbx, server, on)
                cost = version.cost(_calls)
                if run:
                    costs[on].append(cost)
    print("| CPU of a call | without | with | of without, paired |\n|---|---:|---:|---:|")
    for place_, who in enumerate(("Asterisk", "server", "both")):
        off, on_ = ([cost[place_] for cost in costs[one]] for one in (False, True))
        ratio = statistics.median(b / a for a, b in zip(off, on_, strict=True))
        times = " | ".join(f"{statistics.median(one) * 1e3:.3f} ms" for one in (off, on_))
        print(f"| {who} | {times} | {ratio:.3f} |")


def _switch(pbx: Asterisk, server: Server, on: bool) -> None:
    """Switch seals and limits on or off."""
    server.config["agi"]["secret"] = astconf.SECRET if on else None
    server.config["integrators"][0]["limits"] = {"agent": _LIMITS[on]}
    server.write(server.config)
    told = server.log().count("configuration reloaded")
    server.reload()
    until(lambda: server.log().count("configuration reloaded") > told, 10, "the reload")
    secret = astconf.SECRET if on else '""'
    pbx.cli(f"dialplan set global C2D_SECRET {secret}")


def _calls(version: Version) -> int:
    result = place(version.pbx, "1000", RATE)
    if set(result.statuses) != {200}:
        raise RuntimeError(f"{dict(result.statuses)}")
    return len(result.calls)


if __name__ == "__main__":
    main()
