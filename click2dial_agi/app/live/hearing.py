"""Whether a PBX's manager tells of all calls: it says nothing of what it keeps to itself.

A user without `read = call`, an `eventfilter` that leaves events out, a name in `disabledevents`:
the login is taken, and calls would never be seen, or never end.
"""

import logging
import time

from click2dial_agi.domain.live.board import Board
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ami import AMIConnection

__all__ = ["Hearing"]

log = logging.getLogger(__name__)

_TELL_AGAIN = 300.0


class Hearing:
    """Compares what was heard with the channels that there are; ``pbx`` names them in the log."""

    #: Seconds between two looks.  A channel counts that both find: events come a little later.
    EVERY = 5.0

    def __init__(self, pbx: str) -> None:
        self._pbx = pbx
        self._suspects: set[str] = set()
        self._told: float | None = None

    async def has_missed(self, connection: AMIConnection, board: Board) -> bool:
        """Tell whether something happened that the board has not been told of."""
        try:
            differ = board.unheard_of(one.fields for one in await connection.listing("Status"))
        except PBXUnreachable as error:  # who pings it knows as soon
            log.debug("%s: %s", self._pbx, error)
            return False
        missed, self._suspects = differ & self._suspects, differ
        if missed:
            self._tell(len(missed))
        return bool(missed)

    def _tell(self, missed: int) -> None:
        now = time.monotonic()
        if self._told is None or now >= self._told + _TELL_AGAIN:
            self._told = now
            log.warning(
                "%s: its manager has not told of %d channels; live calls are looked up instead, "
                "some seconds late; to mend it: read = call,agent and the eventfilter lines of "
                "etc/asterisk/manager.conf in our user's section of manager.conf, none of their "
                "names in disabledevents; asterisk -rx 'manager reload', systemctl restart "
                "click2dial-agi; then click2dial-agi doctor on the PBX's machine",
                self._pbx,
                missed,
            )
