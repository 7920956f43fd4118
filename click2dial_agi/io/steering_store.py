"""What servers must agree on about calls that are steered, kept in Redis.

What a call *is* (muted, held, recorded or not) its channels say themselves; here is who steers it
at this moment, which keys have been used, and which recordings somebody has to look after.
"""

import time
from enum import Enum, auto
from hashlib import sha256
from secrets import token_hex

from click2dial_agi.domain.numbers import is_call_ref
from click2dial_agi.io.redis_client import answer_of, connect

__all__ = ["KeyUse", "SteeringStore"]

_TIMEOUT = 2.0

# A server that dies while it steers a call holds it for so long (ms); longer than the
# deadline of one action (app/control/steering.py).
_HOLD = 10_000

# An Idempotency-Key is known for as long as elsewhere (docs/contract.md).
_REMEMBER = 24 * 60 * 60

# What servers of before 0.5 left there: they did not say for what a key was taken.
_ANYTHING = "1"

# A paused recording is looked after for so long (s): its PBX may never come back.
_LOOK_AFTER = 24 * 60 * 60

# KEYS: who steers a call.  ARGV: who gives it up.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class KeyUse(Enum):
    """Whether an Idempotency-Key was taken before: not at all, for the same, or for another."""

    FIRST = auto()
    SAME = auto()
    OTHER = auto()


class SteeringStore:
    """One integrator's.  Every method raises :exc:`NotificationError` while Redis is away."""

    def __init__(self, url: str, key_prefix: str) -> None:
        self._redis = connect(url, _TIMEOUT)
        self._base = f"{{{key_prefix}}}"
        self._paused = f"{self._base}:paused"
        self._paused_since = f"{self._base}:paused_since"
        self._release = self._redis.register_script(_RELEASE)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def take(self, call_ref: str) -> str | None:
        """Be the one who steers a call; return what to give back, None if another one is."""
        mine = token_hex(8)
        taken = await answer_of(self._redis.set(self._key(call_ref), mine, nx=True, px=_HOLD))
        return mine if taken else None

    async def give(self, call_ref: str, mine: str) -> None:
        """Let others steer it."""
        await answer_of(self._release([self._key(call_ref)], [mine]))

    async def use_key(self, call_ref: str, action: str, key: str, wanted: str) -> KeyUse:
        """Take an Idempotency-Key for an action on a call, which does what is ``wanted``."""
        place, mine = self._place(call_ref, action, key), _hash(wanted)
        if await answer_of(self._redis.set(place, mine, nx=True, ex=_REMEMBER)):
            return KeyUse.FIRST
        return await self.key_use(call_ref, action, key, wanted)

    async def key_use(self, call_ref: str, action: str, key: str, wanted: str) -> KeyUse:
        """Tell whether an Idempotency-Key was taken, and for what."""
        known = await answer_of(self._redis.get(self._place(call_ref, action, key)))
        if known is None:
            return KeyUse.FIRST
        return KeyUse.SAME if known in (_hash(wanted), _ANYTHING) else KeyUse.OTHER

    async def forget(self, call_ref: str, action: str, key: str) -> None:
        """Let an Idempotency-Key be used again: its action was not done."""
        await answer_of(self._redis.delete(self._place(call_ref, action, key)))

    async def keep_paused(self, call_ref: str, paused_by: str) -> None:
        """Have a paused recording looked after; ``paused_by`` is the agent's channel."""
        await answer_of(self._redis.hset(self._paused, call_ref, paused_by))

    async def drop_paused(self, *call_refs: str) -> None:
        """They go on, or are over."""
        await answer_of(self._redis.hdel(self._paused, *call_refs))
        await answer_of(self._redis.zrem(self._paused_since, *call_refs))

    async def paused(self) -> dict[str, str]:
        """Return by whom recordings are paused, by call_ref; none for longer than a day."""
        found = await answer_of(self._redis.hgetall(self._paused))
        kept = {call_ref: by for call_ref, by in found.items() if is_call_ref(call_ref)}
        if not kept:
            return kept
        now = time.time()
        since = dict.fromkeys(kept, now)
        await answer_of(self._redis.zadd(self._paused_since, since, nx=True))
        aged = self._redis.zrangebyscore(self._paused_since, "-inf", now - _LOOK_AFTER)
        old: list[str] = await answer_of(aged)
        if old:
            await self.drop_paused(*old)
        return {call_ref: by for call_ref, by in kept.items() if call_ref not in old}

    def _place(self, call_ref: str, action: str, key: str) -> str:
        # Hashed: a client's text never becomes part of a key.
        return f"{self._base}:steered:{_hash(f'{call_ref} {action} {key}')}"

    def _key(self, call_ref: str) -> str:
        return f"{self._base}:steering:{call_ref}"


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
