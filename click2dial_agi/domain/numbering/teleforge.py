"""The number plan ``teleforge``: the rules of docs/contract.md, to the letter.

It looks at forms only, so a number is what the original took for one.  ``formatted`` adds, for
South Africa, what people write; what was accepted without it means the same with it.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from click2dial_agi.domain.numbering.number import Misread, Number
from click2dial_agi.domain.numbering.plan import Grouping, NumberPlan
from click2dial_agi.domain.numbering.written import Written, read_written

__all__ = ["TELEFORGE", "Teleforge"]

_CALLER_ID_PATTERN = "0[0-9]{9}|27[0-9]{9}"
_NUMBER_PATTERN = f"{_CALLER_ID_PATTERN}|00[0-9]{{11,14}}"
_CALLER_ID = re.compile(_CALLER_ID_PATTERN)
_NUMBER = re.compile(_NUMBER_PATTERN)
_STARTS_WITH_0 = "shows a caller ID starting 0; providers often reject it, 27... is safer"
_TRUNK_NUMBER = re.compile(r"[0-9]{3,16}")
_PREFIX_DIGITS = 15
# The trunk prefix that does not belong behind the country code: +27 (0)82 000 1234.
_TRUNK_PREFIX = re.compile(r"270(?=[0-9]{9})")

_SHOWN: tuple[Grouping, ...] = (
    (r"^(0\d{2})(\d{3})(\d{4})$", "$1 $2 $3"),
    (r"^(27)(\d{2})(\d{3})(\d{4})$", "$1 $2 $3 $4"),
)
_WITHOUT_PLUS: tuple[Grouping, ...] = (
    (r"^\+270(\d{9})$", "27$1"),  # +27 (0)82 000 1234
    (r"^\+27", "27"),
    (r"^\+", "00"),
)


@dataclass(frozen=True, kw_only=True)
class Teleforge(NumberPlan):
    """South Africa's numbers by their form."""

    name: str = "teleforge"
    country: str = "ZA"
    formatted: bool = False
    numbers_allowed: str = "10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
    caller_ids_allowed: str = "10 digits starting 0 or 11 digits starting 27"
    codes_allowed: str = "allowed country codes after 00"
    number_pattern: str = _NUMBER_PATTERN
    caller_id_pattern: str = _CALLER_ID_PATTERN
    integers: tuple[int, int] = (27_000_000_000, 27_999_999_999)
    example: str = "0820000100"
    caller_id_example: str = "27110001234"
    emergency: tuple[str, ...] = ("112", "10111", "10177", "107")

    def read(self, text: str) -> Number | Misread:
        return self._read(text, _NUMBER)

    def read_caller_id(self, text: str) -> Number | Misread:
        return self._read(text, _CALLER_ID)

    def read_trunk_digits(self, text: str) -> Number | None:
        # As trunks write it: the digits after a plus begin with the country code.
        if text.startswith("+"):
            text = text[1:] if text.startswith("+27") else f"00{text[1:]}"
        return _number(text) if _TRUNK_NUMBER.fullmatch(text) else None

    def recall(self, recorded: str) -> Number | None:
        return self.read_trunk(recorded)

    def plain(self, number: Number) -> str:
        return number.recorded

    def read_prefix(self, text: str) -> str | Misread:
        written = read_written(text)
        if isinstance(written, Misread):
            return written
        if len(written.digits) > _PREFIX_DIGITS:
            return Misread(f"at most {_PREFIX_DIGITS} digits")
        return written.digits if written.plus else _e164(written.digits)

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        return _SHOWN

    @property
    def rewritings(self) -> tuple[Grouping, ...]:
        return _WITHOUT_PLUS

    def warn_of(self, shown: str) -> str:
        return _STARTS_WITH_0 if shown.startswith("0") else ""

    def draw(self, pool: Sequence[Number], callee: Number | None, day: date) -> Number:
        """Choose any number of the pool, whatever the callee: so it is in the original."""
        return random.choice(pool)

    def told(self, misread: Misread, allowed: str) -> str:
        return f"{allowed}; {misread.detail}" if misread.detail else allowed

    def _read(self, text: str, form: re.Pattern[str]) -> Number | Misread:
        if form.fullmatch(text):
            return _number(text)
        if not self.formatted:
            return Misread()
        written = read_written(text)
        if isinstance(written, Misread):
            return written
        digits = _dialable(written)
        if form.fullmatch(digits):
            return _number(digits)
        count = len(written.digits)
        after = " after +" if written.plus else ""
        return Misread(f"understood: {count} digit{'s' * (count != 1)}{after}")


def _dialable(written: Written) -> str:
    """Return the digits as South Africans dial them: no plus, no 0 behind the country code."""
    digits = written.digits
    abroad = not written.plus and digits.startswith("00")
    if not written.plus and not abroad:
        return digits
    whole = digits.removeprefix("00") if abroad else digits
    whole = _TRUNK_PREFIX.sub("27", whole) if _TRUNK_PREFIX.match(whole) else whole
    return whole if written.plus and whole.startswith("27") else f"00{whole}"


def _number(text: str) -> Number:
    return Number(_e164(text), text, text, text, abroad=text.startswith("00"))


def _e164(text: str) -> str:
    """Return the form in which all writings of a number are equal: 0027…, 27… and 0….

    A trunk reads whatever begins with 00 as international, ten digits too.
    """
    if text.startswith("00"):
        return text[2:]
    return f"27{text[1:]}" if text.startswith("0") else text


TELEFORGE = Teleforge()
