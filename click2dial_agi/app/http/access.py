"""How one listener is reached, and what a request tells of where it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.hosts import Host, KnownHosts
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.networks import Network
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.io.door import Seat, Standing
from click2dial_agi.io.hosts import hosts_of

__all__ = ["Access", "access_of", "check_host", "host_of", "mark_known"]

_MISDIRECTED = Problem(421, (FieldError("host", "a name or an address of this server; see hosts"),))


@dataclass(frozen=True, slots=True)
class Access:
    """What the configuration says of one listener, but for its keys.

    ``public_path`` is what a proxy puts before our paths, and ``public_origin`` that proxy's
    origin.  ``cors_origins`` are the pages of other servers that may call with a key.
    """

    hosts: KnownHosts
    proxies: tuple[Network, ...] = ()
    public_path: str = ""
    public_origin: str = ""
    cors_origins: frozenset[str] = frozenset()

    @classmethod
    def to(cls, integrator: Integrator, listen: Address) -> "Access":
        """Return an integrator's."""
        url = urlsplit(integrator.public_url or "")
        return cls(
            hosts_of(listen, integrator.public_hosts),
            integrator.trusted_proxies,
            integrator.public_path,
            f"{url.scheme}://{url.netloc}".lower() if url.netloc else "",
            frozenset(integrator.cors_origins),
        )

    @classmethod
    def by_host(cls, listen: Address, names: Iterable[str]) -> "Access":
        """Return that of a listener without an integrator."""
        return cls(hosts_of(listen, names))


def access_of(request: Request) -> Access:
    """Return what :class:`~click2dial_agi.app.http.front.Front` has left with a request."""
    access: Access = request.scope["state"]["access"]
    return access


def host_of(request: Request) -> Host:
    """Return the request's Host."""
    host: Host = request.scope["state"]["host"]
    return host


def check_host(request: Request) -> None:
    """Raise :exc:`Problem` (421) unless the request names a host of ours.

    For whatever is given without a key, or depends on the Host: a page from elsewhere whose name
    points here (DNS rebinding) is to a browser a page of ours.
    """
    if host_of(request) not in access_of(request).hosts:
        raise _MISDIRECTED


def mark_known(request: Request) -> None:
    """Let the connection outlast those of strangers when there are too many."""
    seat: Seat | None = request.scope["state"].get("seat")
    if seat is not None:
        seat.worth = Standing.KNOWN
