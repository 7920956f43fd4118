"""Redis: does each integrator's take records, and will it keep them."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from redis.exceptions import NoPermissionError, ResponseError

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.redis_url import RedisKind, parse_redis_url
from click2dial_agi.io.redis_checks import needs, permissions, unknown_command
from click2dial_agi.io.redis_client import REDIS_ERRORS, connect

__all__ = ["check_redis", "cure_of", "place_of"]

_TIMEOUT = 2.0

# How many Redis are looked at together.
_AT_ONCE = 50

_RECORDS = "its records wait in the journal on this machine's disk"

# What pushing a record does, on a key that nobody reads, which is gone at once.
_TRY = """
redis.call('LPUSH', KEYS[1], 'doctor')
redis.call('SET', KEYS[2], '1', 'EX', 1)
redis.call('PUBLISH', KEYS[1], 'doctor')
return redis.call('DEL', KEYS[1], KEYS[2])
"""


async def check_redis(config: Config) -> list[Finding]:
    """Push as a record would be pushed, and look at what the server may throw away.

    Side by side, in the order of the configuration: one that hangs holds up no other.
    """
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def examine(one: Integrator) -> list[Finding]:
        async with at_once:
            return await _examine(one, is_live=config.is_live)

    found = await asyncio.gather(*map(examine, config.integrators))
    return [finding for of_one in found for finding in of_one]


async def _examine(one: Integrator, *, is_live: bool) -> list[Finding]:
    client, found = connect(one.redis, _TIMEOUT), list[Finding]()
    try:
        found += await _server(one, cast(Any, client))
        found += await _rights(one, client, is_live)
    except REDIS_ERRORS as error:
        what = (
            f"integrators.{one.name}.redis: {place_of(one.redis)} does not take records for "
            f"{one.cdr_list}: {str(error) or 'no answer in time'}"
        )
        cure = cure_of(str(error))
        found.append(Finding(Level.DANGER, "redis-refuses", what, _RECORDS, cure))
        if cure == _COMMANDS:  # within a script Redis does not say which
            found += await _rights(one, client, is_live)
    finally:
        await client.aclose()
    return found


async def _server(one: Integrator, client: Any) -> list[Finding]:
    # Named as a list and its marks are, so that they take the same rights.
    key = f"{one.key_prefix}:doctor"
    await client.eval(_TRY, 2, key, f"{{{key}}}:pushed:doctor")
    found = await _types(one, client)
    if parse_redis_url(one.redis).kind is RedisKind.CLUSTER:
        return found
    try:
        memory: Mapping[str, Any] = await client.info("memory")
        keeping: Mapping[str, Any] = await client.info("persistence")
    except REDIS_ERRORS as error:  # INFO may be forbidden to this user
        what = f"integrators.{one.name}.redis: not examined further: {error}"
        return [*found, Finding(Level.NOTE, "redis-unseen", what)]
    return [*found, *_judge(one, memory, keeping)]


async def _types(one: Integrator, client: Any) -> list[Finding]:
    """Look whether a list's name is anything else's."""
    where = f"integrators.{one.name}.redis: {place_of(one.redis)}"
    found = []
    for name in one.lists:
        try:
            await client.llen(name)
        except NoPermissionError:  # told of among the rights
            continue
        except ResponseError as error:
            if unknown_command(error):  # likewise
                continue
            kind = await _type(client, name)
            found.append(
                Finding(
                    Level.DANGER,
                    "redis-list-taken",
                    f"{where}: {name} is {kind}, no list",
                    _RECORDS,
                    f"redis-cli RENAME {name} {name}:other, and another key_prefix for one",
                )
            )
    return found


async def _type(client: Any, name: str) -> str:
    try:
        return f"a {await client.type(name)}"
    except REDIS_ERRORS:  # which no server runs, so this user may lack it
        return "of another type"


async def _rights(one: Integrator, client: Any, is_live: bool) -> list[Finding]:
    what = await permissions(client, needs(one, is_live=is_live), one.cdr_list)
    where = f"integrators.{one.name}.redis: {place_of(one.redis)}"
    lost = "what needs these rights is missing: events, history, created calls, or records"
    cures = (_COMMANDS if "rename-command" in text else _ACL for text in what)
    return [
        Finding(Level.WARNING, "redis-rights", f"{where}: {text}", lost, cure)
        for text, cure in zip(what, cures, strict=True)
    ]


def _judge(
    one: Integrator, memory: Mapping[str, Any], keeping: Mapping[str, Any]
) -> Iterator[Finding]:
    where = f"integrators.{one.name}.redis: {place_of(one.redis)}"
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Finding(
            Level.DANGER if int(memory.get("maxmemory", 0)) else Level.WARNING,
            "redis-evicts",
            f"{where} throws keys away when its memory is full (maxmemory-policy {policy})",
            "records that nobody has popped yet are lost without a word",
            "redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf",
        )
    if not int(keeping.get("aof_enabled", 0)):
        yield Finding(
            Level.NOTE,
            "redis-forgets",
            f"{where} keeps no append-only file",
            "if it is killed, the last records before that are gone",
            "redis-cli CONFIG SET appendonly yes, and in redis.conf",
        )


def place_of(url: str) -> str:
    """Return a Redis URL without its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


_ACL = "the ACL in docs/redis.md; redis-cli ACL LOG tells what was refused"
_COMMANDS = "no rename-command in redis.conf of what docs/redis.md names; then restart it"
_PRIMARY = "the address of the primary, or redis+sentinel://"
_LOGIN = "user and password in the URL: redis://user:password@HOST:6379/0"
_CLUSTER = "redis-cli CLUSTER INFO: nodes are away"
_TLS = "ssl_ca_certs in the URL, or the name that stands in its certificate: docs/redis.md, URLs"
_NAME = "the host in the URL, or the resolver of this machine: getent hosts HOST"

# By words of what Redis, the system or OpenSSL say, the particular ones first.  The library takes
# Redis's own code away, where it knows it.
_CURES = {
    # Before Redis 6, or renamed.
    "UNKNOWN COMMAND 'HELLO'": "Redis 6.0 or later, and no rename-command HELLO in redis.conf",
    "UNKNOWN COMMAND `HELLO`": "Redis 6.0 or later, and no rename-command HELLO in redis.conf",
    "UNKNOWN COMMAND": _COMMANDS,
    "UNKNOWN REDIS COMMAND": _COMMANDS,
    "NOPERM": _ACL,
    "NO PERMISSIONS": _ACL,
    "USER EXECUTING": _ACL,
    "MISCONF": "its log: it cannot write its disk; df -h, or dir and its owner in redis.conf",
    "NOREPLICAS": "redis-cli INFO replication: its replicas are away (min-replicas-to-write)",
    "READONLY": _PRIMARY,
    "READ ONLY": _PRIMARY,
    "READ-ONLY": _PRIMARY,
    "MASTERDOWN": _PRIMARY,
    "LINK WITH MASTER": _PRIMARY,
    "CLUSTERDOWN": _CLUSTER,
    "CLUSTER IS DOWN": _CLUSTER,
    "HASH SLOT": _CLUSTER,
    "LOADING": "wait: it reads its data after a start; redis-cli INFO persistence",
    "BUSY ": "redis-cli SCRIPT KILL: somebody's script keeps it busy",
    "MAX NUMBER OF CLIENTS": "redis-cli CLIENT LIST tells who they are; maxclients in redis.conf",
    "USED MEMORY": "redis-cli INFO memory; pop the lists, or raise maxmemory",
    "OOM": "redis-cli INFO memory; pop the lists, or raise maxmemory",
    "DB INDEX": "a database that it has, in the URL: redis-cli CONFIG GET databases",
    "CERTIFICATE": _TLS,
    "USERNAME-PASSWORD": _LOGIN,
    "INVALID PASSWORD": _LOGIN,
    "AUTH": _LOGIN,
    "WRONGPASS": _LOGIN,
    "NAME OR SERVICE": _NAME,
    "NAME RESOLUTION": _NAME,
    "NO ADDRESS": _NAME,
    "RESET BY PEER": "rediss:// in the URL, if it speaks TLS there; its log",
    "CLOSED BY SERVER": "rediss:// in the URL, if it speaks TLS there; its log",
    "TIMEOUT": "redis-cli PING, from this machine; redis:// in the URL, if it speaks no TLS there",
}


def cure_of(error: str) -> str:
    """Return what mends an error of Redis, by its words."""
    said = error.upper()
    cures = (cure for word, cure in _CURES.items() if word in said)
    return next(cures, "systemctl status redis-server; redis-cli PING")
