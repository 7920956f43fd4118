"""The units themselves, as systemd judges them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from sandbox.process import MissingToolError, require
from tests.machine.conftest import ROOT, unable

SERVICES = sorted((ROOT / "etc").glob("*.service"))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_service_is_little_exposed(unit: Path) -> None:
    try:
        analyze = require("systemd-analyze", "systemd")
    except MissingToolError as error:
        unable(str(error))
    argv = [analyze, "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= 2.0
