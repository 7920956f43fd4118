"""The alert rules and the dashboard in etc/: what Prometheus makes of them, and real metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.process import MissingToolError, require
from tests.machine.conftest import ROOT, unable

RULES = ROOT / "etc/prometheus/click2dial.rules.yml"
DASHBOARD = ROOT / "etc/grafana/click2dial.json"
METRIC = re.compile(r"click2dial_[a-z_]+")


@pytest.fixture(scope="module")
def promtool() -> str:
    try:
        return require("promtool", "prometheus")
    except MissingToolError as error:
        unable(str(error))
        raise


def run(*argv: str | Path, cwd: Path) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_prometheus_takes_the_rules(promtool: str, tmp_path: Path) -> None:
    run(promtool, "check", "rules", RULES, cwd=tmp_path)


@pytest.mark.case("O18")
def test_each_fault_raises_its_alert(promtool: str, tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    shutil.copy(Path(__file__).with_name("rules.test.yml"), tmp_path)
    run(promtool, "test", "rules", "rules.test.yml", cwd=tmp_path)


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=["rules", "dashboard"])
def test_every_metric_is_one_that_the_server_has(path: Path) -> None:
    documented = set(METRIC.findall((ROOT / "docs/metrics.md").read_text("utf-8")))
    used = set(METRIC.findall(path.read_text("utf-8")))
    assert len(used) >= 5
    assert used <= documented


def test_the_dashboard_is_json_with_a_panel_for_each_question() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(titles) == len(set(titles)) >= 6
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("alert", re.findall(r"alert: (\w+)", RULES.read_text("utf-8")))
def test_every_alert_has_its_cure_in_the_docs(alert: str) -> None:
    assert f"`{alert}`" in (ROOT / "docs/operations.md").read_text("utf-8")
