"""The facts of a call as text."""

from __future__ import annotations

from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.agi import set_variables
from click2dial_agi.domain.facts import MAX_FACTS, decode, encode
from click2dial_agi.exceptions import MalformedFacts

names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
all_facts = st.dictionaries(names, st.text(min_size=1, max_size=40), max_size=20)


@given(all_facts)
def test_what_was_encoded_is_decoded(facts: dict[str, str]) -> None:
    assert decode(encode(facts)) == facts


@given(all_facts)
def test_encoded_facts_hold_nothing_that_the_dialplan_reads(facts: dict[str, str]) -> None:
    set_variables({"C2D_FACTS": encode(facts)})


@given(st.binary(max_size=100))
def test_any_bytes_of_a_phone_survive_or_become_the_replacement_character(data: bytes) -> None:
    assert decode(f"callee={quote_from_bytes(data, safe='')}") == {
        "callee": data.decode("utf-8", "replace")
    }


@given(st.text(st.sampled_from("%2F5fa/"), max_size=40))
def test_a_slash_read_ahead_of_the_other_escapes_makes_no_difference(value: str) -> None:
    assert decode(f"channel={value}") == {
        "channel": unquote_to_bytes(value).decode("utf-8", "replace")
    }


@given(st.text(st.one_of(st.characters(), st.sampled_from("%&=+")), max_size=300))
def test_any_text_is_facts_or_malformed(text: str) -> None:
    try:
        facts = decode(text)
    except MalformedFacts:
        return
    assert all(isinstance(value, str) for value in facts.values())


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1%262%3D3", {"a": "1&2=3"}),
        ("a=1+2", {"a": "1+2"}),
        ("a=%41%61%c3%a9%C3%A9", {"a": "Aaéé"}),
        ("a=%", {"a": "%"}),
        ("a=%zz", {"a": "%zz"}),
        ("a=%ff", {"a": "\ufffd"}),
        ("a=%00%0A", {"a": "\0\n"}),
    ],
)
def test_a_text_is_read(text: str, facts: dict[str, str]) -> None:
    assert decode(text) == facts


def test_empty_values_are_left_out() -> None:
    assert encode({"a": "", "b": "x y", "c": ""}) == "b=x%20y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1&b=2&a=3", "facts: each name once"),
        ("a=1&", "facts: name=value, joined by &"),
        ("&", "facts: name=value, joined by &"),
        ("a=1&b", "facts: name=value, joined by &"),
        ("&".join(f"n{number}=" for number in range(64)), None),
        ("&".join(f"n{number}=" for number in range(65)), "facts: at most 64 fields"),
        ("a=" + "x" * (MAX_FACTS - 2), None),
        ("a=" + "x" * (MAX_FACTS - 1), "facts: at most 8192 characters"),
    ],
)
def test_facts_are_bounded_and_unambiguous(text: str, message: str | None) -> None:
    if message is None:
        assert decode(text)
    else:
        with pytest.raises(MalformedFacts) as raised:
            decode(text)
        assert str(raised.value) == message


@given(st.text(alphabet="aZ09._~-/%+&= é\n", max_size=12) | st.text())
def test_a_value_is_written_as_a_url_has_it(value: str) -> None:
    try:
        written = quote(value, safe="")
    except UnicodeEncodeError:  # a lone surrogate, which no bytes become
        return
    assert encode({"name": value, "channel": "PJSIP/1000-0000000b"}) == "&".join(
        [*([f"name={written}"] if value else []), "channel=PJSIP%2F1000-0000000b"]
    )
