"""How numbers are grouped for the eye, as patterns that a softphone's JavaScript reads too."""

import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import (
    PhoneMetadata,
    country_code_for_region,
    region_code_for_country_code,
)
from phonenumbers.phonemetadata import NumberFormat

from click2dial_agi.domain.numbering.plan import NumberPlan

__all__ = ["Grouping", "groupings", "rewritings", "rules"]

#: A pattern over a whole number's digits, after a plus or not, and what its groups are put into.
Grouping = tuple[str, str]

# As the rules of docs/contract.md write a number of another country, and one of their own.
_WITHOUT_PLUS: tuple[Grouping, ...] = (
    (r"^\+270(\d{9})$", "27$1"),  # +27 (0)82 000 1234
    (r"^\+27", "27"),
    (r"^\+", "00"),
)

_TELEFORGE: tuple[Grouping, ...] = (
    (r"^(0\d{2})(\d{3})(\d{4})$", "$1 $2 $3"),
    (r"^(27)(\d{2})(\d{3})(\d{4})$", "$1 $2 $3 $4"),
)
_FIRST_GROUP = re.compile(r"\\\d")


def groupings(plan: NumberPlan) -> tuple[Grouping, ...]:
    """Return how a plan's numbers are grouped; the first pattern that matches counts.

    Numbers of other countries match none and stay as they are.
    """
    return _TELEFORGE if plan.name == "teleforge" else _of_country(plan.country)


def rewritings(plan: NumberPlan) -> tuple[Grouping, ...]:
    """Return how a softphone writes digits, after a plus or not, so that the plan takes them."""
    return _WITHOUT_PLUS if plan.name == "teleforge" else ()


def rules(plan: NumberPlan) -> dict[str, tuple[Grouping, ...]]:
    """Return both, under the names by which pages know them (numbers.js, useRules)."""
    return {"dialled": rewritings(plan), "shown": groupings(plan)}


@lru_cache
def _of_country(region: str) -> tuple[Grouping, ...]:
    code = country_code_for_region(region)
    # Countries that share a code write numbers as the one that has most of them.
    metadata = PhoneMetadata.metadata_for_region(region_code_for_country_code(code))
    if metadata is None:
        return ()
    international = metadata.intl_number_format or metadata.number_format
    # Digits alone are the number as dialled at home rather than one that lacks its plus.
    return (
        *_grouped(international, rf"^\+{code}", f"+{code} "),
        (rf"^\+{code}(\d+)$", f"+{code} $1"),
        *_national(metadata.number_format),
        *_grouped(international, f"^{code}", f"+{code} "),
    )


def _national(formats: list[NumberFormat]) -> Iterator[Grouping]:
    for one in formats:
        rule = one.national_prefix_formatting_rule or r"\1"
        trunk_prefix = "".join(filter(str.isdigit, rule.replace(r"\1", "")))
        grouped = _FIRST_GROUP.sub(
            lambda group, rule=rule: rule.replace(r"\1", group[0]),  # type: ignore[misc]
            one.format or "",
            count=1,
        )
        yield f"^{trunk_prefix}{_digits(one)}", _replacement(grouped)


def _grouped(formats: list[NumberFormat], begins: str, prefix: str) -> Iterator[Grouping]:
    for one in formats:
        if one.format != "NA":  # libphonenumber's word for "never called from abroad"
            yield f"{begins}{_digits(one)}", f"{prefix}{_replacement(one.format or '')}"


def _digits(one: NumberFormat) -> str:
    """Return the pattern of a national number, held to how it has to begin."""
    begins = one.leading_digits_pattern[-1:]
    return f"{f'(?={begins[0]})' if begins else ''}{one.pattern}$"


def _replacement(text: str) -> str:
    return text.replace("\\", "$")
