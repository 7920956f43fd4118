"""The office of the matrix."""

from __future__ import annotations

from tests.e2e.matrix.conftest import office

__all__ = ["office"]
