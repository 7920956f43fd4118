"""Which addresses belong to which networks, and whose a connection is."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

__all__ = ["Network", "client_address", "is_inside", "owner_of", "read_address", "usual_form"]

Network = IPv4Network | IPv6Network


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, None if the text is none.

    A zone (``fe80::1%eth0``) is left aside, and an IPv4 address that a dual-stack socket shows as
    ``::ffff:192.0.2.1`` counts as what it is.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def usual_form(host: str) -> str:
    """Return a host as one text, however it is written; a name without the dot that may end it."""
    address = read_address(host)
    return str(address) if address is not None else host.lower().removesuffix(".")


def is_inside(host: str, networks: Sequence[Network]) -> bool:
    """Tell whether a peer's address is in one of the networks."""
    address = read_address(host)
    return address is not None and any(address in network for network in networks)


def owner_of(host: str) -> str:
    """Return what stands for the owner of an address: in IPv6 one line has a whole /64."""
    address = read_address(host)
    if address is None:
        return host
    return address.exploded[:19] if isinstance(address, IPv6Address) else str(address)


def client_address(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Return who is behind a connection: ``peer``, or whom trusted proxies name.

    ``forwarded`` holds the values of X-Forwarded-For.  Each proxy adds at the end whom it was
    asked by, so what stands before the last address that is no proxy of ours, anybody may have
    written.  An entry that is no address ends the search: it is returned, and is in no network.
    """
    if not is_inside(peer, proxies):
        return peer
    named = [entry.strip() for value in forwarded for entry in value.split(",")]
    for entry in reversed(named):
        peer = entry
        if not is_inside(entry, proxies):
            break
    return peer
