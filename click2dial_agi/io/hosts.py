"""By which names and addresses a listener of this machine is reached."""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address

from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.hosts import KnownHosts
from click2dial_agi.domain.networks import read_address

__all__ = ["hosts_of", "is_local"]

_BROADCAST = IPv4Address("255.255.255.255")


def hosts_of(listen: Address, more: Iterable[str] = ()) -> KnownHosts:
    """Return the hosts of a listener: its address or name, the machine's, and those in ``more``.

    One that listens on all addresses is known by each of this machine's.
    """
    address = read_address(listen.host)
    everywhere = address is not None and address.is_unspecified
    own = socket.gethostname()
    names = [own, own.partition(".")[0], *more]
    return KnownHosts(
        names if everywhere else [listen.host, *names], is_local if everywhere else None
    )


def is_local(address: str) -> bool:
    """Tell whether an address is one of this machine's: the kernel lets only those be bound."""
    parsed = read_address(address)
    # They can be bound and are nobody's.
    if parsed is None or parsed.is_unspecified or parsed.is_multicast or parsed == _BROADCAST:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
