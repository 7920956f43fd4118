"""The plan ``teleforge`` is docs/contract.md to the letter."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.numbering import TELEFORGE, ExtensionForm, Misread, Number, Teleforge
from tests.domain.numbering import old_rules
from tests.domain.test_calls import AGENT, CALLEE_NUMBER, OUTBOUND_ID

FORMATTED = Teleforge(formatted=True)

texts = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\A\+?[0-9]{0,18}\Z"),
    st.from_regex(r"\A(?:0|27|00|0027)[0-9]{8,14}\n?\Z"),
    st.text(st.characters(categories=["Nd"]), min_size=3, max_size=17),
)


@given(texts)
def test_it_takes_what_the_rules_without_a_plan_take(text: str) -> None:
    assert isinstance(TELEFORGE.read(text), Number) == old_rules.is_number(text)
    assert isinstance(TELEFORGE.read_caller_id(text), Number) == old_rules.is_outbound_number(text)
    assert TELEFORGE.is_extension(text) == old_rules.is_extension(text)
    read = TELEFORGE.read_trunk(text)
    assert (read.recorded if read else "") == old_rules.read_trunk_number(
        re.sub("[-.()]", "", text)
    )


@given(texts)
def test_a_number_is_dialled_shown_and_recorded_as_it_came(text: str) -> None:
    number = TELEFORGE.read(text)
    if isinstance(number, Number):
        assert {number.dialled, number.shown, number.recorded} == {text}
        assert number.abroad == text.startswith("00")
        if not number.abroad:
            assert number.e164 == old_rules.same_number(text)


@given(st.from_regex(r"\A[0-9]{9}\Z"))
@pytest.mark.case("T18")
def test_every_writing_of_a_number_is_one(rest: str) -> None:
    written = [f"27{rest}", f"0027{rest}", *([] if rest[0] == "0" else [f"0{rest}"])]
    for read in (TELEFORGE.read, TELEFORGE.read_trunk, FORMATTED.read):
        for text in written:
            number = read(text)
            assert isinstance(number, Number)
            assert number.e164 == f"27{rest}"
    from_trunk = TELEFORGE.read_trunk(f"+27{rest}")
    assert from_trunk
    assert from_trunk.e164 == f"27{rest}"


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("082", "2782"),
        ("2782", "2782"),
        ("002782", "2782"),
        ("+2782", "2782"),
        ("0044", "44"),
        ("0", "27"),
        ("00", ""),
    ],
)
def test_every_writing_of_a_prefix_is_one(text: str, prefix: str) -> None:
    assert TELEFORGE.read_prefix(text) == prefix


@pytest.mark.parametrize("text", ["", "+", "1" * 16, "08a", "\u0660", "082\n"])
def test_no_prefix(text: str) -> None:
    assert isinstance(TELEFORGE.read_prefix(text), Misread)


def test_its_texts_are_the_ones_that_clients_know() -> None:
    misread = TELEFORGE.read("!")
    assert isinstance(misread, Misread)
    assert f"agent: {TELEFORGE.explain(misread, extensions=True)}" == AGENT
    assert f"callee: {TELEFORGE.explain(misread, extensions=False)}" == CALLEE_NUMBER
    assert f"outbound_id: {TELEFORGE.explain_caller_id(misread)}" == OUTBOUND_ID


def test_a_longer_extension_is_told_where_there_is_one() -> None:
    plan = Teleforge(extensions=ExtensionForm.of([5]))
    assert plan.is_extension("20000")
    assert plan.explain(Misread(), extensions=True).startswith("3-5 digits, 10 digits")


@pytest.mark.case("C14")
class TestFormatted:
    @pytest.mark.parametrize(
        ("text", "dialled"),
        [
            ("082 000 1234", "0820001234"),
            ("(082) 000-1234", "0820001234"),
            ("082.000.1234", "0820001234"),
            ("082/0001234", "0820001234"),
            ("082\u00a0000\u202f1234", "0820001234"),
            ("082\u2011000\u20131234", "0820001234"),
            ("\u202a+27 82 000 1234\u202c", "27820001234"),
            ("+27820001234", "27820001234"),
            ("+27 82 000 1234", "27820001234"),
            ("(+27) 82 000 1234", "27820001234"),
            ("+27 (0)82 000 1234", "27820001234"),
            ("%2B27%2082%20000%201234", "27820001234"),
            ("tel:+27-82-000-1234", "27820001234"),
            ("TEL:+27820001234;ext=12", "27820001234"),
            ("tel:0820001234;phone-context=+27", "27820001234"),
            ("tel:820001234;phone-context=+27", "27820001234"),
            ("tel:0820001234;phone-context=example.com", "0820001234"),
            ("27 82 000 1234", "27820001234"),
            ("00 27 82 000 1234", "0027820001234"),
            ("0027 (0)82 000 1234", "0027820001234"),
            ("+44 20 7031 3000", "00442070313000"),
            ("00 44 20 7031 3000", "00442070313000"),
        ],
    )
    def test_it_reads_what_people_write(self, text: str, dialled: str) -> None:
        number = FORMATTED.read(text)
        assert isinstance(number, Number)
        assert number.dialled == dialled
        assert number == TELEFORGE.read(dialled)
        assert isinstance(TELEFORGE.read(text), Misread)

    @pytest.mark.parametrize(
        ("text", "understood"),
        [
            ("82 000 1234", "understood: 9 digits"),
            ("1", "understood: 1 digit"),
            ("+27 82 000 123", "understood: 10 digits after +"),
            ("021 555 1234/5", "one number only: one or two digits after a slash"),
            ("\uff10\uff18\uff12 000 1234", "only digits 0-9"),
            ("082 000 1234\n", "only digits 0-9"),
            ("082000123a", "only digits 0-9"),
            ("0+27820001234", "one + only"),
            ("", "no digits"),
        ],
    )
    def test_what_it_does_not_take_it_explains(self, text: str, understood: str) -> None:
        misread = FORMATTED.read(text)
        assert isinstance(misread, Misread)
        told = FORMATTED.explain(misread, extensions=False)
        assert told.startswith(f"{TELEFORGE.numbers_allowed}; {understood}")

    @given(texts)
    def test_what_was_accepted_without_means_the_same(self, text: str) -> None:
        if isinstance(number := TELEFORGE.read(text), Number):
            assert FORMATTED.read(text) == number

    def test_a_caller_id_is_a_national_number(self) -> None:
        number = FORMATTED.read_caller_id("+27 82 000 1234")
        assert isinstance(number, Number)
        assert number.shown == "27820001234"
        assert isinstance(FORMATTED.read_caller_id("+44 20 7031 3000"), Misread)


def test_random_draws_from_the_whole_pool() -> None:
    pool = [TELEFORGE.read_caller_id(f"2782000123{digit}") for digit in range(4)]
    known = [one for one in pool if isinstance(one, Number)]
    drawn = {TELEFORGE.draw(known, known[0], date(2026, 1, 1)).shown for _ in range(400)}
    assert len(drawn) == 4
