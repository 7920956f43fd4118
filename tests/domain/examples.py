"""An integrator, its configuration and a call, to be changed in one place by each test."""

from __future__ import annotations

from typing import Any

from click2dial_agi.domain.calls import CallRequest
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.integrators import Integrator

CALL_REF = "0b4e6a3c-1f2d-4c5b-8a79-0123456789ab"

#: An integrator's section; tests change single keys of it.
ACME: dict[str, Any] = {
    "name": "acme",
    "extensions": ["1000-1999", "300"],
    "caller_ids": {"random": ["27820001234"], "verified": {"spring": "27110001234"}},
}


def config(**keys: Any) -> Config:
    """Return a configuration with ACME alone, some of its keys changed."""
    agi = {"secret": "the-dialplans-secret"}
    return parse_config({"agi": agi, "integrators": [{**ACME, **keys}]})


def integrator(**keys: Any) -> Integrator:
    """Return ACME with some of its keys changed."""
    return config(**keys).integrators[0]


def request(**fields: str) -> CallRequest:
    """Return a request that is accepted, with some of its fields changed."""
    asked = {
        "call_ref": CALL_REF,
        "agent": "1000",
        "callee": "0820000100",
        "outbound_id": "27820001234",
        "contact_ref": "ticket-7",
    }
    return CallRequest(**{**asked, **fields})  # type: ignore[arg-type]
