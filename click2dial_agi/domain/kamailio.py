"""Kamailio in front of several Asterisks, as the configuration has it (docs/kamailio.md)."""

import re
from collections.abc import Iterator
from hmac import new as keyed
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from click2dial_agi.domain.config_types import (
    ANY_ORIGIN,
    Address,
    ExtensionRange,
    HostName,
    Listen,
    Secret,
    Section,
    WebOrigin,
    as_tuple,
)
from click2dial_agi.domain.integrators import TLS
from click2dial_agi.domain.redis_url import RedisKind, parse_redis_url

__all__ = ["DOOR_NAME", "Kamailio", "KamailioNode", "redis_problem"]

#: With which name, and the key below, one asks a node whether an agent has a phone.
DOOR_NAME = "click2dial"

# Neither ends Kamailio's parameter or its string, nor begins a comment.
_PASSWORD = re.compile(r"[A-Za-z0-9_.:/@=+!%^*~-]*")

# A name that can be in DNS: where a digit begins the last part it is an address, or a mistyped one.
_LABEL = "(?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:[A-Za-z0-9]{_LABEL}[.])*[A-Za-z]{_LABEL}")

_SIP_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _ipv4(address: Address) -> IPv4Address | None:
    """Return what is no name."""
    try:
        return IPv4Address(address.host)
    except AddressValueError:
        return None


def _own_address(value: Address) -> Address:
    # It stands in Record-Route, Via and the others' lists, so it can be neither a name nor "all".
    given = _ipv4(value)
    if given is None or given.is_unspecified or given.is_multicast or not value.port:
        raise ValueError("an IPv4 address of one machine and its port, such as 10.0.0.1:5060")
    return value


def _entrance(value: Address) -> Address:
    if _DNS_NAME.fullmatch(value.host) and value.port:
        return value
    try:
        return _own_address(value)
    except ValueError as error:
        raise ValueError(f"{error}, or a name in place of the address") from None


def _public(value: str) -> str:
    # RFC 3261's hostname has no underscore, which other keys take.
    if not _SIP_HOST.fullmatch(value):
        raise ValueError("a name of letters, digits, - and ., or an IPv4 address, without a port")
    return value


OwnAddress = Annotated[Listen, AfterValidator(_own_address)]
NodeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
Realm = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


def _origin(value: object) -> object:
    return () if value == [ANY_ORIGIN] else as_tuple(value)


class KamailioNode(Section):
    """One Kamailio: where phones, browsers and Asterisks reach it."""

    name: NodeName
    phones: OwnAddress
    # What phones are told where `phones` is behind a NAT.
    public: Annotated[HostName, AfterValidator(_public)] | None = None
    browsers: OwnAddress | None = None
    inner: OwnAddress

    def addresses(self) -> Iterator[tuple[str, Address]]:
        """Yield what it listens on, with the keys."""
        yield "phones", self.phones
        yield "inner", self.inner
        if self.browsers is not None:
            yield "browsers", self.browsers


class Kamailio(Section):
    """All Kamailios and the Asterisks behind them.

    The secret is what they have in common; what the files hold is made from it.
    """

    nodes: Annotated[
        tuple[KamailioNode, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=4)
    ]
    # Where the Asterisks send SIP from and take it, in the order in which they are asked.
    asterisks: Annotated[
        tuple[OwnAddress, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=64)
    ]
    # Where the Asterisks send calls for agents: an address that moves, or a name that leads to the
    # inner address of a node.  Absent: the first node.
    entrance: Annotated[Listen, AfterValidator(_entrance)] | None = None
    secret: Annotated[Secret, Field(min_length=16, max_length=128)]
    realm: Realm = "click2dial"
    tls: TLS | None = None
    # Pages that may connect; empty: all, as a browser has to log in like a phone.
    origins: Annotated[tuple[WebOrigin, ...], BeforeValidator(_origin), Field(max_length=64)] = ()
    # The agents whose phone is a browser: their audio is another.
    browser_agents: Annotated[tuple[ExtensionRange, ...], BeforeValidator(as_tuple)] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [node.name for node in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError("nodes: each name once")
        inner = [node.inner for node in self.nodes]
        inside = [*inner, *self.asterisks]
        outside = [one for node in self.nodes for key, one in node.addresses() if key != "inner"]
        if len({*inside, *outside}) != len(inside) + len(outside):
            raise ValueError("nodes and asterisks: each address and port once")
        if self.entrance in {*outside, *self.asterisks}:
            raise ValueError("entrance: no address and port of phones, browsers or asterisks")
        # Where a name leads a node listens on its own address alone.
        if self.entrance and not _ipv4(self.entrance):
            listened = sorted({one.port for one in inner})
            if self.entrance.port not in listened:
                known = " or ".join(map(str, listened))
                raise ValueError(f"entrance: a name with the port of a node's inner ({known})")
        return self

    @property
    def asterisks_entrance(self) -> Address:
        """Where the Asterisks send calls for agents."""
        return self.entrance or self.nodes[0].inner

    @property
    def moving_entrance(self) -> Address | None:
        """The entrance if it is an address of no node's own: all listen on it, one has it."""
        if self.entrance is None or self.entrance in [node.inner for node in self.nodes]:
            return None
        return self.entrance if _ipv4(self.entrance) else None

    def node(self, name: str) -> KamailioNode | None:
        """Return the Kamailio of this name, None if there is none."""
        return next((node for node in self.nodes if node.name == name), None)

    def derived(self, purpose: str) -> str:
        """Return 64 hex digits that only who knows the secret can make."""
        return keyed(self.secret.encode(), purpose.encode(), "sha256").hexdigest()

    @property
    def door_key(self) -> str:
        """What opens a node's door, through which one asks whether an agent has a phone."""
        return self.derived("door")


def redis_problem(url: str | None) -> str:
    """Return what Kamailio's module cannot do with the Redis of logins and errors, or nothing."""
    if url is None:
        return "errors_redis: required where there is kamailio, for its logins and errors"
    place = parse_redis_url(url)
    if place.kind is RedisKind.CLUSTER or place.tls or place.username or place.sentinel_password:
        return (
            "errors_redis: redis:// or redis+sentinel://, with a password and no user, as Kamailio "
            "knows no other"
        )
    if not _PASSWORD.fullmatch(place.password or ""):
        return "errors_redis: a password of letters, digits and _.:/@=+!%^*~- for Kamailio"
    return ""
