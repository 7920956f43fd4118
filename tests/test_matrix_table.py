"""docs/transfers.md shows all cells of the matrix of transfers, and no others."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.matrix.cells import CELLS, Cell, Move, Origin, Target

DOCS = Path(__file__).parents[1] / "docs" / "transfers.md"


def shown() -> set[Cell]:
    rows = [line.split("|")[1:-1] for line in DOCS.read_text("utf-8").splitlines() if "/50" in line]
    return {
        Cell(origin, Move(move.strip()), Target(target.strip()))
        for move, target, *entries in rows
        for origin, entry in zip(Origin, entries, strict=True)
        if entry.strip()
    }


def test_the_table_shows_what_is_played() -> None:
    assert shown() == set(CELLS)
    assert f"plays {len(CELLS)} cells" in DOCS.read_text("utf-8")
