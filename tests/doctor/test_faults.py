"""What doctor knows: each kind of finding says how to mend it, is documented, and has its test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FILE = Path(__file__)
ROOT = FILE.parents[2]
DOCTOR = ROOT / "click2dial_agi/app/doctor"
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
FAULTS = OPERATIONS.partition("\n## Faults\n")[2].partition("\n## ")[0]
ROWS = [line.split("|")[1:-1] for line in FAULTS.splitlines() if line.startswith("| ")][1:]


def findings() -> Iterator[tuple[ast.Call, Path]]:
    """Yield each place where a Finding is made."""
    for path in sorted(DOCTOR.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Finding")):
                    yield node, path


def kinds(call: ast.Call) -> list[str]:
    """Return the kinds that a Finding may be of."""
    constants = [one.value for one in ast.walk(call.args[1]) if isinstance(one, ast.Constant)]
    return [str(one) for one in constants if re.fullmatch(r"[a-z]+(-[a-z]+)+", str(one))]


def is_note(call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Attribute) and call.args[0].attr == "NOTE"


def test_what_is_wrong_comes_with_the_command_that_mends_it() -> None:
    without = [
        f"{path.name}:{call.lineno}"
        for call, path in findings()
        if not is_note(call) and len(call.args) < 5 and not isinstance(call.args[-1], ast.Starred)
    ]
    assert without == []


def test_thirty_kinds_are_known_and_each_is_tested() -> None:
    known = {kind for call, _ in findings() if not is_note(call) for kind in kinds(call)}
    tests = "".join(
        path.read_text("utf-8") for path in ROOT.glob("tests/doctor/test_*.py") if path != FILE
    )
    assert len(known) >= 30
    assert {kind for kind in known if f'"{kind}"' not in tests} == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_each_fault_in_the_book_names_a_test_that_there_is(row: list[str]) -> None:
    assert len(row) == 5
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row[-1])
    assert named
    for path, name in named:
        text = (ROOT / path).read_text("utf-8")
        assert f"def {name}" in text


def test_the_book_has_thirty_faults() -> None:
    assert len(ROWS) >= 30
