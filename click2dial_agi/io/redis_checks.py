"""Whether a Redis keeps what it is given, and lets us do what we do: asked, not assumed.

``INFO``; a script that asks Redis itself (``redis.acl_check_cmd``, Redis 7) which of our commands
this user may run on our keys and channels; and one write, which is gone after a second.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoPermissionError, ResponseError

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.io.live_store import events_key

__all__ = ["RedisReport", "examine", "needs", "permissions", "unknown_command"]

# ARGV: a command with its arguments as JSON, each.  Returns those that this user may not run, and
# those that there are not (rename-command in redis.conf), which that function does not take.
_MAY_I = """
local refused, unknown = {}, {}
if redis.acl_check_cmd then
  for _, command in ipairs(ARGV) do
    local known, may = pcall(redis.acl_check_cmd, unpack(cjson.decode(command)))
    if not known then
      unknown[#unknown + 1] = command
    elseif not may then
      refused[#refused + 1] = command
    end
  end
end
return {refused, unknown}
"""

# What Redis says of a command that it has not, and which that is.
_UNKNOWN = re.compile("unknown command ['`]([A-Za-z]+)")

_KEEPS = "noeviction"

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RedisReport:
    """What is wrong with a Redis, in words with the cure; and which one it is.

    ``run_id`` is made anew at each start of a Redis, and empty where it does not tell.
    """

    findings: tuple[str, ...]
    run_id: str = ""


def needs(integrator: Integrator, *, is_live: bool) -> list[Command]:
    """Return an example of each command that is run for an integrator, on its keys and channels.

    ``is_live``: a PBX has ``ami``, so there are events and a history, too.
    """
    commands = [*_of_lists(integrator), *_of_created_calls(integrator)]
    commands += _of_live(integrator) if is_live else []
    return [*commands, ("EVALSHA", "x", "0"), ("SCRIPT", "LOAD", "x")]


def _of_lists(integrator: Integrator) -> Iterator[Command]:
    push = "LPUSH" if integrator.push == "left" else "RPUSH"
    for list_name in integrator.lists:
        yield (push, list_name, "x")
        yield ("LLEN", list_name)
        yield ("PUBLISH", list_name, "x")
        yield ("SUBSCRIBE", list_name)
        marker = f"{{{list_name}}}:pushed:x"
        yield ("EXISTS", marker)
        yield ("SET", marker, "x", "EX", "1")
        yield ("GET", marker)


def _of_created_calls(integrator: Integrator) -> Iterator[Command]:
    base = f"{{{integrator.key_prefix}}}"
    for key in (f"{base}:live", f"{base}:agents", f"{base}:away"):
        yield from ((name, key, "x") for name in ("HGET", "HDEL", "HEXISTS"))
        yield from ((name, key) for name in ("HLEN", "HGETALL"))
        yield ("HSET", key, "x", "x")
    yield from ((name, f"{base}:marks", "x") for name in ("HDEL", "HEXISTS"))
    yield ("HSETNX", f"{base}:marks", "x", "1")
    yield ("INCR", f"{base}:minute:1")
    yield ("EXPIRE", f"{base}:minute:1", "1")
    yield ("EXISTS", f"{base}:pbx:x")
    yield ("SET", f"{base}:pbx:x", "1", "PX", "1")
    for kept in ("idempotency", "token"):
        yield ("GET", f"{base}:{kept}:x")
        yield ("SET", f"{base}:{kept}:x", "x")
    yield ("PTTL", f"{base}:token:x")
    if integrator.caller_ids.calls_per_day is not None:
        shown = f"{base}:shown:x"
        yield ("HINCRBY", shown, "x", "1")
        yield ("EXPIRE", shown, "1")
        yield ("HGETALL", shown)


def _of_live(integrator: Integrator) -> Iterator[Command]:
    past, events = f"{{{integrator.cdr_list}}}:history", events_key(integrator.cdr_list)
    yield from (("XADD", key, "*", "data", "x") for key in (past, events))
    yield ("XTRIM", past, "MAXLEN", "1")
    yield ("EXPIRE", past, "1")
    yield from (("XREVRANGE", key, "+", "-") for key in (past, events))
    yield ("XRANGE", events, "-", "+")
    yield ("XREAD", "STREAMS", events, "0")
    live = f"{{{integrator.cdr_list}}}:live"
    for what in ("agents", "calls"):
        yield ("HGET", f"{live}:{what}:x", "x")
        yield ("HGETALL", f"{live}:{what}:x")
        yield ("HLEN", f"{live}:{what}:x")
        yield ("HSET", f"{live}:{what}:x", "x", "x")
        yield ("HDEL", f"{live}:{what}:x", "x")
        yield ("DEL", f"{live}:{what}:x")
    for what in ("lease", "fresh"):
        yield ("EXISTS", f"{live}:{what}:x")
        yield ("GET", f"{live}:{what}:x")
        yield ("SET", f"{live}:{what}:x", "1", "PX", "1")
        yield ("PEXPIRE", f"{live}:{what}:x", "1")
        yield ("DEL", f"{live}:{what}:x")
    yield ("INCR", f"{live}:fence:x")
    if integrator.agents_pubsub:
        yield ("PUBLISH", f"{integrator.key_prefix}:agents:x", "x")
    yield from _of_steering(f"{{{integrator.key_prefix}}}")


def _of_steering(base: str) -> Iterator[Command]:
    for kept in ("steering", "steered"):
        yield ("SET", f"{base}:{kept}:x", "x", "NX", "PX", "1")
        yield ("GET", f"{base}:{kept}:x")
        yield ("DEL", f"{base}:{kept}:x")
    yield ("HSET", f"{base}:paused", "x", "x")
    yield ("HDEL", f"{base}:paused", "x")
    yield ("HGETALL", f"{base}:paused")
    yield ("ZADD", f"{base}:paused_since", "NX", "1", "x")
    yield ("ZRANGEBYSCORE", f"{base}:paused_since", "-inf", "1")
    yield ("ZREM", f"{base}:paused_since", "x")


async def examine(redis: Any, integrator: Integrator, *, is_live: bool) -> RedisReport:
    """Return what is wrong with an integrator's Redis; ``redis`` is a client of one or a cluster.

    ``is_live`` is that of :func:`needs`.
    Raises one of :data:`~click2dial_agi.io.redis_client.REDIS_ERRORS` when it does not answer.
    """
    findings, run_id = await _server(redis)
    findings += await permissions(redis, needs(integrator, is_live=is_live), integrator.cdr_list)
    findings += await _lists(redis, integrator)
    findings += [] if findings else await _write(redis, integrator)
    return RedisReport(tuple(findings), run_id)


async def _server(redis: Any) -> tuple[list[str], str]:
    try:
        infos = await _info(redis)
    except NoPermissionError:
        return ["its user may not run INFO, so nobody can tell whether it keeps records"], ""
    except ResponseError as error:
        if not (lacking := unknown_command(error)):
            raise
        return [f"{_lacks(lacking)}, so nobody can tell whether it keeps records"], ""
    findings: list[str] = []
    for info in infos:
        policy = str(info.get("maxmemory_policy", _KEEPS))
        if policy != _KEEPS:
            findings.append(
                f"maxmemory-policy is {policy}: it deletes records that nobody has popped, or lets "
                "them come twice; CONFIG SET maxmemory-policy noeviction"
            )
        if info.get("role") == "slave":
            findings.append("it is a replica, and takes no records; name the primary, or Sentinels")
    return list(dict.fromkeys(findings)), str(infos[0].get("run_id", "")) if infos else ""


async def _info(redis: Any) -> list[Mapping[str, Any]]:
    if isinstance(redis, RedisCluster):
        answer = await redis.info(target_nodes=RedisCluster.PRIMARIES)
        nodes = list(answer.values())
        return nodes if nodes and isinstance(nodes[0], dict) else [answer]
    return [await redis.info()]


async def permissions(redis: Any, commands: Sequence[Command], cdr_list: str) -> list[str]:
    """Return which of these commands this user may not run, in words; Redis 7 knows.

    Raises one of :data:`~click2dial_agi.io.redis_client.REDIS_ERRORS` when it does not answer.
    """
    asked = [json.dumps(command) for command in commands]
    try:
        refused, unknown = await redis.eval(_MAY_I, 1, cdr_list, *asked)
    except NoPermissionError:
        return [
            f"its user may not run EVAL on {cdr_list}, and every push is a script; "
            "see docs/redis.md for the ACL"
        ]
    except ResponseError as error:
        if lacking := unknown_command(error):
            return [f"{_lacks(lacking)}, and no script can be run, as every push is one"]
        return [f"it runs no scripts, and every push is one: {error}"]
    findings = []
    if lacking := ", ".join(dict.fromkeys(json.loads(command)[0] for command in unknown)):
        findings.append(f"{_lacks(lacking)}, which we run")
    if shown := dict.fromkeys(_shown(json.loads(command)) for command in refused):
        findings.append(f"its user may not run {', '.join(shown)}; see docs/redis.md for the ACL")
    return findings


def unknown_command(error: ResponseError) -> str:
    """Return the command that a Redis says it has not; empty if it says anything else."""
    match = _UNKNOWN.match(str(error))
    return match[1] if match else ""


def _lacks(commands: str) -> str:
    # HELLO begins each connection, whatever is asked then.
    older = "Redis 6.0 has it; " if commands == "HELLO" else ""
    return f"it has no {commands} ({older}rename-command in redis.conf)"


def _shown(command: Sequence[str]) -> str:
    return " ".join(command[:2])


async def _lists(redis: Any, integrator: Integrator) -> list[str]:
    findings = []
    for name in integrator.lists:
        try:
            await redis.llen(name)
        except NoPermissionError:  # told of already
            continue
        except ResponseError as error:
            if not unknown_command(error):  # likewise
                findings.append(f"{name}: {error}")
    return findings


async def _write(redis: Any, integrator: Integrator) -> list[str]:
    """Mark a record that there is none of: out of memory or of disk, Redis only reads."""
    try:
        await redis.set(f"{{{integrator.cdr_list}}}:pushed:x", "x", ex=1)
    except NoPermissionError:  # told of already, by a Redis that knows
        return []
    except ResponseError as error:
        return [f"it takes nothing for {integrator.cdr_list}: {error}"]
    return []
