"""The number plan: all that depends on the country, in one object (docs/numbers.md)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from click2dial_agi.domain.numbering.extensions import USUAL_EXTENSIONS, ExtensionForm
from click2dial_agi.domain.numbering.number import Misread, Number

__all__ = ["Grouping", "NumberPlan"]

#: A pattern over a whole number's digits, after a plus or not, and what its groups are put into:
#: a softphone's JavaScript reads it, too.
Grouping = tuple[str, str]

_SEPARATORS = str.maketrans("", "", "-.()")


@dataclass(frozen=True, kw_only=True)
class NumberPlan(ABC):
    """How one integrator's numbers are read, compared, dialled, shown and recorded.

    ``name`` is ``teleforge`` or the country's; ``country`` is the one (ISO 3166) whose kinds and
    prefixes count.  ``formatted`` is whether numbers may be written as people write them.
    Extensions and emergency numbers are a plan's too, for both come before the numbers.
    ``numbers_allowed``, ``caller_ids_allowed`` and ``codes_allowed`` (of countries) are what an
    error says is allowed.

    OpenAPI describes what is not ``formatted`` by ``number_pattern`` and ``caller_id_pattern``, and
    by the least and the greatest number that an integer may be; ``example`` and
    ``caller_id_example`` are good whatever is accepted.
    """

    name: str
    country: str
    formatted: bool
    numbers_allowed: str
    caller_ids_allowed: str
    codes_allowed: str = "allowed country codes"
    number_pattern: str
    caller_id_pattern: str
    integers: tuple[int, int]
    example: str
    caller_id_example: str
    emergency: tuple[str, ...]
    extensions: ExtensionForm = USUAL_EXTENSIONS

    def is_extension(self, text: str) -> bool:
        """Tell whether a text has the form of an extension."""
        return self.extensions.matches(text)

    @abstractmethod
    def read(self, text: str) -> Number | Misread:
        """Read what may be dialled: a callee, or the phone of an external call's agent."""

    @abstractmethod
    def read_caller_id(self, text: str) -> Number | Misread:
        """Read what may be shown as caller ID."""

    def read_trunk(self, text: str) -> Number | None:
        """Read a caller or DID that a trunk names, None for anything but 3 to 16 digits.

        Networks write numbers in many ways, so what is no number of the plan is kept as it came,
        but for what RFC 3966 lets stand between digits.
        """
        return self.read_trunk_digits(text.translate(_SEPARATORS))

    @abstractmethod
    def read_trunk_digits(self, text: str) -> Number | None:
        """Do so with digits, perhaps after a plus."""

    @abstractmethod
    def recall(self, recorded: str) -> Number | None:
        """Return the number that a record has as ``recorded``, None if it has none.

        Not to be read as people write: 49211123456 in a record is clear, and ambiguous in Germany.
        """

    @abstractmethod
    def plain(self, number: Number) -> str:
        """Write a number so that :meth:`read` takes it for no other."""

    @abstractmethod
    def read_prefix(self, text: str) -> str | Misread:
        """Read the beginning of numbers, without its ``*``, as digits that begin like ``e164``."""

    def explain(self, misread: Misread, *, extensions: bool) -> str:
        """Say what a callee or agent may be, or what is missing; ``extensions``: also one."""
        allowed = self.numbers_allowed
        return self.told(
            misread, f"{self.extensions.allowed}, {allowed}" if extensions else allowed
        )

    def explain_caller_id(self, misread: Misread) -> str:
        """Say what an outbound ID may be, or what is missing."""
        return self.told(misread, f"random, tvc_<campaign_name>, {self.caller_ids_allowed}")

    @property
    @abstractmethod
    def groupings(self) -> tuple[Grouping, ...]:
        """How numbers are grouped for the eye; the first pattern that matches counts.

        Numbers of other countries match none and stay as they are.
        """

    @property
    def rewritings(self) -> tuple[Grouping, ...]:
        """How a page writes digits, after a plus or not, so that :meth:`read` takes them."""
        return ()

    def rules(self) -> dict[str, tuple[Grouping, ...]]:
        """Return both, under the names by which pages know them (numbers.js, useRules)."""
        return {"dialled": self.rewritings, "shown": self.groupings}

    @abstractmethod
    def told(self, misread: Misread, allowed: str) -> str:
        """Say what is allowed, with what was understood, or that instead."""

    def warn_of(self, shown: str) -> str:
        """Return why a caller ID, as the trunk gets it, had better not be shown; empty if it may.

        In a country's plan the operator chose the form.
        """
        return ""

    @abstractmethod
    def draw(self, pool: Sequence[Number], callee: Number | None, day: date) -> Number:
        """Choose the caller ID for a call from a pool that is not empty."""
