"""doctor on the machine that README's Install made."""

from __future__ import annotations

import json

import pytest

from sandbox.machine import Machine
from sandbox.process import until

# A machine is booted and packages are fetched, perhaps while it is busy.
pytestmark = pytest.mark.timeout(600)

DOCTOR = "/opt/click2dial/bin/click2dial-agi doctor"


def test_the_server_says_itself_what_is_wrong(installed: Machine) -> None:
    set_spool = "asterisk -rx 'dialplan set global C2D_SPOOL {}/calls.spool'"
    log = "journalctl -u click2dial-agi -p err | grep 'C2D_SPOOL is /elsewhere'"
    installed.run(set_spool.format("/elsewhere"))
    try:
        installed.run("systemctl restart click2dial-agi")
        until(lambda: installed.run(log, check=False).stdout, 40, "the finding in the journal")
    finally:
        installed.run(set_spool.format("/var/spool/click2dial"))


def test_it_finds_nothing_on_what_readme_installs(installed: Machine) -> None:
    done = installed.run(f"{DOCTOR} --json", check=False)
    findings = json.loads(done.stdout)["findings"]
    assert [one for one in findings if one["level"] != "note"] == []
    assert done.returncode == 0
