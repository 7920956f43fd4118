"""FastAGI sessions per second: our real server beside the limit and two peers.

The load gives each session a call_ref of its own and can seal none, so no seal is asked for.
`python -m bench.agi`
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench import yardstick
from sandbox.redis import LocalRedis
from sandbox.server import UNSEALED, Server

SESSIONS = 40_000
PEER_SESSIONS = 8_000

_REF = "?call_ref=00000000-0000-4000-8000-000000000000&dialed_at=1795444038"
OUTBOUND = (
    f"{_REF}&channel=PJSIP%2F1000-00000001&agent=&callee=0820000100"
    "&teleforge_outbound_id=27820001234&teleforge_contact_ref=client-4711"
    "&platforma_outbound_id=&platforma_contact_ref=&platforma_early_ref="
)
ENDED = (
    f"{_REF}&integrator=acme&extension=1000&number=0820000100&dial_number=27820001234"
    "&contact_ref=client-4711&call_dir=outbound"
    "&dialstatus=ANSWER&hangup_cause=16&ended_at=1795444099&ended_by=callee"
)


def main() -> None:
    """Measure and print a table."""
    with contextlib.ExitStack() as stack:
        where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c2d-bench-")))
        agiload, noop = yardstick.build(where)
        redis = LocalRedis()
        stack.callback(redis.close)
        redis.start()
        server = stack.enter_context(Server(redis.url, agi=UNSEALED))

        rate = partial(yardstick.sessions_per_second, agiload)
        start = partial(yardstick.start_peer, stack, where)
        limit = start(noop, "{port}", "1")
        limit4 = start(noop, "{port}", "4")
        pystrix = start(sys.executable, yardstick.FOLDER / "peer_pystrix.py", "{port}")
        panoramisk = start(sys.executable, yardstick.FOLDER / "peer_panoramisk.py", "{port}", "uv")
        found = yardstick.alternate(
            [
                ("limit, 1 command", lambda: rate(limit, "outbound", SESSIONS)),
                ("`outbound`", lambda: rate(server.port, f"outbound{OUTBOUND}", SESSIONS)),
                (
                    "`ended`, Redis push included",
                    partial(rate, server.port, f"ended{ENDED}", SESSIONS),
                ),
                ("limit, 4 commands", lambda: rate(limit4, "outbound", SESSIONS)),
                (
                    "panoramisk, 4 commands, uvloop",
                    partial(rate, panoramisk, "outbound", PEER_SESSIONS),
                ),
                ("pystrix's server, 4 commands", partial(rate, pystrix, "outbound", PEER_SESSIONS)),
            ]
        )
    base, peer_rate = found["limit, 1 command"], found["pystrix's server, 4 commands"]
    print("\n| server | sessions/s | of the limit | times pystrix's server |\n|---|---:|---:|---:|")
    for name, value in found.items():
        print(f"| {name} | {value:,.0f} | {value / base:.2f} | {value / peer_rate:.1f} |")


if __name__ == "__main__":
    main()
