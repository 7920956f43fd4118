"""Lists of numbers and beginnings of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.numbering import TELEFORGE, Number, country_plan
from click2dial_agi.domain.numbering.lists import NumberList, WrongEntry, overlapping
from tests.domain.numbering import old_rules

GB = country_plan("GB")

LONDON = ["+442070313000", "00442070313000", "02070313000", "442070313000", "020 7031 3000"]

home = st.from_regex(r"\A(?:27|0)[1-9][0-9]{8}\Z")
prefixes = st.from_regex(r"\A(?:27|0)[1-9][0-9]{0,3}\*\Z")


@pytest.mark.case("T18")
@pytest.mark.parametrize("written", [*LONDON, "020*", "+44 20*", "4420*", "+4420703130*"])
def test_one_number_however_it_is_written(written: str) -> None:
    listed = NumberList.dids(GB, [written])
    for text in LONDON:
        number = GB.read(text)
        assert isinstance(number, Number)
        assert listed.covers(number.e164)
    assert not listed.covers("442170313000")
    assert not listed.covers("44")


@given(st.lists(home | prefixes, max_size=4), home)
def test_it_covers_what_the_rules_without_a_plan_cover(entries: list[str], number: str) -> None:
    listed = NumberList.dids(TELEFORGE, entries)
    read = TELEFORGE.read(number)
    assert isinstance(read, Number)
    old = [old_rules.same_number(entry) for entry in entries]
    assert listed.covers(read.e164) == old_rules.covers(old, number)
    assert bool(listed) == bool(entries)


@given(home | prefixes, home | prefixes)
def test_two_lists_overlap_where_a_number_could_be_in_both(one: str, other: str) -> None:
    found = overlapping(NumberList.dids(TELEFORGE, [one]), NumberList.dids(TELEFORGE, [other]))
    old = old_rules.overlap(old_rules.same_number(one), old_rules.same_number(other))
    assert found == ((one, other) if old else None)


def test_a_did_may_be_written_in_a_way_of_the_trunks_own() -> None:
    assert NumberList.dids(TELEFORGE, ["112"]).covers("112")
    assert NumberList.dids(GB, ["4711"]).covers("4711")
    assert NumberList.dids(TELEFORGE, ["00*"]).covers("442070313000")


@pytest.mark.parametrize("entry", ["", "*", "12", "1" * 17, "abc", "08a*", "082\n", "\u0660" * 10])
def test_a_wrong_entry_says_what_is_right(entry: str) -> None:
    for plan in (TELEFORGE, GB):
        with pytest.raises(ValueError, match="a quoted number, or the start of one"):
            NumberList.dids(plan, [entry])


def test_a_caller_id_is_a_number_that_may_be_shown() -> None:
    assert NumberList.owned(TELEFORGE, ["+27 82 000 1234"]).covers("27820001234")
    for plan, entries in ((TELEFORGE, ["2782*", "00442070313000"]), (GB, ["+44*", "4711"])):
        with pytest.raises(WrongEntry) as raised:
            NumberList.owned(plan, entries)
        assert raised.value.index == 1
