"""All that an integrator's configuration says of numbers, read once by its plan."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from click2dial_agi.domain.config_problems import WrongKey
from click2dial_agi.domain.numbering.destinations import (
    DestinationPolicy,
    WrongDestination,
    destination_policy,
)
from click2dial_agi.domain.numbering.lists import NumberList, WrongEntry
from click2dial_agi.domain.numbering.number import Misread, Number
from click2dial_agi.domain.numbering.plan import NumberPlan
from click2dial_agi.domain.numbering.shown import mobile_rule
from click2dial_agi.domain.numbers import RANDOM, campaign_name

__all__ = ["NumberSettings", "read_settings"]


@dataclass(frozen=True, slots=True)
class NumberSettings:
    """An integrator's number plan, and its numbers as the plan reads them.

    ``owned`` may be empty: then any caller ID may be shown.  ``verified`` is by the campaign.
    ``default_outbound_id`` is as a call would bring it, empty if there is none.
    """

    plan: NumberPlan
    default_outbound_id: str
    owned: NumberList
    pool: tuple[Number, ...]
    verified: Mapping[str, Number]
    dids: NumberList
    destinations: DestinationPolicy

    def owns(self, caller_id: Number) -> bool:
        """Tell whether a caller ID may be shown."""
        return not self.owned or self.owned.covers(caller_id.e164)

    def missing_default(self) -> str:
        """Say what ``default_outbound_id`` names that is not there, empty if all is."""
        campaign = campaign_name(self.default_outbound_id)
        if self.default_outbound_id == RANDOM and not self.pool:
            return "random, and caller_ids.random is empty"
        if campaign is not None and campaign not in self.verified:
            return f"tvc_{campaign}, which caller_ids.verified has not"
        return ""

    def forbidden(self) -> Iterator[tuple[str, str]]:
        """Return the caller IDs that their country forbids to show, each with the rule."""
        default = self.plan.read_caller_id(self.default_outbound_id)
        numbers = [*self.pool, *self.verified.values()]
        if isinstance(default, Number):
            numbers.append(default)
        shown = {one.e164: (one.shown, False) for one in numbers}
        shown |= {digits: (written, prefix) for written, digits, prefix in self.owned.written()}
        for digits, (written, prefix) in shown.items():
            if rule := mobile_rule(digits, prefix=prefix):
                yield written, rule


def read_settings(
    plan: NumberPlan,
    *,
    owned: Sequence[str] = (),
    pool: Sequence[str] = (),
    verified: Mapping[str, str] = MappingProxyType({}),
    default_outbound_id: str | None = None,
    dids: Sequence[str] = (),
    international: tuple[str, ...] | str | None = None,
    allow: Sequence[str] = (),
    deny: Sequence[str] = (),
) -> NumberSettings:
    """Read an integrator's numbers.

    Raises :exc:`WrongKey` with the path of the first that is wrong.
    """
    lenient = replace(plan, formatted=True)  # an operator may write as people do
    default, default_number = _default(lenient, default_outbound_id)
    settings = NumberSettings(
        plan=plan,
        default_outbound_id=default,
        owned=_listed("caller_ids.owned", NumberList.owned, plan, owned),
        pool=tuple(
            _caller_id(lenient, f"caller_ids.random[{index}]", one)
            for index, one in enumerate(pool)
        ),
        verified=MappingProxyType(
            {
                name: _caller_id(lenient, f"caller_ids.verified.{name}", one)
                for name, one in verified.items()
            }
        ),
        dids=_listed("dids", NumberList.dids, plan, dids),
        destinations=_destinations(plan, international, allow, deny),
    )
    shown = [(f"caller_ids.random[{index}]", one) for index, one in enumerate(settings.pool)]
    if default_number is not None:
        shown.append(("default_outbound_id", default_number))
    for key, number in shown:
        if not settings.owns(number):
            raise WrongKey(key, "a number that caller_ids.owned holds")
    return settings


def _listed(
    key: str,
    read: Callable[[NumberPlan, Sequence[str]], NumberList],
    plan: NumberPlan,
    entries: Sequence[str],
) -> NumberList:
    try:
        return read(plan, entries)
    except WrongEntry as error:
        raise WrongKey(f"{key}[{error.index}]", str(error)) from None


def _caller_id(plan: NumberPlan, key: str, text: str) -> Number:
    number = plan.read_caller_id(text)
    if isinstance(number, Misread):
        raise WrongKey(key, f"a quoted number: {plan.told(number, plan.caller_ids_allowed)}")
    return number


def _default(plan: NumberPlan, text: str | None) -> tuple[str, Number | None]:
    """Return an outbound ID as a call would bring it, and the number that it is, if it is one."""
    if text is None or text == RANDOM or campaign_name(text) is not None:
        return text or "", None
    number = plan.read_caller_id(text)
    if isinstance(number, Misread):
        raise WrongKey("default_outbound_id", plan.explain_caller_id(number))
    return plan.plain(number), number


def _destinations(
    plan: NumberPlan,
    international: tuple[str, ...] | str | None,
    allow: Sequence[str],
    deny: Sequence[str],
) -> DestinationPolicy:
    try:
        return destination_policy(
            plan,
            international=international,
            allow=allow,
            deny=deny,
        )
    except WrongDestination as error:
        raise WrongKey(f"destinations.{error.place}", str(error)) from None
