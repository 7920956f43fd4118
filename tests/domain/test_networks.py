"""Whose a request is that came through proxies."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.networks import client_address, is_inside, owner_of, read_address

PROXIES = (ip_network("10.0.0.0/24"), ip_network("2001:db8::/64"))


@pytest.mark.case("C13")
@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["10.9.9.9"], "192.0.2.1"),  # nobody we trust says so
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["10.9.9.9, 192.0.2.7"], "192.0.2.7"),  # the first is the client's own word
        ("10.0.0.1", ["10.9.9.9", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("::ffff:10.0.0.1", [" 2001:db9::1 "], "2001:db9::1"),
        ("10.0.0.1", ["10.9.9.9, nonsense"], "nonsense"),
        ("10.0.0.1", ["10.9.9.9, "], ""),
        ("10.0.0.1", ["10.9.9.9, 192.0.2.7:4711"], "192.0.2.7:4711"),
    ],
)
def test_the_client_behind_proxies(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


@given(st.lists(st.text(max_size=30), max_size=4), st.ip_addresses())
def test_what_a_client_writes_never_counts(written: list[str], client: object) -> None:
    """The proxy adds the client's address behind whatever the client wrote."""
    if not is_inside(str(client), PROXIES):
        found = client_address("10.0.0.1", [*written, str(client)], PROXIES)
        assert found == str(client)
        assert client_address(str(client), written, PROXIES) == str(client)


def test_owners() -> None:
    assert owner_of("192.0.2.1") == owner_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert owner_of("2001:db8:0:1::1") == owner_of("2001:db8:0:1:ffff::2")
    assert owner_of("2001:db8:0:1::1") != owner_of("2001:db8:0:2::1")
    assert owner_of("nonsense") == "nonsense"
    assert read_address("nonsense") is None
