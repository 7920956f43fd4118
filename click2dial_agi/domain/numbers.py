"""Which values are accepted (CONTRACT section 1).

Every match is on the whole string and on ASCII characters only, so full-width or Arabic digits
and a trailing newline are refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "CONTACT_REF_LENGTH",
    "RANDOM",
    "FieldError",
    "campaign_name",
    "covers",
    "is_call_ref",
    "is_contact_ref",
    "is_extension",
    "is_number",
    "is_outbound_id",
    "is_outbound_number",
    "overlap",
    "read_trunk_number",
    "same_number",
]

RANDOM = "random"
CONTACT_REF_LENGTH = 230

_EXTENSION = re.compile(r"[0-9]{3,4}")
_NUMBER = re.compile(r"0[0-9]{9}|27[0-9]{9}|00[0-9]{11,14}")
_OUTBOUND_NUMBER = re.compile(r"0[0-9]{9}|27[0-9]{9}")
_CAMPAIGN = re.compile(r"tvc_([A-Za-z0-9_-]{1,64})")
_CONTACT_REF = re.compile(r"[A-Za-z0-9._~-]+")
_TRUNK_NUMBER = re.compile(r"[0-9]{3,16}")
_CALL_REF = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: which field, and a message that says what is allowed.

    The message is the same text on every way in: SIP header, HTTP body and log.  It never holds
    what was sent.  ``forbidden`` is True where the value is well formed but not allowed to this
    integrator's callers (HTTP 403 rather than 422).
    """

    field: str
    allowed: str
    forbidden: bool = False

    @property
    def message(self) -> str:
        """``field: what is allowed``."""
        return f"{self.field}: {self.allowed}"


def is_extension(value: str) -> bool:
    """Tell whether ``value`` is an internal extension: 3-4 digits."""
    return len(value) <= 4 and _EXTENSION.fullmatch(value) is not None


def is_number(value: str) -> bool:
    """Tell whether ``value`` is a full number that may be dialled."""
    return _NUMBER.fullmatch(value) is not None


def is_outbound_number(value: str) -> bool:
    """Tell whether ``value`` is a number that may be shown as caller ID."""
    return _OUTBOUND_NUMBER.fullmatch(value) is not None


def campaign_name(value: str) -> str | None:
    """Return the campaign in ``tvc_<campaign_name>``, None for any other value."""
    match = _CAMPAIGN.fullmatch(value)
    return match[1] if match else None


def is_outbound_id(value: str) -> bool:
    """Tell whether ``value`` has one of the forms of an outbound ID."""
    return is_outbound_number(value) or value == RANDOM or campaign_name(value) is not None


def is_contact_ref(value: str) -> bool:
    """Tell whether every character may stand in a contact reference; its length is free."""
    return _CONTACT_REF.fullmatch(value) is not None


def is_call_ref(value: str) -> bool:
    """Tell whether ``value`` is a call reference: a lower-case UUID."""
    return _CALL_REF.fullmatch(value) is not None


def read_trunk_number(value: str) -> str:
    """Return a caller or DID that a trunk names: ``+27…`` as ``27…``, ``+44…`` as ``0044…``.

    Any 3 to 16 digits are taken, for networks write numbers in many ways.  Anything else, such as
    ``anonymous``, gives the empty text.
    """
    if value.startswith("+"):
        value = value[1:] if value.startswith("+27") else f"00{value[1:]}"
    return value if _TRUNK_NUMBER.fullmatch(value) else ""


def same_number(number: str) -> str:
    """Return the form in which two writings of one number are equal: ``082…`` as ``2782…``."""
    return f"27{number[1:]}" if number.startswith("0") else number


def covers(entries: Iterable[str], number: str) -> bool:
    """Tell whether a number is among numbers and prefixes, all as ``same_number`` writes them."""
    number = same_number(number)
    return any(
        number.startswith(entry[:-1]) if entry.endswith("*") else number == entry
        for entry in entries
    )


def overlap(one: str, other: str) -> bool:
    """Tell whether a number could match both of two numbers or prefixes*."""
    first, second = one.rstrip("*"), other.rstrip("*")
    return (
        first == second
        or (one.endswith("*") and second.startswith(first))
        or (other.endswith("*") and first.startswith(second))
    )
