"""The PBX of the inbound tests, on which agents hand their clients over."""

from __future__ import annotations

from tests.e2e.inbound.conftest import answers, inbound_server, joined, records, switchboard

__all__ = ["answers", "inbound_server", "joined", "records", "switchboard"]
