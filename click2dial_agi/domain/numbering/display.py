"""How libphonenumber groups a country's numbers for the eye."""

import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import (
    PhoneMetadata,
    country_code_for_region,
    region_code_for_country_code,
)
from phonenumbers.phonemetadata import NumberFormat

from click2dial_agi.domain.numbering.plan import Grouping

__all__ = ["country_groupings"]

_FIRST_GROUP = re.compile(r"\\\d")


@lru_cache
def country_groupings(region: str) -> tuple[Grouping, ...]:
    """Return how the numbers of a country (ISO 3166) are grouped."""
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
