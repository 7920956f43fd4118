"""Ends tasks that wait for Redis or the PBX."""

import asyncio

__all__ = ["end"]

_AGAIN = 0.2


async def end(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks until they have ended.

    Once is not enough: asyncio.wait_for() of Python 3.11, through which redis-py sends, drops a
    cancellation that comes with the end of what it waits for; a client whose connection breaks may
    tell of that alone.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # of which it has told itself
