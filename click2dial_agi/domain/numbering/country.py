"""The number plan of a country that libphonenumber knows."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from click2dial_agi.domain.numbering.caller_ids import draw_nearest
from click2dial_agi.domain.numbering.display import country_groupings
from click2dial_agi.domain.numbering.emergency import emergency_numbers
from click2dial_agi.domain.numbering.extensions import USUAL_EXTENSIONS, ExtensionForm
from click2dial_agi.domain.numbering.number import Misread, Number, NumberFormat
from click2dial_agi.domain.numbering.plan import Grouping, NumberPlan
from click2dial_agi.domain.numbering.reading import (
    Understood,
    example_number,
    load_countries,
    read_dialled,
    read_number,
    read_prefix,
    read_zeros,
    write_number,
)
from click2dial_agi.domain.numbering.written import MAX_DIGITS

__all__ = ["CountryPlan", "country_plan"]

# Of digits; which of them are numbers the country's data tell.
_PATTERN = rf"\+?[0-9]{{2,{MAX_DIGITS}}}"
# A larger one is good as well, but not every JSON library passes it on whole.
_INTEGERS = (1, 2**53 - 1)
_TRUNK_NUMBER = re.compile(r"(\+?)([0-9]{3,16})")


@dataclass(frozen=True, kw_only=True)
class CountryPlan(NumberPlan):
    """Numbers of any country, as they are written in one.

    The formats say what ``trunk_dial``, the caller ID and the record get.
    """

    dial_format: NumberFormat = NumberFormat.E164
    caller_id_format: NumberFormat = NumberFormat.E164
    record_format: NumberFormat = NumberFormat.E164

    def read(self, text: str) -> Number | Misread:
        understood = read_number(text, self.country, formatted=self.formatted)
        return understood if isinstance(understood, Misread) else self._number(understood)

    def read_caller_id(self, text: str) -> Number | Misread:
        return self.read(text)

    def read_trunk_digits(self, text: str) -> Number | None:
        match = _TRUNK_NUMBER.fullmatch(text)
        if match is None:
            return None
        plus, digits = match.groups()
        # A trunk that writes 00 means what it is nearly everywhere, whatever one dials here.
        e164 = "" if plus else read_zeros(digits)
        understood = read_number(f"+{e164}" if e164 else text, self.country, formatted=False)
        if isinstance(understood, Understood):
            return self._number(understood)
        kept = self._unknown(digits) if plus else digits
        return Number(digits, kept, kept, kept, abroad=bool(plus))

    def recall(self, recorded: str) -> Number | None:
        whole = {
            NumberFormat.E164: f"+{recorded}",
            NumberFormat.ZEROS: f"+{recorded.removeprefix('00')}",
        }.get(self.record_format, recorded)
        for text in (whole, f"+{recorded.removeprefix('00')}"):
            e164 = read_dialled(text, self.country)
            understood = read_number(f"+{e164}", self.country, formatted=False)
            if isinstance(understood, Understood):
                number = self._number(understood)
                if number.recorded == recorded:
                    return number
        return self.read_trunk(recorded)  # what a trunk sent that is no number

    def plain(self, number: Number) -> str:
        return f"+{number.e164}"

    def read_prefix(self, text: str) -> str | Misread:
        return read_prefix(text, self.country)

    def draw(self, pool: Sequence[Number], callee: Number | None, day: date) -> Number:
        """Choose a number of the callee's area, the same one all day; any for a colleague."""
        return draw_nearest(pool, callee, day) if callee else random.choice(pool)

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        return country_groupings(self.country)

    def told(self, misread: Misread, allowed: str) -> str:
        return misread.detail or allowed

    def _number(self, understood: Understood) -> Number:
        e164 = understood.e164
        dialled, shown, recorded = [
            write_number(e164, self.country, form)
            for form in (self.dial_format, self.caller_id_format, self.record_format)
        ]
        return Number(e164, dialled, shown, recorded, understood.abroad)

    def _unknown(self, digits: str) -> str:
        """Write what a trunk sent with a plus, and no country has, as records have it."""
        prefixes = {NumberFormat.E164: "", NumberFormat.PLUS: "+"}
        return f"{prefixes.get(self.record_format, '00')}{digits}"


def country_plan(
    country: str,
    *,
    formatted: bool = True,
    dial_format: NumberFormat = NumberFormat.E164,
    caller_id_format: NumberFormat = NumberFormat.E164,
    record_format: NumberFormat = NumberFormat.E164,
    extensions: ExtensionForm = USUAL_EXTENSIONS,
) -> CountryPlan:
    """Return the plan of a country (ISO 3166) and load all countries' numbers.

    Raises :exc:`ValueError` for a country that libphonenumber does not know.
    """
    load_countries()
    example = example_number(country)
    if not formatted:
        example = "".join(filter(str.isdigit, example))
    numbers = f"a number as written in {country}, or with + and the country code"
    return CountryPlan(
        name=country,
        country=country,
        formatted=formatted,
        numbers_allowed=numbers,
        caller_ids_allowed=numbers,
        number_pattern=_PATTERN,
        caller_id_pattern=_PATTERN,
        integers=_INTEGERS,
        example=example,
        caller_id_example=example,
        extensions=extensions,
        emergency=emergency_numbers(country),
        dial_format=dial_format,
        caller_id_format=caller_id_format,
        record_format=record_format,
    )
