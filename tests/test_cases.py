"""docs/cases.md and the marks of the tests say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)  # all tests are collected, by one more Python

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "docs" / "cases.md"

_ROW = re.compile(r"\| ([A-Z][0-9]+) \|.*")
_TEST = re.compile(r"`(tests/[^`]+)`")

# Writes all tests that there are, without their parameters, and the cases that they hold.
_COLLECT = """
import json, pathlib, sys, pytest

class Marks:
    def pytest_collection_finish(self, session):
        found = {}
        for item in session.items:
            name = item.nodeid.partition("[")[0]
            cases = found.setdefault(name, set())
            cases |= {mark.args[0] for mark in item.iter_markers("case")}
        text = json.dumps({name: sorted(cases) for name, cases in found.items()})
        pathlib.Path(sys.argv[1]).write_text(text)

sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests"], [Marks()]))
"""


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The cases of every test there is, by its name as docs/cases.md writes it."""
    path = tmp_path_factory.mktemp("marks") / "marks.json"
    argv = [sys.executable, "-c", _COLLECT, str(path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, list[str]] = json.loads(path.read_text())
    return found


def rows() -> Iterator[tuple[str, list[str]]]:
    """Yield each case's id, and the tests or files that its row names."""
    for line in BOOK.read_text("utf-8").splitlines():
        if match := _ROW.fullmatch(line):
            yield match[1], _TEST.findall(line)


@pytest.mark.slow
def test_each_test_that_is_named_exists_and_holds_the_case(marked: dict[str, list[str]]) -> None:
    wrong = [
        f"{case}: {test}"
        for case, tests in rows()
        for test in tests
        if not any(
            case in cases
            for name, cases in marked.items()
            if name == test or name.startswith(f"{test}::")
        )
    ]
    assert wrong == []


@pytest.mark.slow
def test_each_case_that_is_marked_has_its_row(marked: dict[str, list[str]]) -> None:
    held = {case for cases in marked.values() for case in cases}
    told = {case for case, tests in rows() if tests}
    assert held == told


def test_each_case_is_found_by_its_mark() -> None:
    """As docs/cases.md tells to look for it."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert [case for case, tests in rows() if tests and f'case("{case}")' not in sources] == []
