"""What kind of number one is, as libphonenumber's data has it."""

from enum import StrEnum
from functools import lru_cache

from phonenumbers import NumberParseException, PhoneNumberType, number_type, parse

__all__ = ["Kind", "kind_of"]

# Each is some 200 bytes; an office dials fewer numbers than this in a day.
_CACHED = 8192

# Satellite systems and networks of no country, which cost alike: Inmarsat, Iridium and Globalstar,
# Thuraya and the international networks (ITU-T E.164, assigned country codes).
_SATELLITE = ("870", "881", "882", "883")


class Kind(StrEnum):
    """A number's kind."""

    FIXED = "fixed"
    MOBILE = "mobile"
    # Where a country's numbers do not tell: all of North America, for one.
    FIXED_OR_MOBILE = "fixed_or_mobile"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    SATELLITE = "satellite"
    VOIP = "voip"
    PERSONAL = "personal"
    PAGER = "pager"
    COMPANY = "company"  # "universal access numbers": one for a company, anywhere in the country
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """The kind as a sentence has it: ``shared cost``."""
        return self.value.replace("_", " ")

    def is_a(self, other: "Kind") -> bool:
        """Tell whether a rule for ``other`` holds for this kind.

        What may be fixed or mobile is held to the rules of both.
        """
        return self is other or (
            self is Kind.FIXED_OR_MOBILE and other in (Kind.FIXED, Kind.MOBILE)
        )


_KINDS = {
    PhoneNumberType.FIXED_LINE: Kind.FIXED,
    PhoneNumberType.MOBILE: Kind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: Kind.FIXED_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: Kind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: Kind.PREMIUM,
    PhoneNumberType.SHARED_COST: Kind.SHARED_COST,
    PhoneNumberType.VOIP: Kind.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: Kind.PERSONAL,
    PhoneNumberType.PAGER: Kind.PAGER,
    PhoneNumberType.UAN: Kind.COMPANY,
    PhoneNumberType.VOICEMAIL: Kind.VOICEMAIL,
}


@lru_cache(_CACHED)
def kind_of(e164: str) -> Kind:
    """Return the kind of a number, given as digits that begin with the country code."""
    if e164.startswith(_SATELLITE):
        return Kind.SATELLITE
    try:
        return _KINDS.get(number_type(parse(f"+{e164}")), Kind.UNKNOWN)
    except NumberParseException:
        return Kind.UNKNOWN
