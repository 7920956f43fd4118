"""Asks Kamailios whether an agent has a phone: behind one, Asterisk takes every agent for there."""

import asyncio
import json
import logging

from click2dial_agi.domain.kamailio import DOOR_NAME, Kamailio
from click2dial_agi.io.http_client import HTTPClient

__all__ = ["KamailioDoors"]

log = logging.getLogger(__name__)

# Kamailio looks it up in memory; what takes longer is one that is away, and a POST that waits.
_TIMEOUT = 0.5


class KamailioDoors:
    """The inner sides of all Kamailios."""

    def __init__(self, kamailio: Kamailio, timeout: float = _TIMEOUT) -> None:
        self._doors = {
            node.name: HTTPClient(f"http://{node.inner}", DOOR_NAME, kamailio.door_key, timeout)
            for node in kamailio.nodes
        }
        self._silent: set[str] = set()  # told of in the log

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(door.close() for door in self._doors.values()))

    async def has_phone(self, name: str) -> bool | None:
        """Tell whether a phone has registered as ``name``; None if no Kamailio answers.

        They tell each other, but a word may be lost: one that knows of it is enough.
        """
        asked = [asyncio.create_task(self._ask(node, name)) for node in self._doors]
        known: bool | None = None
        try:
            for answer in asyncio.as_completed(asked):
                found = await answer
                if found:
                    return True
                known = found if found is not None else known
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return known

    async def _ask(self, node: str, name: str) -> bool | None:
        try:
            answer = await self._doors[node].request("GET", f"/phones/{name}")
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            registered = json.loads(answer.body)["registered"]
            if not isinstance(registered, bool):
                raise ValueError("no answer of Kamailio's")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            if node not in self._silent:
                self._silent.add(node)
                reason = str(error) or "no answer in time"
                log.warning(
                    "Kamailio %s does not tell whether agents have phones: %s", node, reason
                )
            return None
        if node in self._silent:
            self._silent.discard(node)
            log.warning("Kamailio %s tells again whether agents have phones", node)
        return registered
