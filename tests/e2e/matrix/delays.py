"""Look for races: `python -m tests.e2e.matrix.delays -k "early" click2dial-agent-left`.

What a busy machine does once in a thousand calls is done each time: before each step of some
contexts of the dialplan in turn the thread that runs it is held up, while all others go on.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.office import DIALPLAN, Office
from sandbox.tree import asterisk_tree
from tests.e2e.matrix.cells import CELLS, Cell
from tests.e2e.matrix.play import Result, Stage
from tests.e2e.telephony.steps import steps
from tests.e2e.telephony.test_walks import ONCE_WRONG, ONCE_WRONG_THROUGH
from tests.e2e.telephony.walk import play as walk

#: What runs while somebody leaves, or takes another's place.
CONTEXTS = (
    *("click2dial-agent-left", "click2dial-remains", "click2dial-client", "click2dial-mark"),
    *("click2dial-who", "click2dial-leg-end", "click2dial-inbound-end", "click2dial-end"),
    *("click2dial-agent-joined", "click2dial-answered", "click2dial-sent", "click2dial-handed"),
)
SECONDS = 0.4

_CONTEXT = re.compile(r"\[([a-z0-9-]+)\]")
_STEP = re.compile(r"(exten => [^,]+,1(?:\([a-z]+\))?,| same => n(?:\([a-z]+\))?,)(.*)")


def held_up(dialplan: str, contexts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Return for each step its place, as context and line, and the dialplan that waits there."""
    lines, context = dialplan.splitlines(), ""
    for number, line in enumerate(lines):
        if found := _CONTEXT.match(line):
            context = found[1]
        step = _STEP.fullmatch(line)
        if step is None or context not in contexts:
            continue
        # Once on each channel: what asks again and again would take minutes.
        wait = (
            f'{step[1]}GotoIf($["${{C2D_HELD}}" = "${{UNIQUEID}}"]?$[${{PRIORITY}} + 2])',
            f" same => n,Set(C2D_HELD=${{UNIQUEID}}${{SHELL(sleep {SECONDS})}})",
        )
        changed = [*lines[:number], *wait, f" same => n,{step[2]}", *lines[number + 1 :]]
        yield f"{context}:{number + 1}", "\n".join(changed) + "\n"


async def _play(office: Office, cells: list[Cell]) -> list[Result]:
    stage = Stage(office)
    return list(await asyncio.gather(*map(stage.play, cells)))


async def _walk(office: Office) -> list[list[str]]:
    """Walk what was wrong once, twice each; return what was wrong with each."""
    ways = [(way, "acme") for way in ONCE_WRONG] + [(way, "through") for way in ONCE_WRONG_THROUGH]
    return await asyncio.gather(
        *(
            walk(office, origin, steps(names), integrator=integrator)
            for (origin, names), integrator in ways * 2
        )
    )


def main() -> int:
    """Return 0 if all runs were right."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.matrix.delays", description=__doc__)
    parser.add_argument("-k", default="", metavar="WORDS", help="cells whose name has all words")
    parser.add_argument("--walks", action="store_true", help="those of tests/e2e/telephony, too")
    parser.add_argument("contexts", nargs="*", default=CONTEXTS, metavar="CONTEXT")
    options = parser.parse_args()
    cells = [cell for cell in CELLS if all(word in str(cell) for word in options.k.split())]
    wrong = 0
    for place, dialplan in held_up(DIALPLAN.read_text("utf-8"), tuple(options.contexts)):
        with tempfile.TemporaryDirectory(prefix="c2d-delays-") as directory:
            path = Path(directory, "click2dial.conf")
            path.write_text(dialplan, "utf-8")
            with Office(asterisk_tree(), dialplan=path) as office:
                results = office.loop.run(_play(office, cells))
                walks = office.loop.run(_walk(office)) if options.walks else []
        bad = [result for result in results if result.problems]
        lost = [problems for problems in walks if problems]
        wrong += len(bad) + len(lost)
        runs = len(results) + len(walks)
        print(f"{place}: {runs} runs, {len(bad) + len(lost)} wrong", flush=True)
        for result in bad:
            print(result.report(), "\n", flush=True)
        for problems in lost:
            print(*problems, "", sep="\n", flush=True)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
