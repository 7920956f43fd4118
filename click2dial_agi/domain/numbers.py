"""Which values are accepted that are the same in every country (docs/contract.md).

Every match is on the whole string and on ASCII characters only, so full-width or Arabic digits
and a trailing newline are refused.  Numbers and extensions are a plan's affair:
:mod:`click2dial_agi.domain.numbering`.
"""

import re
from dataclasses import dataclass

__all__ = [
    "CALL_REF_PATTERN",
    "CAMPAIGN_PATTERN",
    "CONTACT_REF_LENGTH",
    "CONTACT_REF_PATTERN",
    "NAME_PATTERN",
    "RANDOM",
    "FieldError",
    "campaign_name",
    "is_call_ref",
    "is_contact_ref",
]

RANDOM = "random"
CONTACT_REF_LENGTH = 230

#: What configured things may be called: integrators, campaigns.
NAME_PATTERN = "[A-Za-z0-9_-]{1,64}"
CAMPAIGN_PATTERN = f"tvc_{NAME_PATTERN}"
CONTACT_REF_PATTERN = "[A-Za-z0-9._~-]+"
CALL_REF_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_CAMPAIGN = re.compile(f"tvc_({NAME_PATTERN})")
_CONTACT_REF = re.compile(CONTACT_REF_PATTERN)
_CALL_REF = re.compile(CALL_REF_PATTERN)


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


def campaign_name(value: str) -> str | None:
    """Return the campaign in ``tvc_<campaign_name>``, None for any other value."""
    match = _CAMPAIGN.fullmatch(value)
    return match[1] if match else None


def is_contact_ref(value: str) -> bool:
    """Tell whether every character may stand in a contact reference; its length is free."""
    return _CONTACT_REF.fullmatch(value) is not None


def is_call_ref(value: str) -> bool:
    """Tell whether ``value`` is a call reference: a lower-case UUID."""
    return _CALL_REF.fullmatch(value) is not None
