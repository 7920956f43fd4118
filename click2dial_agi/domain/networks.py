"""Which addresses belong to which networks."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

__all__ = ["Network", "is_inside"]

Network = IPv4Network | IPv6Network


def is_inside(host: str, networks: Sequence[Network]) -> bool:
    """Tell whether a peer's address is in one of the networks.

    A zone (``fe80::1%eth0``) is left aside, and an IPv4 address that a dual-stack socket shows as
    ``::ffff:192.0.2.1`` counts as what it is.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
