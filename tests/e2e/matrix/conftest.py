"""One office for all cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office


@pytest.fixture(scope="session")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree) as office:
        yield office
