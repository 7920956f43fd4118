"""What the runs of all cells showed: lines to read while they go on, and the table of the docs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.e2e.matrix.cells import Cell, Move, Origin, Target
from tests.e2e.matrix.play import Result


def table(results: Iterable[Result]) -> str:
    """Return the Markdown table of docs/transfers.md: a row for each move and target."""
    by_cell: dict[Cell, list[Result]] = {}
    for result in results:
        by_cell.setdefault(result.cell, []).append(result)
    rows: list[tuple[Move, Target]] = []
    for cell in by_cell:
        if (cell.move, cell.target) not in rows:
            rows.append((cell.move, cell.target))
    lines = [
        f"| what happens | to | {' | '.join(Origin)} |",
        f"|---|---|{'---|' * len(Origin)}",
    ]
    for move, target in rows:
        cells = [by_cell.get(Cell(origin, move, target), []) for origin in Origin]
        lines.append(f"| {move} | {target} | {' | '.join(map(_entry, cells))} |")
    return "\n".join(lines)


def _entry(results: list[Result]) -> str:
    """Return how many runs were right, and who is named by the records."""
    if not results:
        return ""
    right = [result for result in results if not result.problems]
    named = Counter(result.named for result in right)
    who = f": {named.most_common(1)[0][0]}" if named else ""
    count = f"{len(right)}/{len(results)}"
    return f"{count}{who}" if len(right) == len(results) else f"**{count}**{who}"


def summary(results: Iterable[Result]) -> str:
    """Return how many cells and runs there were, and how many were wrong."""
    all_results = list(results)
    cells = {result.cell for result in all_results}
    wrong = [result for result in all_results if result.problems]
    wrong_cells = {result.cell for result in wrong}
    return (
        f"{len(cells)} cells, {len(all_results)} runs: "
        f"{len(wrong)} runs wrong, of {len(wrong_cells)} cells"
    )
