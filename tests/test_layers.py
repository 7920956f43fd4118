"""The package's shape: layers, names and sizes (docs/architecture.md)."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "click2dial_agi"
LAYERS = {"exceptions": 0, "agi": 0, "ami": 0, "domain": 1, "io": 2, "app": 3, "__main__": 3}
MAX_LINES = 400

#: What a protocol and its rules have no business with.
NOT_PURE = ["asyncio", "fastapi", "httpx", "redis", "sqlite3", "starlette", "uvicorn", "uvloop"]
NOT_PURE += ["websockets", "yaml"]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PURE_ROOMS = ("exceptions", "agi", "ami", "domain")
PURE = [name for name in MODULES if name.split(".")[1:2] in [[room] for room in PURE_ROOMS]]
every_module = pytest.mark.parametrize("module", MODULES)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def layer(module: str) -> int:
    """Return the layer of a module; the package itself, which holds the version, is below all."""
    _, *inner = module.split(".")
    return LAYERS[inner[0]] if inner else -1


def imported(module: str) -> Iterator[str]:
    """Return the modules of ours that a module imports, in functions too."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def ours(module: str) -> frozenset[str]:
    return frozenset(name for name in imported(module) if name in MODULES)


def test_every_module_has_a_layer() -> None:
    assert len(MODULES) > 20
    assert {layer(module) for module in MODULES} == {-1, 0, 1, 2, 3}


@every_module
def test_imports_point_downward(module: str) -> None:
    above = {name for name in ours(module) if layer(name) > layer(module)}
    assert above == set()


def test_the_domain_knows_nothing_of_the_protocol() -> None:
    for module in MODULES:
        if layer(module) == 1:
            below = {name for name in ours(module) if layer(name) == 0}
            assert below <= {"click2dial_agi.exceptions"}, module


def test_no_imports_go_in_circles() -> None:
    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"{' -> '.join(path)} -> {module}"
        if module not in finished:
            for name in ours(module):
                visit(name, (*path, module))
            finished.add(module)

    finished: set[str] = set()
    for module in MODULES:
        visit(module, ())


#: Imports one module after the other, and names the first that loads what it has no business with.
_IMPORT_ALL = """
import importlib, sys
for module in {pure}:
    importlib.import_module(module)
    if found := {unwanted} & set(sys.modules):
        sys.exit(f"{{module}} loads {{found}}")
"""


def test_the_pure_layers_load_no_input_or_output() -> None:
    code = _IMPORT_ALL.format(pure=PURE, unwanted=set(NOT_PURE))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def defined(node: ast.AST) -> Iterator[str]:
    """Return the names that a statement of a module's top level binds."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


@every_module
def test_public_names_are_listed_and_listed_names_exist(module: str) -> None:
    names = {name for node in tree(module).body for name in defined(node)}
    public = {name for name in names if not name.startswith("_")}
    assert "__all__" in names or not public, f"{module} has no __all__"
    if "__all__" in names:
        loaded = importlib.import_module(module)
        assert len(set(loaded.__all__)) == len(loaded.__all__)
        assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []


@every_module
def test_a_file_stays_small(module: str) -> None:
    assert len(MODULES[module].read_text("utf-8").splitlines()) < MAX_LINES


@every_module
def test_no_star_imports(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names)


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.case("K5")
def test_what_is_tested_is_what_is_installed() -> None:
    """Sources, and nothing that a compiler makes of them: it gained nothing on another CPU."""
    with (PACKAGE.parent / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["build-system"]["requires"] == ["setuptools>=77"]
    suffixes = {path.suffix for path in PACKAGE.rglob("*") if "node_modules" not in path.parts}
    assert not suffixes & {".so", ".pyx", ".c", ".cpp"}
    assert importlib.import_module("click2dial_agi.domain.calls").__file__ == str(
        PACKAGE / "domain" / "calls.py"
    )
