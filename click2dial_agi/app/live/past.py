"""Looks for records of the last days."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.records import client_of

__all__ = ["Before", "Wanted", "search"]

# What one request looks through at the most: some 50 ms of Redis and ours.  Who asks for what is
# rare gets a cursor, and goes on.
_MOST = 10_000
_BATCH = 500

# A record is stored after its call was dialled, by another clock.
_CLOCKS = 3600

Before = Callable[[str, int], Awaitable[list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: of calls dialled from ``first`` to ``last`` (Unix seconds), None for any.

    ``agent`` and ``number`` are as the integrator's ``agent_key`` writes them.
    """

    first: float | None = None
    last: float | None = None
    agent: str = ""
    number: str = ""
    contact_ref: str = ""

    def takes(self, record: dict[str, Any], integrator: Integrator) -> bool:
        """Tell whether a record is one of them."""
        dialed_at = record["dialed_at"]
        return (
            (self.first is None or dialed_at >= self.first)
            and (self.last is None or dialed_at <= self.last)
            and self.agent in ("", integrator.agent_key(str(record["extension"])))
            and self.contact_ref in ("", record["contact_ref"])
            and self.number in ("", integrator.agent_key(client_of(record)))
        )


async def search(
    before: Before, wanted: Wanted, integrator: Integrator, cursor: str, limit: int
) -> tuple[list[dict[str, Any]], str]:
    """Return records, the newest first, and where to go on; ``""`` if there are no more.

    It may return fewer than ``limit``, or none, and yet there are more.  What is older than
    ``history_days`` is not shown, whatever Redis still holds of it: it trims at a push alone.
    """
    oldest = time.time() - integrator.history_days * 86_400
    if wanted.first is not None:
        oldest = max(oldest, wanted.first - _CLOCKS)
    found: list[dict[str, Any]] = []
    looked = 0
    while looked < _MOST:
        entries = await before(cursor, _BATCH)
        for cursor, text in entries:
            looked += 1
            if _stored_at(cursor) < oldest:
                return found, ""
            record = _record(text)
            if record is not None and wanted.takes(record, integrator):
                found.append(record)
                if len(found) == limit:
                    return found, cursor
        if len(entries) < _BATCH:
            return found, ""
    return found, cursor


def _stored_at(cursor: str) -> float:
    return int(cursor.partition("-")[0]) / 1000


def _record(text: str) -> dict[str, Any] | None:
    try:
        record = parse_json(text)["payload"]
        client_of(record)
        whole = isinstance(record["dialed_at"], int) and {"extension", "contact_ref"} <= set(record)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(record) if whole else None
