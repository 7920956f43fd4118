"""Whether a Redis keeps what it is given, and lets us do what we do: asked, not assumed.

``INFO``; a script that asks Redis itself (``redis.acl_check_cmd``, Redis 7) which of our commands
this user may run on our keys and channels; and one write, which is gone after a second.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoPermissionError, ResponseError

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.io.live_store import events_key

__all__ = ["RedisReport", "examine", "needs", "permissions"]

# ARGV: a command with its arguments as JSON, each.  Returns those that this user may not run.
_MAY_I = """
local refused = {}
if redis.acl_check_cmd then
  for _, command in ipairs(ARGV) do
    if not redis.acl_check_cmd(unpack(cjson.decode(command))) then
      refused[#refused + 1] = command
    end
  end
end
return refused
"""

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
    push = "LPUSH" if integrator.push == "left" else "RPUSH"
    commands: list[Command] = []
    for list_name in integrator.lists:
        marker = f"{{{list_name}}}:pushed:x"
        commands += [
            (push, list_name, "x"),
            ("LLEN", list_name),
            ("PUBLISH", list_name, "x"),
            ("SUBSCRIBE", list_name),
            ("EXISTS", marker),
            ("SET", marker, "x", "EX", "1"),
            ("GET", marker),
        ]
    base = f"{{{integrator.key_prefix}}}"
    hashes = (f"{base}:live", f"{base}:agents", f"{base}:away")
    commands += [(name, key, "x") for key in hashes for name in ("HGET", "HDEL", "HEXISTS")]
    commands += [(name, key) for key in hashes for name in ("HLEN", "HGETALL")]
    commands += [("HSET", key, "x", "x") for key in hashes]
    commands += [("INCR", f"{base}:minute:1"), ("EXPIRE", f"{base}:minute:1", "1")]
    commands += [("EXISTS", f"{base}:pbx:x"), ("SET", f"{base}:pbx:x", "1", "PX", "1")]
    commands += [("GET", f"{base}:idempotency:x"), ("SET", f"{base}:idempotency:x", "x")]
    if integrator.caller_ids.calls_per_day is not None:
        shown = f"{base}:shown:x"
        commands += [("HINCRBY", shown, "x", "1"), ("EXPIRE", shown, "1"), ("HGETALL", shown)]
    if is_live:
        past, events = f"{{{integrator.cdr_list}}}:history", events_key(integrator.cdr_list)
        commands += [("XADD", key, "*", "data", "x") for key in (past, events)]
        commands += [("XTRIM", past, "MAXLEN", "1"), ("EXPIRE", past, "1")]
        commands += [("XREVRANGE", past, "+", "-"), ("XRANGE", events, "-", "+")]
        commands += [("XREAD", "STREAMS", events, "0")]
    return [*commands, ("EVALSHA", "x", "0"), ("SCRIPT", "LOAD", "x")]


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
        refused = await redis.eval(_MAY_I, 1, cdr_list, *asked)
    except NoPermissionError:
        return [
            f"its user may not run EVAL on {cdr_list}, and every push is a script; "
            "see docs/redis.md for the ACL"
        ]
    except ResponseError as error:
        return [f"it runs no scripts, and every push is one: {error}"]
    shown = dict.fromkeys(_shown(json.loads(command)) for command in refused)
    if not shown:
        return []
    return [f"its user may not run {', '.join(shown)}; see docs/redis.md for the ACL"]


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
