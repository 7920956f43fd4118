"""Clients of Redis by URL: one server, the primary that a Sentinel names, or a cluster."""

import random
from collections.abc import AsyncIterator
from typing import Any, cast

from redis import DriverInfo
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from click2dial_agi import __version__
from click2dial_agi.domain.redis_url import RedisKind, RedisPlace, parse_redis_url
from click2dial_agi.exceptions import NotificationError

__all__ = ["REDIS_ERRORS", "answer_of", "connect", "messages", "subscriber"]

# What a Redis that is away, or that refuses, makes of a command.  A cluster of which no node
# answers is none of redis-py's RedisErrors; TimeoutError is an OSError; and where the connection
# breaks between two steps of its beginning, uvloop has a RuntimeError, which redis-py lets pass.
REDIS_ERRORS = (RedisError, RedisClusterException, OSError, RuntimeError)

# What Redis says of our connections in CLIENT LIST.  One for all clients: redis-py reads its own
# version from the disk, which takes 3 ms, and a reload makes several clients for each integrator.
_DRIVER = DriverInfo().add_upstream_driver("click2dial-agi", __version__)


async def answer_of(command: Any) -> Any:
    """Return what Redis answers to a command.  Raises :exc:`NotificationError`."""
    try:
        return await command
    except REDIS_ERRORS as error:
        raise NotificationError(f"Redis: {error or type(error).__name__}") from error


class _Primary(Redis):
    """The primary of a Sentinel's service; closing it closes the Sentinel's connections too."""

    asked: "list[Redis]"

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        for sentinel in self.asked:
            await sentinel.aclose()


def connect(url: str, timeout: float) -> Redis:
    """Return a client that takes and gives text; it connects when it is first used.

    ``timeout``, in seconds, holds for connecting and for each answer.  A Sentinel is asked for
    the primary at each new connection, so a failover needs nothing but one that breaks.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # One retry: a connection that Redis closed while idle is found out by using it.
        "retry": Retry(NoBackoff(), 1),
        "decode_responses": True,
        "encoding_errors": "replace",  # anybody may write into it
        "driver_info": _DRIVER,
    }
    place = parse_redis_url(url)
    if place.kind is RedisKind.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in place.hosts]
        cluster = RedisCluster(startup_nodes=nodes, **options, **_login(place), **_tls(place))
        return cast(Redis, cluster)  # the commands are the same
    return _one(place, options)


def subscriber(url: str, timeout: float | None = None) -> Redis:
    """Return a client to subscribe with; what is silent is no error, but not connecting is.

    In a cluster any node will do: each hands on to all others what is published on it.
    """
    options: dict[str, Any] = {
        "socket_timeout": None,
        "socket_connect_timeout": timeout,
        # Redis's own tries, with pauses between them, would hide that it was away.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "encoding_errors": "replace",  # anybody may publish on a channel
        "driver_info": _DRIVER,
    }
    return _one(parse_redis_url(url), options)


async def messages(subscription: PubSub, silence: float) -> AsyncIterator[dict[str, Any]]:
    """Yield what arrives on a subscription.

    After ``silence`` seconds without anything the connection is asked whether it still works; it
    may have died without a word.  Raises TimeoutError after twice that.
    """
    asked = False
    while True:
        message: dict[str, Any] | None = await subscription.get_message(timeout=silence)
        if message is not None:
            asked = False
            yield message
        elif asked:
            raise TimeoutError(f"silent for {2 * silence:g} s")
        else:
            await subscription.ping()
            asked = True


def _one(place: RedisPlace, options: dict[str, Any]) -> Redis:
    if place.kind is RedisKind.SENTINEL:
        return _primary(place, options)
    host, port = random.choice(place.hosts)
    return Redis(host=host, port=port, db=place.db, **options, **_login(place), **_tls(place))


def _primary(place: RedisPlace, options: dict[str, Any]) -> Redis:
    asked = {
        name: value
        for name, value in options.items()
        if name.startswith("socket_") or name == "driver_info"
    }
    sentinel = cast(Any, Sentinel)(  # it has no annotations
        list(place.hosts),
        sentinel_kwargs={**asked, **_tls(place), "password": place.sentinel_password},
        db=place.db,
        **options,
        **_login(place),
        **_tls(place),
    )
    primary = cast(_Primary, sentinel.master_for(place.service, redis_class=_Primary))
    primary.asked = sentinel.sentinels
    return primary


def _login(place: RedisPlace) -> dict[str, Any]:
    return {"username": place.username, "password": place.password}


def _tls(place: RedisPlace) -> dict[str, Any]:
    if not place.tls:
        return {}
    checked = place.tls_options.get("ssl_cert_reqs") != "none"
    return {"ssl": True, "ssl_check_hostname": checked, **place.tls_options}
