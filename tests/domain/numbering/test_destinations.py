"""Where calls may go (docs/numbers.md)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.numbering import (
    TELEFORGE,
    Kind,
    Number,
    NumberPlan,
    country_plan,
    destination_policy,
    kind_of,
)

ZA = country_plan("ZA")
GB = country_plan("GB")


def number(text: str, plan: NumberPlan = TELEFORGE) -> Number:
    read = plan.read(text)
    assert isinstance(read, Number)
    return read


def allowed(
    text: str,
    *,
    plan: NumberPlan = TELEFORGE,
    international: tuple[str, ...] | str | None = "all",
    allow: Sequence[str] = (),
    deny: Sequence[str] = (),
) -> bool:
    policy = destination_policy(plan, international=international, allow=allow, deny=deny)
    verdict = policy.judge(number(text, plan))
    assert bool(verdict.allowed_text) == (not verdict.allowed)
    return verdict.allowed


@pytest.mark.parametrize(
    ("e164", "kind"),
    [
        ("27820001234", Kind.MOBILE),
        ("27110001234", Kind.FIXED),
        ("27900123456", Kind.PREMIUM),
        ("27860123456", Kind.SHARED_COST),
        ("27800123456", Kind.TOLL_FREE),
        ("12015550123", Kind.FIXED_OR_MOBILE),
        ("881612345678", Kind.SATELLITE),
        ("870773111632", Kind.SATELLITE),
        ("979123456789", Kind.PREMIUM),
        ("80812345678", Kind.SHARED_COST),
        ("999", Kind.UNKNOWN),
        ("27000000000", Kind.UNKNOWN),
        ("", Kind.UNKNOWN),
    ],
)
def test_a_kind_is_what_libphonenumber_says(e164: str, kind: Kind) -> None:
    assert kind_of(e164) is kind


class TestInternational:
    @pytest.mark.parametrize(
        ("international", "callee", "expected"),
        [
            ("all", "0044123456789", True),
            (("44",), "0044123456789", True),
            (("27",), "0044123456789", False),
            ((), "0044123456789", False),
            ((), "0820000100", True),
            ((), "27820000100", True),
            (("27",), "0012345678", False),
            (("27",), "0027820000100", True),
            (None, "0044123456789", True),
        ],
    )
    def test_it_holds_for_what_is_abroad(
        self, international: tuple[str, ...] | str | None, callee: str, expected: bool
    ) -> None:
        assert allowed(callee, international=international) == expected

    def test_the_error_lists_the_codes(self) -> None:
        policy = destination_policy(
            TELEFORGE,
            international=("27", "1"),
        )
        verdict = policy.judge(number("0044123456789"))
        assert verdict.allowed_text == "allowed country codes after 00: 27, 1"
        nowhere = destination_policy(TELEFORGE, international=())
        none = nowhere.judge(number("0044123456789"))
        assert none.allowed_text == "allowed country codes after 00: none"

    @pytest.mark.parametrize(
        ("allow", "callee", "expected"),
        [
            (["+44"], "+44 20 7031 3000", True),
            (["+44"], "+1 212 555 0100", False),
            (["+44"], "082 000 1234", True),
            (["mobile"], "+1 212 555 0100", True),  # a kind is no place: still all countries
        ],
    )
    def test_absent_it_is_what_allow_names(
        self, allow: list[str], callee: str, expected: bool
    ) -> None:
        assert allowed(callee, plan=ZA, international=None, allow=allow) == expected

    def test_a_kind_opens_no_country(self) -> None:
        assert not allowed("+44 7911 123456", plan=ZA, international=(), allow=["mobile"])


@pytest.mark.case("A5")
@pytest.mark.parametrize("text", ["0900123456", "27900123456", "0027900123456"])
@pytest.mark.parametrize(
    "deny", ["premium", "0900*", "0900 123 456", "+27 900*", "27900123456", "0027900*"]
)
def test_every_writing_is_denied_by_every_writing(text: str, deny: str) -> None:
    for plan in (TELEFORGE, ZA):
        assert not allowed(text, plan=plan, deny=[deny])
        assert allowed("0820001234", plan=plan, deny=[deny])


@pytest.mark.parametrize(
    ("allow", "deny", "callee", "expected"),
    [
        # the longest decides
        (["0860123456"], ["0860*"], "0860123456", True),
        (["0860123456"], ["0860*"], "0860123457", False),
        (["08601*"], ["0860*"], "0860123456", True),
        (["0860*"], ["08601*"], "0860123456", False),
        # a number or a prefix is longer than a kind
        (["0860*"], ["shared_cost"], "0860123456", True),
        (["0860123456"], ["shared_cost"], "0860123456", True),
        (["shared_cost"], ["0860*"], "0860123456", False),
        # neither a kind nor a country is longer than the other
        (["+44"], ["premium"], "+44 900 123 4567", False),
        (["+44*"], ["premium"], "+44 900 123 4567", False),
        (["mobile"], ["+44"], "+44 7911 123456", False),
        # deny wins a tie
        (["0860*"], ["0860*"], "0860123456", False),
        (["0860*"], ["+27 860*"], "0860123456", False),
        (["mobile"], ["mobile"], "0820001234", False),
        # countries, the longest first
        (["+1 except +1876 +1900"], [], "+1 212 555 0100", True),
        (["+1 except +1876 +1900"], [], "+1 876 523 0123", False),
        ([], ["+1 except +1212"], "+1 212 555 0100", True),
        ([], ["+1 except +1212"], "+1 201 555 0123", False),
        (["+1876"], ["+1"], "+1 876 523 0123", True),
        # what may be fixed or mobile is held to both
        ([], ["mobile"], "+1 212 555 0100", False),
        ([], ["fixed"], "+1 212 555 0100", False),
        (["fixed"], ["mobile"], "+1 212 555 0100", False),
        ([], ["satellite"], "+881 61 123 4567", False),
        ([], ["premium", "shared_cost", "satellite"], "082 000 1234", True),
    ],
)
def test_who_decides(allow: list[str], deny: list[str], callee: str, expected: bool) -> None:
    assert allowed(callee, plan=ZA, allow=allow, deny=deny) == expected


def test_the_rule_that_decided_is_named() -> None:
    policy = destination_policy(
        ZA, international=("27",), allow=["+1 except +1876"], deny=["premium", "08611*"]
    )
    told = {
        text: (verdict := policy.judge(number(text, ZA))).rule
        and (verdict.rule, verdict.allowed_text)
        for text in (
            "082 000 1234",
            "0900 123 456",
            "086 111 1234",
            "+1 876 523 0123",
            "+44 20 7031 3000",
        )
    }
    assert told == {
        "082 000 1234": ("at home", ""),
        "0900 123 456": ("deny: premium", "no premium numbers"),
        "086 111 1234": ("deny: 08611*", "a destination that is not denied"),
        "+1 876 523 0123": ("deny: +1 except +1876", "a country that is not denied"),
        "+44 20 7031 3000": ("international: 27", "allowed country codes: 27"),
    }


@pytest.mark.parametrize(
    "entry",
    [
        *("", "*", "00*", "44", "+", "+*", "+0", "+12345", "cheap", "Premium", "082", "+1 except"),
        *("+1 except ", "+1 except x", "+1 except  +1900", "082000123\n", "082 000 123"),
        *("premium\n", " premium", "+1 but +1876", "+1\n"),
    ],
)
def test_a_wrong_entry_says_what_is_right(entry: str) -> None:
    for lists in ({"allow": [entry]}, {"deny": [entry]}):
        with pytest.raises(ValueError, match="a quoted number, the start of one"):
            destination_policy(TELEFORGE, **lists)  # type: ignore[arg-type]


entries = st.lists(
    st.sampled_from(["+27", "+44", "+447", "mobile", "fixed", "082*", "0820*", "0820001234"])
)


@given(entries, entries, st.sampled_from(["0820001234", "0830001234", "00447911123456"]))
def test_what_is_in_both_lists_is_denied_and_order_is_nothing(
    allow: list[str], deny: list[str], callee: str
) -> None:
    verdict = allowed(callee, allow=allow, deny=deny)
    assert allowed(callee, allow=allow[::-1], deny=deny[::-1]) == verdict
    if not deny:
        assert verdict
    if set(allow) <= set(deny) and not verdict:
        assert not allowed(callee, deny=deny)
