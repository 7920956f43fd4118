"""Tells a board which agents have a phone at a Kamailio."""

import time
from collections.abc import Callable

from click2dial_agi.domain.live.board import Board
from click2dial_agi.domain.live.phones import Phones
from click2dial_agi.io.kamailio_door import KamailioDoors

__all__ = ["PhoneWatch"]


class PhoneWatch:
    """What Kamailios say, and have said a moment ago, of the phones of one PBX's agents."""

    #: Seconds between two questions: so long after a phone has come or gone its agent is shown as
    #: before.  5,000 agents take some 30 ms of each Kamailio's processor.
    EVERY = 4.0

    def __init__(self, doors: KamailioDoors) -> None:
        self._doors = doors
        self._phones = Phones()

    async def look(self, board: Board, now: Callable[[], int]) -> None:
        """Ask for the phones of all agents on the board, and tell it."""
        names = board.endpoints
        self._phones.hear(names, await self._doors.phones(names), time.monotonic())
        board.reach(self._phones.there(names, time.monotonic()), now())

    async def close(self) -> None:
        """Close the connections."""
        await self._doors.close()
