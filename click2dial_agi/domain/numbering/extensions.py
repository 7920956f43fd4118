"""Which digits may be an extension (docs/numbers.md)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ANY_EXTENSION", "USUAL_EXTENSIONS", "ExtensionForm"]

_USUAL = (3, 4)
_CONFIGURABLE = range(2, 8)
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class ExtensionForm:
    """How many digits an extension has: 3-4, and as many as the configuration gives to some."""

    lengths: tuple[int, ...] = _USUAL

    @classmethod
    def of(cls, configured: Iterable[int]) -> "ExtensionForm":
        """Return the form for the lengths of the configured extensions, 2 to 7 digits each.

        Raises :exc:`ValueError` for another length.
        """
        lengths = {*_USUAL, *configured}
        if not lengths <= {*_CONFIGURABLE}:
            raise ValueError("extensions of 2 to 7 digits")
        return cls(tuple(sorted(lengths)))

    def matches(self, text: str) -> bool:
        """Tell whether a text has the form of an extension: ASCII digits, as many as one has."""
        return len(text) in self.lengths and _DIGITS.fullmatch(text) is not None

    @property
    def allowed(self) -> str:
        """What is allowed, for an error: ``3-4 digits``, ``3-5 digits``, ``3-4 or 7 digits``."""
        runs: list[list[int]] = []
        for length in self.lengths:
            if runs and length == runs[-1][-1] + 1:
                runs[-1].append(length)
            else:
                runs.append([length])
        names = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
        return f"{' or '.join(names)} digits"


USUAL_EXTENSIONS = ExtensionForm()

#: Whatever some integrator's extensions may be.
ANY_EXTENSION = ExtensionForm(tuple(_CONFIGURABLE))
