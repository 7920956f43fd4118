"""Every cell of the matrix; `-k phone-early-colleague` plays one."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from sandbox.office import Office
from tests.e2e.matrix.cells import CELLS, Cell
from tests.e2e.matrix.play import RUNS, Result, Stage


def _marked(cell: Cell) -> object:
    return pytest.param(cell, id=str(cell), marks=cell.cases)


@pytest.fixture(scope="module")
def playing(request: pytest.FixtureRequest, office: Office) -> dict[str, list[Future[Result]]]:
    """Start all cells that are chosen, so that they are played many at a time."""
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = [spec.params["cell"] for spec in specs if spec and "cell" in spec.params]
    stage = Stage(office)
    office.notifications.take(lambda one: True)  # of others' scenes
    return {
        str(cell): [office.loop.submit(stage.play(cell)) for _ in range(RUNS)] for cell in chosen
    }


@pytest.mark.timeout(900)
@pytest.mark.parametrize("cell", [_marked(cell) for cell in CELLS])
def test_cell(cell: Cell, playing: dict[str, list[Future[Result]]]) -> None:
    results = [future.result() for future in playing[str(cell)]]
    wrong = [result for result in results if result.problems]
    report = "\n\n".join(result.report() for result in wrong[:3])
    assert not wrong, f"{len(wrong)} of {len(results)} runs\n{report}"


def test_nothing_is_left(office: Office, playing: dict[str, list[Future[Result]]]) -> None:
    """When all cells have been played: no channel, no line in the spool, no record too many."""
    results = [future.result() for futures in playing.values() for future in futures]
    assert office.loop.run(office.channels()) == []
    assert office.spooled() == ""
    if not any(result.problems for result in results):
        assert office.notifications.untaken == []
