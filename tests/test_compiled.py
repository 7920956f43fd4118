"""What setup.py compiles, and that `make test-compiled` tests it (docs/architecture.md)."""

from __future__ import annotations

import ast
import importlib
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What a compiled class may inherit from: these mypyc leaves to Python.  Over the fields of any
#: other class from outside it lays its own.
SAFE_BASES = {"NamedTuple", "Enum", "IntEnum", "StrEnum"}


def compiled_modules() -> list[str]:
    """Return the paths that setup.py names, without running it."""
    for node in ast.parse((ROOT / "setup.py").read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="MODULES")], value=ast.Constant(value=str(names))):
                return [f"click2dial_agi/{name}" for name in names.split()]
    raise AssertionError("setup.py has no MODULES")


@pytest.mark.parametrize("module", compiled_modules())
def test_no_class_inherits_from_one_with_fields_of_its_own(module: str) -> None:
    for node in ast.walk(ast.parse((ROOT / f"{module}.py").read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            assert {ast.unparse(base) for base in node.bases} <= SAFE_BASES, node.name


@pytest.mark.parametrize("module", compiled_modules())
def test_what_is_tested(module: str) -> None:
    file = importlib.import_module(module.replace("/", ".")).__file__
    assert file is not None
    assert file.endswith(".so" if "C2D_TEST_COMPILED" in os.environ else ".py")
