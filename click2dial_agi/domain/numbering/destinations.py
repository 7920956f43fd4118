"""Where calls may go: countries, numbers and kinds (docs/numbers.md)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from click2dial_agi.domain.numbering.kinds import Kind, kind_of
from click2dial_agi.domain.numbering.number import Misread, Number
from click2dial_agi.domain.numbering.plan import NumberPlan

__all__ = ["DestinationPolicy", "Verdict", "WrongDestination", "destination_policy"]

_COUNTRY = re.compile(r"\+([1-9][0-9]{0,3})")
_EXCEPT = " except "
_KINDS = frozenset(Kind)

_Key = TypeVar("_Key")

_ENTRY = (
    'a quoted number, the start of one with * such as "0860*", a country code such as "+44", '
    f'"+1 except +1876 +1900", or one of {", ".join(kind for kind in Kind)}'
)


class WrongDestination(ValueError):
    """An entry names no destination; ``place`` is where it stands, such as ``deny[0]``."""

    def __init__(self, place: str, misread: Misread | None) -> None:
        detail = f" ({misread.detail})" if misread and misread.detail else ""
        super().__init__(f"{_ENTRY}{detail}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a number may be dialled.

    ``allowed_text`` is for the caller's error, and names nothing of the number; ``rule`` names the
    entry that decided, for the operator.
    """

    allowed: bool
    rule: str
    allowed_text: str = ""


_HOME = Verdict(True, "at home")
_ALL = Verdict(True, "international: all")


@dataclass(frozen=True, slots=True)
class _Rule:
    allow: bool
    written: str


@dataclass(frozen=True, slots=True)
class _Table:
    """Rules by the digits that they begin with; the longest decides."""

    rules: Mapping[str, _Rule]
    longest: int

    def find(self, digits: str) -> _Rule | None:
        for length in range(min(self.longest, len(digits)), -1, -1):
            rule = self.rules.get(digits[:length])
            if rule is not None:
                return rule
        return None


@dataclass(frozen=True, slots=True)
class DestinationPolicy:
    """What an integrator's calls may reach.

    The most special rule decides: one for a number, then for the longest prefix.  Country codes and
    kinds come last, and neither is longer than the other: if one of them denies, the number is
    denied.  Where no rule for a place allows a number, ``international`` has the last word on those
    abroad, so that allowing a kind opens no country.  It is None for all countries.
    """

    international: tuple[str, ...] | None
    _numbers: Mapping[str, _Rule]
    _prefixes: _Table
    _countries: _Table
    _kinds: Mapping[Kind, _Rule]
    _codes_allowed: str
    #: Codes that are listed, and that no country has, in the order of the entries.
    unknown_codes: tuple[str, ...] = ()

    def judge(self, number: Number) -> Verdict:
        """Tell whether a number may be dialled, and by which rule."""
        e164 = number.e164
        rule = self._numbers.get(e164) or self._prefixes.find(e164)
        if rule is not None:
            return _verdict(rule, "a destination that is not denied")
        country = self._countries.find(e164)
        kind, of_kind = self._of_kind(e164)
        if of_kind is not None and not of_kind.allow:
            return _verdict(of_kind, f"no {kind.words} numbers")
        if country is not None:
            return _verdict(country, "a country that is not denied")
        return self._by_country_code(number)

    def _of_kind(self, e164: str) -> tuple[Kind, _Rule | None]:
        if not self._kinds:  # then nobody needs to know the kind
            return Kind.UNKNOWN, None
        found = kind_of(e164)
        rules = [(kind, rule) for kind, rule in self._kinds.items() if found.is_a(kind)]
        denied = [(kind, rule) for kind, rule in rules if not rule.allow]
        return next(iter(denied or rules), (found, None))

    def _by_country_code(self, number: Number) -> Verdict:
        if not number.abroad:
            return _HOME
        if self.international is None:
            return _ALL
        codes = ", ".join(self.international) or "none"
        allowed = number.e164.startswith(self.international)
        refused = "" if allowed else f"{self._codes_allowed}: {codes}"
        return Verdict(allowed, f"international: {codes}", refused)


def destination_policy(
    plan: NumberPlan,
    *,
    international: tuple[str, ...] | str | None = None,
    allow: Iterable[str] = (),
    deny: Iterable[str] = (),
) -> DestinationPolicy:
    """Compile the entries of ``destinations``; numbers and prefixes are written as in the plan.

    ``international`` is ``all``, or country codes; where it is absent (None) all countries, unless
    ``allow`` names places: then those.

    Raises :exc:`WrongDestination`, which says what an entry may be.
    """
    builder = _Builder(plan)
    codes = international if isinstance(international, tuple) else ()
    for name, entries in (("allow", allow), ("deny", deny)):
        for index, entry in enumerate(entries):
            builder.add(entry, f"{name}[{index}]", name == "allow")
    return DestinationPolicy(
        builder.codes(international),
        MappingProxyType(builder.numbers),
        _table(builder.prefixes),
        _table(builder.countries),
        MappingProxyType(builder.kinds),
        plan.codes_allowed,
        tuple(code for code in (*codes, *builder.codes_listed) if not _begins_a_number(code)),
    )


class _Builder:
    """Sorts entries by what they are; where two are the same, the one that denies stays."""

    def __init__(self, plan: NumberPlan) -> None:
        self._plan = replace(plan, formatted=True)  # an operator may write as people do
        self._place = ""
        self.numbers: dict[str, _Rule] = {}
        self.prefixes: dict[str, _Rule] = {}
        self.countries: dict[str, _Rule] = {}
        self.kinds: dict[Kind, _Rule] = {}
        self.codes_listed: list[str] = []

    def codes(self, international: tuple[str, ...] | str | None) -> tuple[str, ...] | None:
        """Return the country codes that are allowed, None for all."""
        if international is None:
            places = (*self.numbers.values(), *self.prefixes.values(), *self.countries.values())
            return () if any(rule.allow for rule in places) else None
        return None if isinstance(international, str) else international

    def add(self, entry: str, place: str, allow: bool) -> None:
        """Add an entry; what stands after ``except`` is a rule of the other list."""
        self._place = place
        main, word, exceptions = entry.partition(_EXCEPT)
        self._add_one(main, _Rule(allow, entry))
        if word:
            for exception in exceptions.split(" "):
                self._add_one(exception, _Rule(not allow, entry))

    def _add_one(self, entry: str, rule: _Rule) -> None:
        if entry in _KINDS:
            _keep(self.kinds, Kind(entry), rule)
        elif match := _COUNTRY.fullmatch(entry):
            _keep(self.countries, match[1], rule)
            self.codes_listed.append(match[1])
        elif entry.endswith("*"):
            self._add_prefix(entry[:-1], rule)
        else:
            number = self._plan.read(entry)
            if isinstance(number, Misread):
                raise WrongDestination(self._place, number)
            _keep(self.numbers, number.e164, rule)

    def _add_prefix(self, entry: str, rule: _Rule) -> None:
        digits = self._plan.read_prefix(entry)
        if isinstance(digits, Misread):
            raise WrongDestination(self._place, digits)
        if not digits:  # "00*": which countries is what international tells
            raise WrongDestination(self._place, None)
        _keep(self.prefixes if _names_more_than_a_country(digits) else self.countries, digits, rule)


def _names_more_than_a_country(digits: str) -> bool:
    return _begins_a_number(digits[:-1])


def _begins_a_number(digits: str) -> bool:
    """Tell whether digits are a country code, or begin with one."""
    return any(
        int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE
        for length in range(1, min(3, len(digits)) + 1)
    )


def _keep(rules: dict[_Key, _Rule], key: _Key, rule: _Rule) -> None:
    known = rules.get(key)
    if known is None or known.allow:
        rules[key] = rule


def _table(rules: dict[str, _Rule]) -> _Table:
    return _Table(MappingProxyType(rules), max(map(len, rules), default=-1))


def _verdict(rule: _Rule, allowed_text: str) -> Verdict:
    listed = "allow" if rule.allow else "deny"
    return Verdict(rule.allow, f"{listed}: {rule.written}", "" if rule.allow else allowed_text)
