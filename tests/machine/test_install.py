"""README's Install, word for word, on Debian's own Asterisk under systemd."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from sandbox.calls import call
from sandbox.machine import Machine
from sandbox.process import until
from sandbox.trunk import Trunk
from tests.machine.conftest import PBX

# A machine is booted and packages are fetched, perhaps while it is busy.
pytestmark = pytest.mark.timeout(600)

LIST = "enigma:notifications:cdr"


#: Seconds from a bare Debian with Asterisk to the first call; what pip fetches comes from near.
AT_MOST = 300


@pytest.mark.case("O1")
def test_readme_leads_to_a_recorded_call(installed: Machine, trunk: Trunk) -> None:
    assert installed.seconds_to_install < AT_MOST
    number = trunk.number()
    with installed.network(), Redis(decode_responses=True) as redis:
        result = call(
            PBX(installed),
            callee=number,
            headers=[
                ("X-Teleforge-Outbound-ID", "27820001234"),
                ("X-Teleforge-Contact-Ref", "first"),
            ],
        )
        assert result.status == 200
        body = until(lambda: redis.rpop(LIST), 5, "the record")
    payload = json.loads(str(body))["payload"]
    assert (payload["contact_ref"], payload["number"]) == ("first", number)
    assert payload["end_reason"] == "hungup"
