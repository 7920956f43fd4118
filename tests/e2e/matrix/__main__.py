"""Play the matrix by hand: `python -m tests.e2e.matrix --runs 50 --table`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from sandbox.office import Office
from sandbox.tree import asterisk_tree
from tests.e2e.matrix.cells import CELLS, Cell
from tests.e2e.matrix.play import Result, Stage
from tests.e2e.matrix.report import summary, table


async def _play(office: Office, cells: list[Cell], runs: int) -> list[Result]:
    stage = Stage(office)
    results = []
    for playing in asyncio.as_completed([stage.play(c) for _ in range(runs) for c in cells]):
        result = await playing
        results.append(result)
        if result.problems:
            print(result.report(), "\n", flush=True)
    return results


def main() -> int:
    """Return 0 if all runs were right."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.matrix", description=__doc__)
    parser.add_argument("-k", default="", metavar="WORDS", help="cells whose name has all words")
    parser.add_argument("--runs", type=int, default=1, help="how often each is played (1)")
    parser.add_argument("--table", action="store_true", help="print the table of docs/transfers.md")
    parser.add_argument("--log", metavar="FILE", help="keep Asterisk's verbose log there")
    options = parser.parse_args()
    cells = [cell for cell in CELLS if all(word in str(cell) for word in options.k.split())]
    began = time.monotonic()
    with Office(asterisk_tree(), verbose=bool(options.log)) as office:
        results = office.loop.run(_play(office, cells, options.runs))
        left, spooled = office.loop.run(office.channels()), office.spooled()
        if options.log:
            with open(options.log, "w", encoding="utf-8") as file:
                file.write(office.pbx.log())
    order = {cell: number for number, cell in enumerate(CELLS)}
    results.sort(key=lambda result: order[result.cell])
    if options.table:
        print(table(results))
    print(f"{summary(results)}, in {time.monotonic() - began:.0f} s")
    print(f"channels left: {len(left)}, spooled: {len(spooled.splitlines())}")
    return int(any(result.problems for result in results) or bool(left) or bool(spooled))


if __name__ == "__main__":
    sys.exit(main())
