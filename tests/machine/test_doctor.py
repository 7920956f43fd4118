"""doctor on the machine that README's Install made."""

from __future__ import annotations

import json

import pytest

from sandbox.machine import Machine

# A machine is booted and packages are fetched, perhaps while it is busy.
pytestmark = pytest.mark.timeout(600)

DOCTOR = "/opt/click2dial/bin/click2dial-agi doctor"


def test_it_finds_nothing_on_what_readme_installs(installed: Machine) -> None:
    done = installed.run(f"{DOCTOR} --json", check=False)
    findings = json.loads(done.stdout)["findings"]
    assert [one for one in findings if one["level"] != "note"] == []
    assert done.returncode == 0
