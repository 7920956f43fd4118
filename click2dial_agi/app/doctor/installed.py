"""What is installed is whole, and all of it of this version."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.app.http.files import SOFTPHONE_FILES
from click2dial_agi.domain.config import Config

__all__ = ["check_pages", "check_units"]

_UNITS = ("click2dial-agi.service", "click2dial-drain.service", "click2dial-drain.path")

# Where it is installed is the operator's affair.
_PROGRAM = re.compile(r"\S*/click2dial-agi\b")


def check_units(
    etc: Path = Path("/etc/systemd/system"),
    packaged: Path = Path("/usr/lib/systemd/system"),
    ours: Path = Path(sys.prefix, "share/click2dial/etc"),
) -> Iterator[Finding]:
    """Name each unit in ``etc`` that says something else than the one in ``ours``.

    An upgrade by pip leaves them as they were.
    """
    for name in _UNITS:
        there = etc / name
        with contextlib.suppress(OSError):
            said = _directives(there)
            if not said or said == _directives(ours / name):  # a masked unit is an empty one
                continue
            cure = f"rm {there}" if (packaged / name).exists() else f"cp {ours / name} {there}"
            yield Finding(
                Level.WARNING,
                "unit-stale",
                f"{there} is not the unit of this version",
                "what keeps calls through a restart or a server that freezes may be missing in it",
                f"{cure}, and systemctl daemon-reload; changes of yours: systemctl edit {name}",
            )


def check_pages(config: Config, files: Path = SOFTPHONE_FILES) -> Iterator[Finding]:
    """Say that a page's script is missing, which pip cannot build from a clone."""
    pages = {
        "softphone": [one.name for one in config.integrators if one.softphone],
        "console": [one.name for one in config.integrators if one.console],
    }
    for page, names in pages.items():
        script = files / f"dist/{page}.js"
        if not names or script.exists():
            continue
        yield Finding(
            Level.WARNING,
            f"{page}-missing",
            f"integrators.{names[0]}.{page}: {script} does not exist",
            "the page answers 503",
            "apt install npm, and in the clone make softphone and pip install . again; a wheel "
            "and the Debian package bring it along",
        )


def _directives(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text("utf-8", "replace").splitlines())
    return [_PROGRAM.sub("", line) for line in lines if line and line[0] not in "#;"]
