"""What a check finds, and how it is told."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum

__all__ = ["Finding", "Level", "as_objects", "as_text", "exit_code"]


class Level(IntEnum):
    """How bad it is; the worst is doctor's exit code."""

    NOTE = 0  # could not be looked at, or good to know
    WARNING = 1
    DANGER = 2  # calls or records are at risk


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.  No text holds a secret.

    ``check`` names the kind for machines (``spool-elsewhere``); ``cure`` is a command, or what to
    write where.
    """

    level: Level
    check: str
    what: str
    why: str = ""
    cure: str = ""

    def line(self) -> str:
        """Return it as one line of a log."""
        why = f" ({self.why})" if self.why else ""
        cure = f"; to mend it: {self.cure}" if self.cure else ""
        return f"{self.what}{why}{cure}"


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0, 1 if there is a warning, 2 if calls or records are at risk."""
    return max((int(one.level) for one in findings), default=0)


def as_text(findings: Sequence[Finding]) -> str:
    """Return the findings for a person, the worst first."""
    lines = []
    for one in sorted(findings, key=lambda finding: -finding.level):
        lines.append(f"{one.level.name.lower()}: {one.what}")
        lines += [f"    why:  {one.why}"] if one.why else []
        lines += [f"    mend: {one.cure}"] if one.cure else []
    bad = sum(one.level is not Level.NOTE for one in findings)
    return "\n".join([*lines, f"{bad} found" if bad else "all is well"])


def as_objects(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Return the findings for JSON."""
    return [{**asdict(one), "level": one.level.name.lower()} for one in findings]
