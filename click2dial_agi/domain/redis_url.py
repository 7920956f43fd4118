"""Where a Redis is: one server, a Sentinel's primary, or a cluster.

* ``redis://[user:password@]HOST[:PORT][/DB]``, with ``rediss`` for TLS, as redis-py reads it;
* ``redis+sentinel://[user:password@]HOST[:PORT],…/SERVICE[/DB][?sentinel_password=…]``;
* ``redis+cluster://[user:password@]HOST[:PORT],…``.

``rediss+sentinel`` and ``rediss+cluster`` are the same with TLS.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["RedisKind", "RedisPlace", "parse_redis_url"]

_EXPECTED = (
    "redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB or "
    "redis+cluster://HOST:PORT, or the same with rediss"
)
_SCHEME = re.compile(r"(rediss?)(?:\+(sentinel|cluster))?")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_PATH = re.compile(r"/([A-Za-z0-9._-]{1,128})(?:/([0-9]{1,4}))?")


class RedisKind(StrEnum):
    """What answers at the address."""

    SERVER = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_PORTS = {RedisKind.SENTINEL: 26379, RedisKind.CLUSTER: 6379}


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A Redis URL, taken apart; ``service`` is Sentinel's name for the primary."""

    kind: RedisKind
    tls: bool
    hosts: tuple[tuple[str, int], ...] = ()
    username: str | None = None
    password: str | None = None
    service: str = ""
    db: int = 0
    sentinel_password: str | None = None


def parse_redis_url(text: str) -> RedisPlace:
    """Take a URL apart; of one server only its kind, since redis-py reads its URL itself.

    Raises ValueError with what was expected.
    """
    try:
        url = urlsplit(text)
        scheme = _SCHEME.fullmatch(url.scheme)
        if scheme is None or any(char.isspace() for char in text):
            raise ValueError
        kind, tls = RedisKind(scheme[2] or ""), scheme[1] == "rediss"
        if kind is RedisKind.SERVER:
            if not url.hostname or url.port == 0:
                raise ValueError
            return RedisPlace(kind, tls)
        user, _, hosts = url.netloc.rpartition("@")
        username, _, password = user.partition(":")
        path = _PATH.fullmatch(url.path)
        if kind is RedisKind.SENTINEL and path is None:
            raise ValueError
        if kind is RedisKind.CLUSTER and url.path not in ("", "/", "/0"):
            raise ValueError
        return RedisPlace(
            kind,
            tls,
            tuple(_host(host, _PORTS[kind]) for host in hosts.split(",")),
            unquote(username) or None,
            unquote(password) or None,
            path[1] if path and kind is RedisKind.SENTINEL else "",
            int(path[2] or 0) if path and kind is RedisKind.SENTINEL else 0,
            parse_qs(url.query).get("sentinel_password", [None])[0],
        )
    except ValueError:
        raise ValueError(_EXPECTED) from None


def _host(text: str, default_port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match[3] or default_port) < 65536:
        raise ValueError
    return match[1] or match[2], int(match[3] or default_port)
