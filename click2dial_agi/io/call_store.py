"""What several instances of the server must agree on about created calls, kept in Redis.

All keys of an integrator carry its prefix in braces, so a script's keys share one cluster slot.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any

from click2dial_agi.domain.integrators import Limits
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_client import REDIS_ERRORS, connect
from click2dial_agi.io.redis_lists import pushed_key

__all__ = ["Admission", "CallStore", "FirstAnswer"]

# The whole of a POST waits for these: one round trip each.
_TIMEOUT = 2.0

# For how long an Idempotency-Key is known (CONTRACT section 3).
_REMEMBER = 24 * 60 * 60

# A failed attempt rang nobody, so its key is free for another soon; until then simultaneous
# posts of one key get one answer.  Not longer than any Retry-After that such an answer names.
_REMEMBER_FAILURE = 4
_LASTING = (201, 504)

# KEYS: live calls, agents in a call, posts in this minute.
# ARGV: call_ref, agent, the call as JSON, calls_per_minute, concurrent_calls.
# A call that is counted in already was begun by a server that died before it answered; whoever
# takes it over holds its place.
_ADMIT = """
local holder = redis.call('HGET', KEYS[2], ARGV[2])
if holder == ARGV[1] then
  if cjson.decode(redis.call('HGET', KEYS[1], ARGV[1]))['lost'] then return 'agent' end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  return 'yes'
end
if holder then return 'agent' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 'concurrent' end
local posts = redis.call('INCR', KEYS[3])
if posts == 1 then redis.call('EXPIRE', KEYS[3], 120) end
if posts > tonumber(ARGV[4]) then return 'minute' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
return 'yes'
"""

# KEYS: live calls, agents in a call.  ARGV: call_refs.
_RELEASE = """
for _, call_ref in ipairs(ARGV) do
  local call = redis.call('HGET', KEYS[1], call_ref)
  if call then
    local agent = cjson.decode(call)['agent'] or ''
    if redis.call('HGET', KEYS[2], agent) == call_ref then redis.call('HDEL', KEYS[2], agent) end
    redis.call('HDEL', KEYS[1], call_ref)
  end
end
"""


# KEYS: live calls.  ARGV: call_ref, the call as it was found, what it is to be.
_CHANGE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""

# KEYS: live calls, agents in a call.  ARGV: call_ref, the call as it was found, what it is to be.
_HAND_OVER = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local agent = cjson.decode(ARGV[2])['agent'] or ''
if redis.call('HGET', KEYS[2], agent) == ARGV[1] then redis.call('HDEL', KEYS[2], agent) end
return 1
"""

# KEYS: an Idempotency-Key.  ARGV: what is to be known of it if nothing is, its lifetime.
# SET with NX and GET in one is Redis 7's; a script does with older ones.
_CLAIM = """
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return false
"""

# KEYS: an Idempotency-Key.  ARGV: what was known of it, what is to be known, its lifetime.
_RETAKE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class Admission(StrEnum):
    """Whether a call may be created, and if not, which limit says so."""

    YES = "yes"
    AGENT_BUSY = "agent"
    CONCURRENT = "concurrent"
    PER_MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What is known of an Idempotency-Key: the call and body it came with, and the answer.

    ``status`` is 0 while there is no answer, and 504 where nobody could tell whether the call was
    placed.  ``attempt`` counts those who took the key over from a server that died.
    """

    call_ref: str
    body_hash: str
    status: int = 0
    body: Any = None
    retry_after: int | None = None
    attempt: int = 0

    def text(self) -> str:
        """Return it as Redis keeps it."""
        return json.dumps([getattr(self, name) for name in self.__slots__])


class CallStore:
    """One integrator's created calls.  Every method raises :exc:`NotificationError`."""

    def __init__(self, url: str, key_prefix: str, cdr_list: str) -> None:
        self._redis = connect(url, _TIMEOUT)
        self._base = f"{{{key_prefix}}}"
        self._live = f"{self._base}:live"
        self._agents = f"{self._base}:agents"
        self._cdr_list = cdr_list
        self._admit = self._redis.register_script(_ADMIT)
        self._release = self._redis.register_script(_RELEASE)
        self._change = self._redis.register_script(_CHANGE)
        self._hand_over = self._redis.register_script(_HAND_OVER)
        self._claim = self._redis.register_script(_CLAIM)
        self._retake = self._redis.register_script(_RETAKE)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Ask for an answer."""
        await self._do(self._redis.ping())

    async def admit(
        self, call_ref: str, agent: str, call: Mapping[str, Any], limits: Limits, minute: int
    ) -> Admission:
        """Count a call in if no limit forbids it; ``minute`` is Unix time in whole minutes."""
        return Admission(
            await self._do(
                self._admit(
                    [self._live, self._agents, f"{self._base}:minute:{minute}"],
                    [
                        call_ref,
                        agent,
                        json.dumps(call),
                        limits.calls_per_minute,
                        limits.concurrent_calls,
                    ],
                )
            )
        )

    async def release(self, *call_refs: str) -> None:
        """Count calls out; those that were not in do no harm."""
        await self._do(self._release([self._live, self._agents], list(call_refs)))

    async def change(self, call_ref: str, call: Mapping[str, Any], **changes: Any) -> bool:
        """Change a call that was counted in; False if it is not as it was seen.

        ``lost`` keeps it from being taken over.
        """
        arguments = [call_ref, json.dumps(call), json.dumps({**call, **changes})]
        return bool(await self._do(self._change([self._live], arguments)))

    async def hand_over(self, call_ref: str, call: Mapping[str, Any], channel: str) -> bool:
        """Free the agent of a call that goes on with another channel; False as ``change``."""
        arguments = [call_ref, json.dumps(call), json.dumps({**call, "channel": channel})]
        return bool(await self._do(self._hand_over([self._live, self._agents], arguments)))

    async def live(self) -> dict[str, dict[str, Any]]:
        """Return the calls that were counted in, by call_ref."""
        calls = await self._do(self._redis.hgetall(self._live))
        return {call_ref: json.loads(call) for call_ref, call in calls.items()}

    async def live_call(self, call_ref: str) -> dict[str, Any] | None:
        """Return one call that was counted in."""
        call = await self._do(self._redis.hget(self._live, call_ref))
        return json.loads(call) if call else None

    async def record(self, call_ref: str) -> dict[str, Any] | None:
        """Return the cdr payload of a call that ended within 24 hours."""
        body = await self._do(self._redis.get(pushed_key(self._cdr_list, call_ref)))
        if body is None:
            return None
        payload: dict[str, Any] = json.loads(body)["payload"]
        return payload

    async def claim(self, key: str, mine: FirstAnswer) -> FirstAnswer | None:
        """Take an Idempotency-Key; return None, or what is known of it if it was taken before."""
        theirs = await self._do(self._claim([self._idempotency_key(key)], [mine.text(), _REMEMBER]))
        return None if theirs is None else FirstAnswer(*json.loads(theirs))

    async def retake(self, key: str, seen: FirstAnswer) -> FirstAnswer | None:
        """Take over a key that was left without an answer; None if it is not as it was seen."""
        mine = replace(seen, status=0, attempt=seen.attempt + 1)
        arguments: list[str | int] = [seen.text(), mine.text(), _REMEMBER]
        taken = await self._do(self._retake([self._idempotency_key(key)], arguments))
        return mine if taken else None

    async def answer(self, key: str, answer: FirstAnswer) -> None:
        """Keep the answer for an Idempotency-Key that was claimed."""
        keep = _REMEMBER
        if answer.status not in _LASTING:
            keep = min(_REMEMBER_FAILURE, answer.retry_after or _REMEMBER_FAILURE)
        await self._do(self._redis.set(self._idempotency_key(key), answer.text(), ex=keep))

    def _idempotency_key(self, key: str) -> str:
        # Hashed: a client's text never becomes part of a key.
        return f"{self._base}:idempotency:{sha256(key.encode()).hexdigest()}"

    @staticmethod
    async def _do(command: Any) -> Any:
        try:
            return await command
        except REDIS_ERRORS as error:
            raise NotificationError(f"Redis: {error or type(error).__name__}") from error
