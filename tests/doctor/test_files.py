"""Files and directories that the configuration names, as doctor sees them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from click2dial_agi.app.doctor import Finding, Level
from click2dial_agi.app.doctor.authorities import check_authorities
from click2dial_agi.app.doctor.files import check_directories
from click2dial_agi.domain.config import parse_config
from tests.domain.examples import ACME


def trusted(**keys: Any) -> dict[str, Finding]:
    """Return what is found of the files that an integrator's keys trust."""
    found = check_authorities(parse_config({"integrators": [{**ACME, **keys}]}))
    return {one.check: one for one in found}


@pytest.mark.case("O28")
def test_whom_the_configuration_trusts(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    hook = {"name": "crm", "url": "https://crm.example/x", "secret": "a-secret-of-the-crm"}
    (one,) = trusted(webhooks=[{**hook, "ca": str(missing)}]).values()
    assert (one.check, one.level) == ("webhook-ca", Level.DANGER)
    assert str(missing) in one.what
    (one,) = trusted(redis=f"rediss://127.0.0.1:6380/0?ssl_ca_certs={missing}").values()
    assert (one.check, one.level) == ("redis-certificate", Level.WARNING)
    assert f"integrators.acme.redis: ssl_ca_certs: {missing}: No such file" in one.what
    os.mkfifo(missing)
    (one,) = trusted(redis=f"rediss://127.0.0.1:6380/0?ssl_ca_certs={missing}").values()
    assert one.what.endswith(f"{missing}: no file")
    assert trusted() == {}


@pytest.mark.case("O26")
def test_a_directory_that_cannot_be_reached(tmp_path: Path) -> None:
    """Other than for root it is mostly one below what only others may enter."""
    spool = tmp_path / ("x" * 300)
    configured = parse_config({"spool_dir": str(spool), "integrators": [ACME]})
    (one,) = check_directories(configured)
    assert (one.check, one.level) == ("directory-away", Level.DANGER)
    assert f"spool_dir: {spool} cannot be reached: File name too long" in one.what
