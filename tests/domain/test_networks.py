"""Which addresses belong to which networks."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from click2dial_agi.domain.networks import is_inside


@pytest.mark.parametrize(
    ("networks", "host", "inside"),
    [
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", True),
        (["127.0.0.0/8"], "128.0.0.1", False),
        (["127.0.0.0/8"], "::1", False),
        (["::1"], "::1", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["10.0.0.0/8", "192.0.2.7"], "192.0.2.7", True),
        (["10.0.0.0/8", "192.0.2.7"], "192.0.2.8", False),
        ([], "127.0.0.1", False),
        (["0.0.0.0/0", "::/0"], "", False),
        (["0.0.0.0/0", "::/0"], "localhost", False),
    ],
)
def test_an_address_is_inside_or_not(networks: list[str], host: str, inside: bool) -> None:
    assert is_inside(host, [ip_network(network) for network in networks]) is inside
