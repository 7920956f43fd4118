"""docs/numbers.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from click2dial_agi.domain.numbering import (
    Kind,
    Misread,
    Number,
    NumberFormat,
    NumberPlan,
    Teleforge,
    country_plan,
)

PAGE = (Path(__file__).parents[3] / "docs" / "numbers.md").read_text("utf-8")


def table(name: str) -> list[list[str]]:
    """Return the rows of the table that follows a comment of that name."""
    _, _, rest = PAGE.partition(f"<!-- {name} -->\n")
    lines = re.match(r"(?:\|.*\n)+", rest)
    assert lines, name
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in lines[0].splitlines()[2:]
    ]


def read(plan: NumberPlan, text: str) -> Number:
    number = plan.read(text)
    assert isinstance(number, Number), text
    return number


def test_what_people_write() -> None:
    for name, plan in (("teleforge", Teleforge(formatted=True)), ("GB", country_plan("GB"))):
        rows = table(name)
        assert len(rows) > 5
        for written, dialled in rows:
            assert read(plan, written).dialled == dialled


def test_what_is_missing() -> None:
    rows = table("errors")
    assert len(rows) > 3
    for country, written, error in rows:
        misread = country_plan(country).read(written)
        assert isinstance(misread, Misread)
        assert misread.detail == error


def test_formats() -> None:
    for form in NumberFormat:
        row = re.search(rf"^\| `{form}` \| (\S+) \| (\d+|\+\d+)", PAGE, re.MULTILINE)
        assert row
        plan = country_plan("GB", dial_format=form)
        assert read(plan, "020 7031 3000").dialled == row[1]
        assert read(plan, "+27 82 000 1234").dialled == row[2]
    american = country_plan("US", dial_format=NumberFormat.NATIONAL)
    assert f"from US: {read(american, '+27 82 000 1234').dialled}" in PAGE


def test_each_kind_is_told() -> None:
    for kind in Kind:
        assert f"`{kind}`" in PAGE or kind is Kind.FIXED_OR_MOBILE
