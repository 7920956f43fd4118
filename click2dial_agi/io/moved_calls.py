"""Which calls Kamailio has sent to another Asterisk, because the first one was silent.

Kamailio writes it down (``kamailio.cfg``) before the other one hears of the call.  So an Asterisk
that was frozen, and finds the call in its socket when it wakes up, can know.
"""

from click2dial_agi.io.redis_beside import RedisBeside

__all__ = ["MovedCalls"]

# The caller waits for it, of the few calls that took their time to reach Asterisk.
_TIMEOUT = 0.25


class MovedCalls:
    """Asks the Redis of Kamailio (``errors_redis``)."""

    def __init__(self, redis_url: str) -> None:
        self._redis = RedisBeside(redis_url, "calls that a frozen PBX has slept through go on")

    async def has(self, attempt: str) -> bool:
        """Tell whether this attempt was given up; False also where nobody can say.  Never raises.

        ``attempt`` is 64 hexadecimal digits.
        """
        key = f"c2d:moved:{attempt}"
        return bool(await self._redis.ask(lambda redis: redis.get(key), _TIMEOUT))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.close()
