"""Emergency numbers (docs/numbers.md)."""

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import product

from phonenumbers import PhoneMetadata

from click2dial_agi.domain.numbering.written import Written, read_written

__all__ = ["emergency_numbers", "read_emergency"]

# What any mobile phone takes for an emergency number, in every country (3GPP TS 22.101, 10.1.1).
_ANYWHERE = ("112", "911")


@lru_cache
def emergency_numbers(region: str) -> tuple[str, ...]:
    """Return a country's emergency numbers; ``112`` and ``911`` where the data name none.

    The data hold a pattern, at most six digits long, so all digits are tried: up to 0.3 s, once.
    """
    metadata = PhoneMetadata.short_metadata_for_region(region)
    emergency = metadata.emergency if metadata is not None else None
    if emergency is None or not emergency.national_number_pattern:
        return _ANYWHERE
    pattern = re.compile(emergency.national_number_pattern)
    return tuple(
        number
        for length in emergency.possible_length
        for number in map("".join, product("0123456789", repeat=length))
        if pattern.fullmatch(number)
    )


def read_emergency(text: str, numbers: Collection[str]) -> str:
    """Return which of the emergency ``numbers`` a text is, empty if it is none.

    It may be as people write it, ``1 1 2``, whatever the plan accepts: nobody shall fail to get
    help for a blank.
    """
    if text in numbers:
        return text
    if text.isdecimal():  # most callees: there is nothing to leave out
        return ""
    written = read_written(text)
    if isinstance(written, Written) and not written.plus and written.digits in numbers:
        return written.digits
    return ""
