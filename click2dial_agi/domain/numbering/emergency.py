"""Emergency numbers (docs/numbers.md)."""

import re
from functools import lru_cache
from itertools import product

from phonenumbers import PhoneMetadata

__all__ = ["USUAL_EMERGENCY", "emergency_numbers"]

USUAL_EMERGENCY = ("112", "10111", "10177", "107")


@lru_cache
def emergency_numbers(region: str) -> tuple[str, ...]:
    """Return a country's emergency numbers; the usual ones where libphonenumber names none.

    The data hold a pattern, at most six digits long, so all digits are tried: up to 0.3 s, once.
    """
    metadata = PhoneMetadata.short_metadata_for_region(region)
    emergency = metadata.emergency if metadata is not None else None
    if emergency is None or not emergency.national_number_pattern:
        return USUAL_EMERGENCY
    pattern = re.compile(emergency.national_number_pattern)
    return tuple(
        number
        for length in emergency.possible_length
        for number in map("".join, product("0123456789", repeat=length))
        if pattern.fullmatch(number)
    )
