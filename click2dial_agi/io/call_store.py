"""What several instances of the server must agree on about created calls, kept in Redis.

All keys of an integrator carry its prefix in braces, so a script's keys share one cluster slot.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from click2dial_agi.domain.config import Limits
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_writer import pushed_key

__all__ = ["Admission", "CallStore", "FirstAnswer"]

# The whole of a POST waits for these: one round trip each.
_TIMEOUT = 2.0

# For how long an Idempotency-Key is known (CONTRACT section 3).
_REMEMBER = 24 * 60 * 60

# A failed attempt rang nobody, so its key is free for another soon; until then simultaneous
# posts of one key get one answer.
_REMEMBER_FAILURE = 10

# KEYS: live calls, agents in a call, posts in this minute.
# ARGV: call_ref, agent, the call as JSON, calls_per_minute, concurrent_calls.
_ADMIT = """
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 'agent' end
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
    local agent = cjson.decode(call)['agent']
    if redis.call('HGET', KEYS[2], agent) == call_ref then redis.call('HDEL', KEYS[2], agent) end
    redis.call('HDEL', KEYS[1], call_ref)
  end
end
"""


class Admission(StrEnum):
    """Whether a call may be created, and if not, which limit says so."""

    YES = "yes"
    AGENT_BUSY = "agent"
    CONCURRENT = "concurrent"
    PER_MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What is known of an Idempotency-Key: the call and body it came with, and the answer."""

    call_ref: str
    body_hash: str
    status: int = 0  # 0: no answer yet
    body: Any = None


class CallStore:
    """One integrator's created calls.  Every method raises :exc:`NotificationError`."""

    def __init__(self, url: str, key_prefix: str, cdr_list: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
        )
        self._base = f"{{{key_prefix}}}"
        self._live = f"{self._base}:live"
        self._agents = f"{self._base}:agents"
        self._cdr_list = cdr_list
        self._admit = self._redis.register_script(_ADMIT)
        self._release = self._redis.register_script(_RELEASE)

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

    async def claim(self, key: str, call_ref: str, body_hash: str) -> FirstAnswer | None:
        """Take an Idempotency-Key, or return what the first to take it knows."""
        name = self._idempotency_key(key)
        mine = json.dumps([call_ref, body_hash, 0, None])
        if await self._do(self._redis.set(name, mine, nx=True, ex=_REMEMBER)):
            return None
        theirs = await self._do(self._redis.get(name))
        if theirs is None:  # it ran out between the two commands
            return await self.claim(key, call_ref, body_hash)
        return FirstAnswer(*json.loads(theirs))

    async def answer(self, key: str, answer: FirstAnswer) -> None:
        """Keep the answer for an Idempotency-Key that was claimed."""
        text = json.dumps([answer.call_ref, answer.body_hash, answer.status, answer.body])
        keep = _REMEMBER if answer.status < 400 else _REMEMBER_FAILURE
        await self._do(self._redis.set(self._idempotency_key(key), text, ex=keep))

    async def forget(self, key: str) -> None:
        """Free an Idempotency-Key."""
        await self._do(self._redis.delete(self._idempotency_key(key)))

    def _idempotency_key(self, key: str) -> str:
        # Hashed: a client's text never becomes part of a key.
        return f"{self._base}:idempotency:{sha256(key.encode()).hexdigest()}"

    @staticmethod
    async def _do(command: Any) -> Any:
        try:
            return await command
        except (RedisError, OSError) as error:
            raise NotificationError(f"Redis: {error or type(error).__name__}") from error
