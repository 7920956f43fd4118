"""The key ``numbering`` of an integrator (CONTRACT section 9)."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from click2dial_agi.domain.config_types import Section
from click2dial_agi.domain.numbering.country import country_plan
from click2dial_agi.domain.numbering.extensions import ExtensionForm
from click2dial_agi.domain.numbering.number import NumberFormat
from click2dial_agi.domain.numbering.plan import NumberPlan
from click2dial_agi.domain.numbering.reading import is_country
from click2dial_agi.domain.numbering.teleforge import Teleforge

__all__ = ["Numbering"]

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
