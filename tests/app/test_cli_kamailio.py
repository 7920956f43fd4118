"""`kamailio-config`: what it writes where, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from click2dial_agi.app.cli import app

SECTION = """
errors_redis: redis://10.0.0.9/2
integrators: [{name: acme, extensions: [1000-1003]}]
kamailio:
  nodes: [{name: k1, phones: "192.0.2.1:5060", inner: "10.0.0.1:5070"}]
  asterisks: ["10.0.0.11:5060"]
  secret: what-they-have-in-common
"""
TLS = "  tls: {cert: /etc/kamailio/cert.pem, key: /etc/kamailio/key.pem}\n"


@pytest.mark.parametrize("tls", ["", TLS])
def test_tls_that_kamailio_cannot_do_is_told_of(tls: str, tmp_path: Path) -> None:
    path, output = tmp_path / "click2dial.yaml", tmp_path / "kamailio"
    path.write_text(SECTION + tls)
    argv = ["kamailio-config", "--output", str(output), "--config", str(path)]
    result = CliRunner().invoke(app, argv)
    assert result.exit_code == 0
    assert sorted(result.stdout.split()) == sorted(map(str, output.iterdir()))
    assert ("end TLS in front" in result.stderr) == bool(tls)
