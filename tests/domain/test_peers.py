"""Whose a channel is, above all one to another PBX."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.peers import Peer

ENDPOINTS = {"alice": "1001"}
CHANNEL = "PJSIP/west-0000000a"


@pytest.mark.case("S9")
@pytest.mark.parametrize(
    ("told", "channel", "extension"),
    [
        ("1001@west", CHANNEL, "1001"),  # also if his phone has another name
        ("1002@west", CHANNEL, "1002"),
        ("1001@west", "PJSIP/1003-0000000a", "1001@west"),  # who is nobody's
        ("1001@west", "PJSIP/alice-0000000a", "1001"),
        ("1001@", CHANNEL, "1001@"),
        ("1001", CHANNEL, "west"),  # as after a pickup
        ("", CHANNEL, "west"),
    ],
)
def test_a_phone_at_another_pbx_is_on_the_channel_that_leads_there(
    told: str, channel: str, extension: str
) -> None:
    assert Peer(told, channel).extension(ENDPOINTS) == extension


@pytest.mark.case("S9")
@given(st.text(st.characters(exclude_characters="@")), st.text(), st.text())
def test_what_is_told_of_another_endpoints_way_is_nobodys_extension(
    extension: str, way: str, endpoint: str
) -> None:
    whose = Peer(f"{extension}@{way}", f"PJSIP/{endpoint}-0000000a")
    for one in (way, endpoint):
        there = whose._replace(channel=f"PJSIP/{one}-0000000a").extension({})
        assert there == (extension if one == way != "" else whose.told)
