"""What doctor says of FreePBX's forms."""

from __future__ import annotations

from typing import Any

import pytest

from click2dial_agi.app.doctor.endpoints import check_endpoints
from click2dial_agi.app.doctor.findings import Level
from click2dial_agi.app.doctor.freepbx import check_freepbx
from click2dial_agi.domain.config import Config
from click2dial_agi.io.ari_facts import EndpointFacts

ROUTES = "Local/{number}@from-internal"


def config(**keys: Any) -> Config:
    one = {"name": "acme", "redis": "redis://127.0.0.1/0", "extensions": ["3000-3999"], **keys}
    return Config.model_validate({"integrators": [one]})


def told(integrator: dict[str, str], *given: str) -> list[str]:
    return [one.check for one in check_freepbx(config(**integrator), *given)]


@pytest.mark.case("F1")
def test_routes_without_the_file_are_named() -> None:
    assert told({"trunk_dial": ROUTES}, "", "") == ["freepbx-missing"]
    assert told({"trunk_dial": ROUTES}, "0.2.0", "") == []
    assert told({"trunk_dial": "PJSIP/{number}@trunk"}, "", "T") == []


@pytest.mark.case("F5")
@pytest.mark.parametrize(("options", "named"), [("T", True), ("rt", True), ("r", False)])
def test_options_that_let_a_feature_code_transfer_are_named(options: str, named: bool) -> None:
    found = told({"trunk_dial": ROUTES}, "0.2.0", options)
    assert found == ["freepbx-trunk-options"] * named


@pytest.mark.case("F6")
def test_agents_behind_voicemail_are_warned_of() -> None:
    phone = EndpointFacts("3001", "online", {"context": "from-internal"})
    local = config(agent_dial="Local/{extension}@from-internal")
    found = {one.check: one for one in check_endpoints(local, [phone], freepbx=True)}
    assert found["agent-dial-local"].level is Level.WARNING
    assert "voicemail" in found["agent-dial-local"].why
    assert list(found) == ["agent-dial-local"]


@pytest.mark.case("F4")
def test_phones_may_stay_in_from_internal() -> None:
    phone = EndpointFacts("3001", "online", {"context": "from-internal"})
    assert list(check_endpoints(config(), [phone], freepbx=True)) == []
    assert [one.check for one in check_endpoints(config(), [phone])] == ["context-elsewhere"]
