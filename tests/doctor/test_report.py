"""The report: its order, its exit code, and that it tells no secret."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys

import pytest

from click2dial_agi.app.doctor import at_start
from click2dial_agi.app.doctor.findings import Finding, Level, as_text, exit_code
from click2dial_agi.io.config_file import load_config
from tests.doctor.conftest import Place
from tests.io.running import eventually, run

NOTE = Finding(Level.NOTE, "n", "a note")
WARNING = Finding(Level.WARNING, "w", "a warning", "a reason", "a command")
DANGER = Finding(Level.DANGER, "d", "a danger", "a reason", "a command")


@pytest.mark.parametrize(
    ("findings", "code"), [([], 0), ([NOTE], 0), ([WARNING, NOTE], 1), ([NOTE, DANGER, WARNING], 2)]
)
def test_the_exit_code_is_the_worst(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code


def test_the_worst_comes_first_with_reason_and_cure() -> None:
    assert as_text([NOTE, WARNING, DANGER]).splitlines() == [
        "danger: a danger",
        "    why:  a reason",
        "    mend: a command",
        "warning: a warning",
        "    why:  a reason",
        "    mend: a command",
        "note: a note",
        "2 found",
    ]
    assert as_text([]) == "all is well"


def test_json_holds_no_secret(place: Place) -> None:
    conf = f"{place.pbx.inside}/etc/asterisk.conf"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "click2dial_agi", "doctor", "--json"),
            *("--config", place.server.config_path, "--asterisk-etc", place.pbx.etc),
            *("--asterisk", f"chroot {place.pbx.tree} asterisk -C {conf}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1, done.stdout
    assert {one["level"] for one in report["findings"]} <= {"note", "warning"}
    assert place.pbx.ari_password not in done.stdout


def test_the_server_says_it_at_its_start_and_again_while_it_lasts(
    place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "click2dial_agi")
    for name in ("_FIRST", "_EVERY"):
        monkeypatch.setattr(at_start, name, 0.01)
    place.set_global("C2D_SPOOL", "/elsewhere/calls.spool")
    config = load_config(place.server.config_path)

    def said(words: str) -> int:
        return sum(words in record.message for record in caplog.records)

    async def scenario() -> None:
        watching = asyncio.create_task(
            at_start.examine_forever(lambda: config, place.server.config_path)
        )
        await eventually(lambda: said("C2D_SPOOL is /elsewhere/calls.spool") >= 2)
        watching.cancel()
        await asyncio.wait([watching])

    run(scenario())
    assert said("append-only file") == 1
    levels = {one.levelno for one in caplog.records if "/elsewhere/" in one.message}
    assert levels == {logging.ERROR}
