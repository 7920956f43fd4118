"""``click2dial-agi doctor``."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from click2dial_agi import __version__
from click2dial_agi.app.doctor.examine import examine
from click2dial_agi.app.doctor.findings import as_objects, as_text, exit_code
from click2dial_agi.domain.config import Config
from click2dial_agi.io.asterisk_console import AsteriskConsole

__all__ = ["run"]


def run(
    config: Config, config_path: Path, console: Sequence[str], etc: Path, *, as_json: bool
) -> int:
    """Examine, print, and return the exit code."""
    asked = AsteriskConsole(console) if console else None
    findings = asyncio.run(examine(config, config_path, console=asked, etc=etc))
    if as_json:
        print(json.dumps({"version": __version__, "findings": as_objects(findings)}, indent=1))
    else:
        print(as_text(findings))
    return exit_code(findings)
