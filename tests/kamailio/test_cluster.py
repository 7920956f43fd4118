"""`make cluster`, without the calls that last: what a person would watch, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.waiting import patience
from tests.browser.conftest import built

__all__ = ["built"]


@pytest.mark.slow
def test_the_cluster_is_shown(tree: Path, kamailio_installed: None, built: None) -> None:
    """Each part dies once, and no record is lost, doubled or wrong."""
    del tree  # it is built
    argv = [sys.executable, "-m", "sandbox.cluster_demo", "--short"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=patience(40))
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    for name in ("pbx1", "server2", "Redis's primary", "k1"):
        assert f"{name} is killed" in done.stdout, told
    # Of phones: four that are up, and two new ones, in each scene.
    calls = re.findall(r"130[0-5] at k[12] .* 200 after", done.stdout)
    assert len(calls) == 5 * 6, told
    # A browser's call outlasts the death of its Kamailio; that of its Asterisk it may not.
    assert len(re.findall(r"1310 at k1 .* 200 after", done.stdout)) == 5, told
    away = "Reconnecting, In a call, The server cannot be reached. Trying again …"
    assert f"1310's page: {away} → Ready, You hung up." in done.stdout, told
    assert "0 lost, 0 doubled, 0 wrong, 0 unanswered" in done.stdout, told
