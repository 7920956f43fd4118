"""An event loop in a thread of its own, for tests that are not coroutines themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class LateError(TimeoutError):
    """What did not come in time; the traceback says where it was waited for.

    Of a plain TimeoutError asyncio makes another one, without a traceback.
    """


class LoopThread:
    """Runs coroutines while the test's thread goes on; use it as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="phones", daemon=True)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start it and return its future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end."""

        async def whole() -> T:
            try:
                return await work
            except TimeoutError as error:
                raise LateError(str(error) or "not in time") from error

        return self.submit(whole()).result()

    def cancel(self) -> None:
        """End all that runs."""
        self.run(self._cancel())

    def __enter__(self) -> LoopThread:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @staticmethod
    async def _cancel() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
