"""Which Host a request may name.  No input or output.

A page whose name its owner lets point at this server (DNS rebinding) is to a browser a page of this
server: Origin and Host agree, and the request comes from a network that is trusted.  Only the name
gives it away, so where a request needs no key the name must be one that is known.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from click2dial_agi.domain.networks import read_address, usual_form

__all__ = ["NO_HOST", "Host", "KnownHosts", "read_host"]

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")

_LOOPBACK_NAME = "localhost"


class Host(NamedTuple):
    """The value of a Host header: a name or an address, and the port as it was written."""

    name: str
    port: str

    @property
    def uri_name(self) -> str:
        """The name as it stands in a URI: IPv6 in brackets."""
        return f"[{self.name}]" if ":" in self.name else self.name


#: That of a request which names none; it is no known one.
NO_HOST = Host("", "")


def read_host(values: Sequence[str]) -> Host | None:
    """Return the one Host of a request, None if it has none, several, or what is no host.

    The name is in lower case and without the dot that may end it; an address in its one usual form.
    """
    match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
    if match is None or int(match[3] or "1") not in range(1, 65536):
        return None
    address = read_address(match[1] or match[2])
    if match[1] is not None and (address is None or ":" not in match[1]):
        return None
    name = usual_form(match[1] or match[2])
    return Host(name, match[3] or "") if name else None


class KnownHosts:
    """The hosts by which one listener is reached.

    ``names`` are the configured ones, the machine's name and what it listens on;
    ``is_local`` tells whether an address is one of this machine's, and is None where the listener
    has one address of its own.
    """

    def __init__(self, names: Iterable[str], is_local: Callable[[str], bool] | None) -> None:
        hosts = [read_host([f"[{name}]" if ":" in name else name]) for name in names]
        self._names = {_LOOPBACK_NAME, *(host.name for host in hosts if host is not None)}
        self._is_local = is_local

    def __contains__(self, host: object) -> bool:
        if not isinstance(host, Host):
            return False
        if host.name in self._names:
            return True
        if self._is_local is None or read_address(host.name) is None:
            return False
        return self._is_local(host.name)
