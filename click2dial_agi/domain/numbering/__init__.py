"""Number plans: how an integrator's numbers are read, compared, dialled, shown and recorded.

:class:`NumberPlan` holds all that depends on the country.  ``teleforge`` is the contract's own, by
the form of numbers; :func:`country_plan` makes one for any country that libphonenumber knows.
"""

from click2dial_agi.domain.numbering.country import CountryPlan, country_plan
from click2dial_agi.domain.numbering.destinations import (
    DestinationPolicy,
    Verdict,
    destination_policy,
)
from click2dial_agi.domain.numbering.emergency import read_emergency
from click2dial_agi.domain.numbering.extensions import (
    ANY_EXTENSION,
    USUAL_EXTENSIONS,
    ExtensionForm,
)
from click2dial_agi.domain.numbering.kinds import Kind, kind_of
from click2dial_agi.domain.numbering.lists import NumberList, overlapping
from click2dial_agi.domain.numbering.number import Misread, Number, NumberFormat, is_recorded
from click2dial_agi.domain.numbering.plan import NumberPlan
from click2dial_agi.domain.numbering.reading import is_country
from click2dial_agi.domain.numbering.teleforge import (
    TELEFORGE,
    Teleforge,
)

__all__ = [
    "ANY_EXTENSION",
    "TELEFORGE",
    "USUAL_EXTENSIONS",
    "CountryPlan",
    "DestinationPolicy",
    "ExtensionForm",
    "Kind",
    "Misread",
    "Number",
    "NumberFormat",
    "NumberList",
    "NumberPlan",
    "Teleforge",
    "Verdict",
    "country_plan",
    "destination_policy",
    "is_country",
    "is_recorded",
    "kind_of",
    "overlapping",
    "read_emergency",
]
