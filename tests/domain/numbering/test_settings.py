"""What an integrator's configuration says of numbers."""

from __future__ import annotations

from typing import Any

import pytest

from click2dial_agi.domain.config_problems import WrongKey
from click2dial_agi.domain.numbering import TELEFORGE, Number, country_plan
from click2dial_agi.domain.numbering.settings import read_settings

GB = country_plan("GB")


def number(text: str) -> Number:
    read = GB.read(text)
    assert isinstance(read, Number)
    return read


def test_all_is_read_by_the_plan() -> None:
    settings = read_settings(
        GB,
        owned=["020*", "+27 82*"],
        pool=["020 7031 3000", "+27 82 000 1234"],
        verified={"spring": "0161 496 0000"},
        dids=["+44 20 7031 3000"],
        international=("27",),
        deny=["premium"],
    )
    assert settings.plan is GB
    assert settings.owns(number("020 7946 0999"))
    assert not settings.owns(number("0161 496 0000"))
    assert [one.e164 for one in settings.pool] == ["442070313000", "27820001234"]
    assert settings.verified["spring"] == number("0161 496 0000")
    assert settings.dids.covers("442070313000")
    assert not settings.destinations.judge(number("0900 123 4567")).allowed
    assert not settings.destinations.judge(number("+1 212 555 0100")).allowed


def test_without_a_list_any_number_may_be_shown() -> None:
    assert read_settings(GB).owns(number("020 7946 0999"))
    assert not read_settings(GB, owned=["0161*"]).owns(number("020 7946 0999"))


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        ({"owned": ["020*", "x"]}, "caller_ids.owned[1]", "a quoted number, or the start of one"),
        ({"pool": ["7031 3000"]}, "caller_ids.random[0]", "a quoted number: the area code is"),
        ({"verified": {"a": "1"}}, "caller_ids.verified.a", "a quoted number: too short"),
        ({"dids": ["12"]}, "dids[0]", "a quoted number, or the start of one"),
        ({"allow": ["cheap"]}, "destinations.allow[0]", "a quoted number, the start of one"),
        ({"deny": ["mobile", "+"]}, "destinations.deny[1]", "a quoted number, the start of one"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    given: dict[str, Any], key: str, expected: str
) -> None:
    with pytest.raises(WrongKey) as raised:
        read_settings(GB, **given)
    assert raised.value.key == key
    assert raised.value.expected.startswith(expected)


def test_the_contracts_words_for_country_codes() -> None:
    abroad = TELEFORGE.read("00442070313000")
    assert isinstance(abroad, Number)
    judged = read_settings(TELEFORGE, international=("27",)).destinations.judge(abroad)
    assert judged.allowed_text == "allowed country codes after 00: 27"
    judged = read_settings(GB, international=("44",)).destinations.judge(number("+27 82 000 1234"))
    assert judged.allowed_text == "allowed country codes: 44"


FR = country_plan("FR")
FRENCH = "ARCEP's decision 2022-1583"


@pytest.mark.parametrize(
    ("given", "forbidden"),
    [
        ({"pool": ["06 12 34 56 78", "01 23 45 67 89"]}, [("33612345678", FRENCH)]),
        ({"verified": {"a": "+33 7 51 23 45 67"}}, [("33751234567", FRENCH)]),
        ({"default_outbound_id": "+33 6 12 34 56 78"}, [("33612345678", FRENCH)]),
        ({"owned": ["06*", "+33 7*", "01*", "+33*"]}, [("06*", FRENCH), ("+33 7*", FRENCH)]),
        (
            {"owned": ["+34 612 34 56 78", "+34 9*"]},
            [("+34 612 34 56 78", "Orden TDF/149/2025, article 9")],
        ),
        ({"pool": ["+27 82 000 1234", "+44 7911 123456", "+1 201 555 0123"]}, []),
        ({"owned": ["06*"], "pool": ["06 12 34 56 78"], "default_outbound_id": "random"}, None),
    ],
)
def test_mobile_caller_ids_where_their_country_forbids_them(
    given: dict[str, Any], forbidden: list[tuple[str, str]] | None
) -> None:
    found = list(read_settings(FR, **given).forbidden())
    assert found == ([("33612345678", FRENCH), ("06*", FRENCH)] if forbidden is None else forbidden)
