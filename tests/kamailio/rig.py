"""Kamailio in front of two Asterisks with one server, and two Redis, one to be taken away."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from sandbox.cluster import BROWSERS, OUTBOUND, PHONES, Cluster, password
from sandbox.consumer import CDR_LIST
from sandbox.notifications import Notification, Notifications
from sandbox.redis import RedisServer, redis_server

__all__ = ["BROWSERS", "OUTBOUND", "PHONES", "Rig", "password"]


class Rig(Cluster):
    """All of it; use it as a context manager.  With `nodes` of 2 there are two Kamailios.

    Redis has the records; `shared` is the one of logins and errors, which tests take away.
    """

    def __init__(self, tree: Path, *, nodes: int = 1, tls: dict[str, str] | None = None) -> None:
        super().__init__(tree, pbxs=2, servers=1, nodes=nodes, tls=tls)

    @property
    def page(self) -> str:
        """The softphone's address."""
        return f"http://127.0.0.1:{self.api_port}/softphone"

    async def record(self, number: str, timeout: float = 5.0) -> dict[str, Any]:
        """Return the record of the call with a number, when it is there."""

        def mine(one: Notification) -> bool:
            return bool(one.payload["number"] == number)

        assert await self.notifications.wait(mine, 1, timeout), f"no record of {number}"
        (found,) = self.notifications.take(mine)
        return found.payload

    def _stores(self, stack: contextlib.ExitStack) -> tuple[str, str]:
        self.redis: RedisServer = stack.enter_context(redis_server())
        self.shared: RedisServer = stack.enter_context(redis_server())
        return self.redis.url, self.shared.url

    async def _open(self) -> None:
        await super()._open()
        self.notifications = Notifications(self.redis.url, [CDR_LIST])
        await self.notifications.open()

    async def _close(self) -> None:
        await super()._close()
        await self.notifications.close()
