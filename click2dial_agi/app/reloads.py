"""Reloads of the configuration, when SIGHUP asks for them."""

import asyncio
from collections.abc import Awaitable, Callable

from click2dial_agi.io.systemd import Systemd

__all__ = ["reload_when_asked"]


async def reload_when_asked(
    asked: asyncio.Event, systemd: Systemd, reload: Callable[[], Awaitable[None]]
) -> None:
    """Reload each time that somebody asks, one reload after the other; never returns.

    ``reload`` tells itself of what goes wrong.
    """
    while True:
        await asked.wait()
        asked.clear()
        with systemd.reloading():
            await reload()
