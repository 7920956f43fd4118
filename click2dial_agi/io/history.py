"""The records of the last days, of one integrator: a stream that the push of a record adds to.

See :mod:`click2dial_agi.io.redis_lists`, where each is added in the step that pushes it.
"""

from click2dial_agi.io.redis_client import answer_of, connect
from click2dial_agi.io.redis_lists import history_key
from click2dial_agi.io.stream_ids import id_before

__all__ = ["History"]

_TIMEOUT = 2.0


class History:
    """Reads it, the newest first."""

    def __init__(self, url: str, cdr_list: str) -> None:
        self._redis = connect(url, _TIMEOUT)
        self._key = history_key(cdr_list)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def before(self, cursor: str, count: int) -> list[tuple[str, str]]:
        """Return ids and notifications before an id (two numbers), ``""`` for the end.

        Raises :exc:`NotificationError`.
        """
        last = id_before(cursor) if cursor else "+"
        if not last:
            return []
        found = await answer_of(self._redis.xrevrange(self._key, last, "-", count))
        return [(str(entry), fields.get("data", "")) for entry, fields in found]
