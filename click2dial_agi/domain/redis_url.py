"""Where a Redis is: one server, a Sentinel's primary, or a cluster.

* ``redis://[user:password@]HOST[:PORT][/DB]``;
* ``redis+sentinel://[user:password@]HOST[:PORT],…/SERVICE[/DB][?sentinel_password=…]``;
* ``redis+cluster://[user:password@]HOST[:PORT],…``.

``rediss``, ``rediss+sentinel`` and ``rediss+cluster`` are the same with TLS, and take the options
``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile`` (paths), ``ssl_cert_reqs`` (required or none).

A URL is taken as a whole or not at all: a database, a path or an option that would not be used
sends records to where nobody looks for them.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

__all__ = ["RedisKind", "RedisPlace", "parse_redis_url", "same_redis"]

_EXPECTED = (
    "redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB or "
    "redis+cluster://HOST:PORT, or the same with rediss"
)
_USER = "user:password@ or :password@ before the host, with : / ? # @ % in them percent-encoded"
_SCHEME = re.compile(r"(rediss?)(?:\+(sentinel|cluster))?")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_DB = re.compile(r"/?|/(0|[1-9][0-9]{0,3})")
_SERVICE = re.compile(r"/([A-Za-z0-9._-]{1,128})(?:/(0|[1-9][0-9]{0,3})?)?")

_PATHS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CERT_REQS = ("required", "none")

# Names and addresses by which a machine means itself.
_LOOPBACK = "loopback"
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")


class RedisKind(StrEnum):
    """What answers at the address."""

    SERVER = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_PORTS = {RedisKind.SERVER: 6379, RedisKind.SENTINEL: 26379, RedisKind.CLUSTER: 6379}


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A Redis URL, taken apart; ``service`` is Sentinel's name for the primary.

    ``tls_options`` are redis-py's own arguments.  ``str()`` of it holds no secret.
    """

    kind: RedisKind
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = ""
    db: int = 0
    sentinel_password: str | None = field(default=None, repr=False)
    tls_options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        hosts = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts
        )
        service = f"/{self.service}" if self.service else ""
        return (
            f"{hosts}{service}" if self.kind is RedisKind.CLUSTER else f"{hosts}{service}/{self.db}"
        )


def parse_redis_url(text: str) -> RedisPlace:
    """Take a URL apart.  Raises ValueError with what was expected, and nothing of the URL."""
    try:
        url = urlsplit(text)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    scheme = _SCHEME.fullmatch(url.scheme)
    if scheme is None or not text.isascii() or not _is_plain(text):
        raise ValueError(_EXPECTED)
    if "@" not in url.netloc and "@" in _behind_the_host(url):
        raise ValueError(_USER)  # what is taken for the host ends within the password
    if url.fragment:
        raise ValueError(_EXPECTED)
    kind, tls = RedisKind(scheme[2] or ""), scheme[1] == "rediss"
    user, _, hosts = url.netloc.rpartition("@")
    username, password = _user(user)
    service, db = _path(kind, url.path)
    options = _options(url.query)
    sentinel_password = options.pop("sentinel_password", None)
    if (sentinel_password is not None and kind is not RedisKind.SENTINEL) or (options and not tls):
        raise ValueError(_options_expected(kind, tls))
    return RedisPlace(
        kind,
        tls,
        _hosts(kind, hosts),
        username,
        password,
        service,
        db,
        sentinel_password,
        options,
    )


def same_redis(one: RedisPlace, other: RedisPlace) -> bool:
    """Tell whether two URLs, however they are written, lead to the same database.

    Names are not looked up: two that mean one machine are found when both are connected.
    """
    if (one.kind, one.db, one.service) != (other.kind, other.db, other.service):
        return False
    return bool(_canonical(one) & _canonical(other))


def _is_plain(text: str) -> bool:
    return text.isprintable() and " " not in text


def _behind_the_host(url: SplitResult) -> str:
    query = "" if "sentinel_password=" in url.query else url.query
    return f"{url.path}{query}{url.fragment}"


def _user(text: str) -> tuple[str | None, str | None]:
    username, colon, password = text.partition(":")
    if text and (not colon or not password or "@" in text):
        raise ValueError(_USER)
    return unquote(username) or None, unquote(password) or None


def _hosts(kind: RedisKind, text: str) -> tuple[tuple[str, int], ...]:
    parts = text.split(",")
    if kind is RedisKind.SERVER and len(parts) > 1:
        raise ValueError(_EXPECTED)
    found = []
    for part in parts:
        match = _HOST.fullmatch(part)
        port = int(match[3] or _PORTS[kind]) if match else 0
        if match is None or not 0 < port < 65536:
            raise ValueError(_EXPECTED)
        found.append((match[1] or match[2], port))
    return tuple(found)


def _path(kind: RedisKind, path: str) -> tuple[str, int]:
    if kind is RedisKind.SENTINEL:
        match = _SERVICE.fullmatch(path)
        if match is None:
            raise ValueError(
                "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB, DB a number or absent"
            )
        return match[1], int(match[2] or 0)
    match = _DB.fullmatch(path)
    if match is None:
        raise ValueError("a number after the host, which is the database, or nothing")
    if kind is RedisKind.CLUSTER and match[1] not in (None, "0"):
        raise ValueError("redis+cluster://HOST:PORT without a database: a cluster has only 0")
    return "", int(match[1] or 0)


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError(f"options as name=value; {_EXPECTED}") from None
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("each option once")
    for name, value in options.items():
        known = (
            (name in _PATHS and value.startswith("/"))
            or (name == "ssl_cert_reqs" and value in _CERT_REQS)
            or (name == "sentinel_password" and value)
        )
        if not known:
            raise ValueError(
                "no options but sentinel_password with redis+sentinel and, with rediss, "
                "ssl_ca_certs, ssl_certfile, ssl_keyfile (absolute paths) and "
                "ssl_cert_reqs (required or none)"
            )
    return options


def _options_expected(kind: RedisKind, tls: bool) -> str:
    allowed = ["sentinel_password"] if kind is RedisKind.SENTINEL else []
    allowed += [*_PATHS, "ssl_cert_reqs"] if tls else []
    return f"no options but {', '.join(allowed)}" if allowed else "no options with this scheme"


def _canonical(place: RedisPlace) -> set[tuple[str, int]]:
    return {(_canonical_host(host), port) for host, port in place.hosts}


def _canonical_host(host: str) -> str:
    name = host.lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return _LOOPBACK
    try:
        # As the resolver reads them, 127.1 and 0177.0.0.1 are addresses too.
        address = ip_address(socket.inet_aton(name)) if ":" not in name else ip_address(name)
    except (OSError, ValueError):
        return name
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return _LOOPBACK if address.is_loopback or address.is_unspecified else str(address)
