"""An integrator's keys about numbers (docs/numbers.md).

What is a number depends on ``numbering``, so these take any text for one;
:func:`click2dial_agi.domain.numbering.settings.read_settings` reads it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from click2dial_agi.domain.config_types import Section, as_tuple
from click2dial_agi.domain.numbering.country import country_plan
from click2dial_agi.domain.numbering.extensions import ExtensionForm
from click2dial_agi.domain.numbering.number import NumberFormat
from click2dial_agi.domain.numbering.plan import NumberPlan
from click2dial_agi.domain.numbering.reading import is_country
from click2dial_agi.domain.numbering.teleforge import Teleforge
from click2dial_agi.domain.numbers import NAME_PATTERN

__all__ = ["CallerIDs", "Destinations", "Numbering", "QuotedNumber"]

_COUNTRY_CODE = re.compile(r"[1-9][0-9]{0,3}")
_FORMATS = ("dial_format", "caller_id_format", "record_format")


def _country(value: object) -> object:
    if value is False:  # what YAML makes of NO, Norway
        return "NO"
    if isinstance(value, str) and is_country(value.upper()):
        return value.upper()
    raise ValueError("a country of two letters as ISO 3166 has it, such as GB")


def _format(value: object) -> NumberFormat:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return NumberFormat.ZEROS  # what YAML makes of 00 without quotes
    try:
        return NumberFormat(str(value))
    except ValueError:
        raise ValueError(f"one of {', '.join(NumberFormat)}") from None


def _quoted(value: object) -> str:
    # YAML makes a number of digits without quotes.
    if not isinstance(value, str):
        raise ValueError("a number in quotes")
    return value


def _country_codes(value: object) -> tuple[str, ...] | str:
    if value == "all":
        return "all"
    if isinstance(value, list | tuple) and all(
        isinstance(code, str) and _COUNTRY_CODE.fullmatch(code) for code in value
    ):
        return tuple(value)
    raise ValueError('"all", or a list of quoted country codes such as ["27", "44"]')


QuotedNumber = Annotated[str, BeforeValidator(_quoted)]
Numbers = Annotated[tuple[QuotedNumber, ...], BeforeValidator(as_tuple)]
CountryCodes = Annotated[tuple[str, ...] | str, BeforeValidator(_country_codes)]
Format = Annotated[NumberFormat, BeforeValidator(_format)]


class Numbering(Section):
    """Whose numbers an integrator dials, and how they are written; absent: ``teleforge``'s."""

    country: Annotated[str | None, BeforeValidator(_country)] = None
    # Digits only, or as people write them, which is a country's default.
    accept: Literal["digits", "formatted"] | None = None
    dial_format: Format = Field(default=NumberFormat.E164)
    caller_id_format: Format = Field(default=NumberFormat.E164)
    record_format: Format = Field(default=NumberFormat.E164)

    @model_validator(mode="after")
    def _formats_are_a_countrys(self) -> Self:
        for key in _FORMATS:
            if self.country is None and key in self.model_fields_set:
                raise ValueError(f"{key} only with country: otherwise numbers stay as they came")
        return self

    def plan(self, extension_lengths: Iterable[int] = ()) -> NumberPlan:
        """Build the number plan, for an integrator whose extensions have those lengths."""
        extensions = ExtensionForm.of(extension_lengths)
        if self.country is None:
            return Teleforge(formatted=self.accept == "formatted", extensions=extensions)
        return country_plan(
            self.country,
            formatted=self.accept != "digits",
            dial_format=self.dial_format,
            caller_id_format=self.caller_id_format,
            record_format=self.record_format,
            extensions=extensions,
        )


class CallerIDs(Section):
    """Which caller IDs an integrator may show."""

    owned: Numbers = ()
    # How many calls of a day ``random`` may draw one number of the pool for.
    calls_per_day: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    random: Numbers = ()
    verified: Mapping[
        Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")], QuotedNumber
    ] = Field(default_factory=dict)


class Destinations(Section):
    """Where an integrator's calls may go."""

    international: CountryCodes = "all"
    allow: Numbers = ()
    deny: Numbers = ()
