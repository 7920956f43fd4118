"""Who may open a WebSocket: path, Origin, rate and number of connections.  No input or output."""

from collections.abc import Container, Sequence
from http import HTTPStatus
from typing import NamedTuple

from click2dial_agi.domain.config_types import ANY_ORIGIN, SAME_HOST
from click2dial_agi.domain.hosts import Host, read_host
from click2dial_agi.domain.networks import owner_of

__all__ = ["Rate", "Rejection", "check_handshake", "origin_allowed"]

PATH = "/ws"
SUBPROTOCOL = "sip"

_WINDOW = 60.0


class Rejection(NamedTuple):
    """The HTTP response to a handshake that is refused."""

    status: HTTPStatus
    reason: str


def check_handshake(
    path: str,
    hosts: Sequence[str],
    request_origins: Sequence[str],
    subprotocols: Sequence[str],
    allowed_origins: Sequence[str],
    known_hosts: Container[Host],
) -> Rejection | None:
    """Return why a handshake is refused, None if it is good.

    The sequences hold every value of the Host, Origin and Sec-WebSocket-Protocol headers.
    """
    host = read_host(hosts)
    if host is None:
        return Rejection(
            HTTPStatus.BAD_REQUEST, "one Host header: a name or an address, and a port"
        )
    if path.partition("?")[0] != PATH:
        return Rejection(HTTPStatus.NOT_FOUND, f"SIP over WebSocket is at {PATH}")
    if not origin_allowed(request_origins, host, allowed_origins, known_hosts):
        return Rejection(HTTPStatus.FORBIDDEN, "this page's Origin is not in edge.origins")
    offered = [name.strip() for value in subprotocols for name in value.split(",")]
    if SUBPROTOCOL not in offered:
        return Rejection(HTTPStatus.BAD_REQUEST, f"the subprotocol must be {SUBPROTOCOL}")
    return None


def origin_allowed(
    origins: Sequence[str], host: Host, allowed: Sequence[str], known_hosts: Container[Host]
) -> bool:
    """Tell whether a page may connect.

    A browser always states its page's Origin; a client without one is no browser, could state
    any, and is let in: the check keeps strange pages out of people's browsers, the password of the
    endpoint keeps strange phones out.  With ``same-host`` the port and the scheme may differ, since
    the page is mostly served by another server; the host must be one that is known, or any page
    whose name points here would be on the same host.
    """
    if not origins or ANY_ORIGIN in allowed:
        return True
    if len(origins) > 1:
        return False
    origin = origins[0].lower()
    if origin in allowed:
        return True
    scheme, _, page = origin.partition("://")
    if SAME_HOST not in allowed or scheme not in ("http", "https") or host not in known_hosts:
        return False
    page_host = read_host([page])
    return page_host is not None and page_host.name == host.name


class Rate:
    """Counts connections by address in windows of a minute.

    A fixed window lets up to twice the limit through around its end; in return it costs one small
    entry for each address, all of which are forgotten together.
    """

    def __init__(self) -> None:
        self._began = float("-inf")
        self._counts: dict[str, int] = {}

    def count(self, address: str, now: float) -> int:
        """Return how many connections, this one included, the address made in this minute."""
        if now - self._began >= _WINDOW:
            self._began = now
            self._counts = {}
        owner = owner_of(address)
        self._counts[owner] = count = self._counts.get(owner, 0) + 1
        return count

    def retry_after(self, now: float) -> int:
        """Return in how many seconds the next minute begins."""
        return max(1, round(self._began + _WINDOW - now))
