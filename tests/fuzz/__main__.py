"""`python -m tests.fuzz [TARGET ...]`: each target for FUZZ_SECONDS seconds (600)."""

from __future__ import annotations

import os
import random
import sys
import time

import uvloop

from tests.fuzz.agi_door import fuzz_agi
from tests.fuzz.doors import fuzz_edge, fuzz_http

TARGETS = {"agi": fuzz_agi, "http": fuzz_http, "edge": fuzz_edge}


def main() -> None:
    """Fuzz; the seed that is printed makes the same bytes again (FUZZ_SEED)."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "600"))
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
    for name in sys.argv[1:] or TARGETS:
        print(f"{name}: {seconds:g} s, seed {seed}", flush=True)
        began = time.monotonic()
        sent = uvloop.run(TARGETS[name](random.Random(seed), seconds))
        print(f"{name}: {sent} executions in {time.monotonic() - began:.0f} s, 0 findings")


if __name__ == "__main__":
    main()
