"""Ends tasks that wait for Redis or the PBX."""

import asyncio

__all__ = ["end"]

_AGAIN = 0.2


async def end(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks until they have ended.

    Once is not enough: a client that is cancelled while its connection breaks may tell of the
    connection, and not of the cancellation (redis-py 8.1, seen once in 20 stops).
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # of which it has told itself
