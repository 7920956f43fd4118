"""A CRM that pops call records all the time, while Redis may die or move."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

CDR_LIST = "enigma:notifications:cdr"


class Consumer:
    """A CRM that pops all the time, by the safe pattern: nothing is lost if Redis dies meanwhile.

    ``connect`` is asked anew after each failure.
    """

    def __init__(self, connect: Callable[[], Redis]) -> None:
        self.texts: list[str] = []
        self._connect = connect
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(RedisError, OSError), self._connect() as redis:
                self._consume(redis)
            self._stop.wait(0.05)

    def _consume(self, redis: Redis) -> None:
        mine = f"{CDR_LIST}:taken"
        # What was taken when the connection broke: new, or the last one that we have.
        for text in reversed(cast("list[str]", redis.lrange(mine, 0, -1))):
            if text not in self.texts:
                self.texts.append(text)
            redis.lrem(mine, 1, text)
        while not self._stop.is_set():
            taken = cast("str | None", redis.blmove(CDR_LIST, mine, 0.2, "RIGHT", "LEFT"))  # type: ignore[arg-type]
            if taken is not None:
                self.texts.append(taken)
                redis.lrem(mine, 1, taken)


def connect(url: str) -> Redis:
    """Return a consumer's connection, which gives up soon."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
