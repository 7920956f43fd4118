"""Documents: what they point at is there, and architecture.md's rooms are as it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from click2dial_agi.domain.names import Event, NotificationKind

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "click2dial_agi"
DIALPLAN = ROOT / "dialplan/click2dial.conf"
DOCS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "tests/README.md",
        ROOT / "bench/README.md",
        ROOT / "examples/README.md",
    ]
)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_ROOM = re.compile(r"`((?:agi|domain|io|app)/[\w/]+\.py)`((?:,? `\w+(?:\.\w+)?`)*)")


def headings(path: Path) -> set[str]:
    """Return the anchors of a document, as GitHub makes them."""
    lines = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", path.read_text("utf-8"))
    for target, anchor in _LINK.findall(text):
        found = (path.parent / target) if target else path
        assert found.exists(), target
        assert not anchor or anchor in headings(found), f"{target}#{anchor}"


def test_the_index_names_every_document() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    names = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert names == {target for target, _ in _LINK.findall(index)}


def _rooms() -> Iterator[tuple[str, list[str]]]:
    """Yield each module that a document names, with what it says is in it."""
    for name in ("docs/architecture.md", "docs/words.md", "CONTRIBUTING.md"):
        for module, names in _ROOM.findall((ROOT / name).read_text("utf-8")):
            yield module, re.findall(r"`([\w.]+)`", names)


ROOMS = sorted({(module, tuple(names)) for module, names in _rooms()})


@pytest.mark.parametrize(("module", "names"), ROOMS, ids=str)
def test_rooms_are_where_documents_say(module: str, names: tuple[str, ...]) -> None:
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {part for name in names for part in name.split(".")} <= defined


@pytest.mark.parametrize(
    ("name", "start", "named"),
    [
        ("docs/contract.md", "### ", [f"enigma:notifications:{one}" for one in NotificationKind]),
        ("docs/redis.md", "| `P:cdr`", [f"P:{one}" for one in NotificationKind]),
        ("docs/words.md", "| kind |", list(NotificationKind)),
        ("docs/words.md", "| event |", list(Event)),
        ("docs/metrics.md", "| `click2dial_agi_sessions_total{script}` |", list(Event)),
    ],
)
def test_each_kind_is_told_of(name: str, start: str, named: list[str]) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    told = " ".join(line for line in lines if line.startswith(start))
    assert [one for one in named if f"`{one}`" not in told] == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md", "docs/transfers.md"])
def test_the_contexts_that_a_document_names_are_in_the_dialplan(name: str) -> None:
    there = set(re.findall(r"^\[(click2dial-[\w-]+)\]", DIALPLAN.read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bclick2dial-[a-z][a-z-]*", (ROOT / name).read_text("utf-8")))
    assert named - {"click2dial-agi"} - there == set()
